// Package cli gives any pipeline the same command line: run, resume, status, pause, retry, approve, reject, edit, show, history,
// export, verify, repair, prune, copy and doctor. A program hands it the pipeline and its parameters:
//
//	os.Exit(cli.Main(cli.App[Params]{
//		Pipeline: novel,
//		Run:      "Ten_Chapter_Novel",
//		Params:   Params{Genre: "science fiction", Chapters: 10},
//		Flags: func(f *pflag.FlagSet, p *Params) {
//			f.StringVar(&p.Genre, "genre", p.Genre, "what kind of novel")
//			f.IntVar(&p.Chapters, "chapters", p.Chapters, "how many chapters, 1 to 200")
//		},
//	}))
//
// Results go to stdout; progress, warnings and logs to stderr. Exit codes: 0 completed; 1 failed, locked or damaged;
// 2 refused because of what was typed; 3 completed in part; 4 paused or waiting for a person.
//
// Flags of two kinds: those that App.Flags declares belong to the run, are recorded when it starts, and contradict it
// when they differ on resume; --config, --provider, --parallel, --inject and --seed belong to the session, are recorded
// too, and may change on every resume.
//
// A step that waits for a person (workflow.Gate) ends the session with what it shows and what to type. approve and reject leave
// the decision, which a running process takes in at once, and any other run when it goes on. edit opens a recorded result in
// $VISUAL or $EDITOR. Parameters may decide which steps a run has: see App.PipelineOf.
//
// --webhook URL (or DOGEAR_WEBHOOK) tells an address how the run ends, signed with DOGEAR_WEBHOOK_SECRET; see package webhook. An
// address may hold a secret, so it is neither recorded nor shown, and is given again on resume.
//
// --log-format json makes every line of stderr an object: ts, level and msg, and the fields that package workflow documents. What
// else would stand on stderr is the msg of such a line; progress lines are left out, since the log tells the same.
//
// The runs are kept in files below --out, or where --store says: file:DIR, sqlite:FILE, or a scheme of App.Stores. The files made
// from a run go below --out in any case (with file:DIR and no --out, into DIR).
//
// Who answers is said by --provider, else by the program's own Config.Model and Roles, else by DEFAULT_LLM_PROVIDER, else by the
// chain of a configuration file (see providers.ParseConfig); else it is the offline author.
package cli
