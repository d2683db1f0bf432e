// Package dashboard shows runs in a browser, and lets people act on them. It reads a store, so it shows the runs of this
// process and of others alike, while they go on and afterwards.
//
// # Mounting it
//
// [New] makes an [http.Handler]. All its links are relative, so it works at the root of a server and, with
// [http.StripPrefix], below any path:
//
//	d, err := dashboard.New(dashboard.Config{Store: store})
//	mux.Handle("/runs/", http.StripPrefix("/runs", d))
//	...
//	defer d.Close(ctx) // before the server is shut down: it ends the event streams
//
// [Dashboard.Serve] is a server with limits that suit it, and what `novel serve` runs. With Config.Open the dashboard works
// on runs itself, on goroutines that Close pauses and waits for. A program that works on runs itself may give them
// [Dashboard.Observe], so that who looks on sees what happens at once.
//
// # Who is answered
//
// Without a token only requests from this machine (by the address of the connection), under a name of this machine (the Host
// header: an address of the loopback or localhost), and not through a proxy. New refuses names of other machines
// (Config.Hosts) without a Config.Token, and Serve an address that others can reach.
//
// With a token every request must carry it, as "Authorization: Bearer TOKEN" or by the cookie that the login page gives
// for it (HttpOnly, SameSite=Strict, signed, for seven days; a new token ends all logins). It is never part of a URL. Wrong
// ones are counted by address: after five, one in twelve seconds. The Host must be of this machine, an address, or one of
// Config.Hosts. TLS is left to what stands before the dashboard.
//
// A POST, a stream and the API are refused when Sec-Fetch-Site or Origin say that a page of another site asks. Bodies must be
// JSON, except for the login's form. All answers carry a Content-Security-Policy that allows the embedded files alone: no
// inline script or style, no frame, no other site. What a model wrote is escaped in pages and JSON. Names of runs are checked
// with [state.ValidName]; nothing outside the store can be reached.
//
// Whoever is let in may read all runs of the store, and act on them.
//
// # The API
//
// Objects are JSON, declared in this package; fields may be added, never renamed. Times are RFC 3339, costs micro-dollars.
//
//	GET  /api/runs                    RunList     ?status=running,paused &q=part of the name &sort=-updated &after=NEXT &limit=
//	GET  /api/runs/{run}              RunView
//	GET  /api/runs/{run}/items        ItemList    ?step= &from= &limit= &status=failed
//	GET  /api/runs/{run}/grid         Grid        ?step=
//	GET  /api/runs/{run}/result       ResultView  ?step= &item=
//	GET  /api/runs/{run}/events       EventList   ?after=SEQ or &before=SEQ, &limit=
//	GET  /api/runs/{run}/cost         CostSeries  read in the background: ask again until complete
//	POST /api/runs/{run}/pause        {}             → Accepted
//	POST /api/runs/{run}/resume       ResumeRequest  → Accepted
//	POST /api/runs/{run}/retry        RetryRequest   → Accepted
//	POST /api/runs/{run}/approve      DecideRequest  → Accepted
//	POST /api/runs/{run}/reject       DecideRequest  → Accepted
//	POST /api/runs/{run}/edit         EditRequest    → Accepted
//	GET  /events                      a stream: what changes in the list of runs
//	GET  /events?run=NAME             a stream: what happens in a run
//	POST /login, /logout              {"token": "..."}, {}
//
// Lists are sorted by updated, name, status, progress or cost, with a hyphen downwards. Actions that a run allows now stand
// in RunView.Actions. They answer 202 once they have begun, or are asked for: what comes of them shows in the run. Pause,
// approve and reject also reach a run of another process, through the store's inbox; resume, retry and edit need Config.Open
// and a run that nobody works on. A run that is paused for its budget is resumed with another one, which needs Config.OpenWith.
// The first decision about a gate counts; another one is refused. A decision and an edit name by hash what the person saw; they are refused when that has
// changed. Pausing, and what was decided or edited, is recorded with Config.Who.
//
// # Errors
//
// The body of an answer that is an error is a Problem, with the status
//
//	400 a parameter or body can't be understood           413 the body is too large (64 KB; an edit 8 MB)
//	401 the token is missing or wrong                     415 the body is not JSON
//	403 the request comes from elsewhere                  422 it can't be done: no gate, a result of another type, damage
//	404 no such run, step, item or result                 429 too many wrong tokens or actions; see Retry-After
//	409 somebody works on the run, or what was            500 a fault; the log says more
//	    seen has changed                                  503 a bound is reached, or the dashboard closes; see Retry-After
//
// # Streams
//
// /events are server-sent events. Of a run:
//
//	run    RunView, when something of it changed, a few times a second at most; the first thing that a client is told
//	items  Change: items that changed, or (stale) that the grid is to be read again
//	event  EventView: what happened; of a burst, the last hundred
//
// and of the list: runs (RunSummary of a run that changed), gone (the name of one that is not there any more), reload (read the
// list again). The event end says that the dashboard closes, and not the connection.
//
// The id of an event names the place in the journal, and which journal. A client that comes back with it (Last-Event-ID)
// is told what it missed, up to a thousand events; one that was away for longer is told the run as it is now, and to read
// the items again. A page that was made just before sends RunView.Seq as ?after= instead. A client that is too slow skips
// what was in between in the same way, and one that takes nothing for ten seconds is dropped; no other client, and no run,
// waits for it. Comments are sent every 15 seconds, so that both ends notice a dead connection.
//
// # What it costs
//
// One goroutine looks at each run that has streams, by [state.Store.Head], every Config.Poll, and reads what is new; all
// clients share what it encodes. A run is kept in memory, as its fold, while somebody looks at it and two minutes longer. The
// command in internal/bench measures it: `go run ./controller/dashboard/internal/bench`.
package dashboard
