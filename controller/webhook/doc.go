// Package webhook tells an address of yours when a run ends, stops to wait, or loses a provider.
//
//	hook, err := webhook.New(webhook.Config{URL: "https://example.com/hooks/dogear", Secret: os.Getenv("HOOK_SECRET")})
//	if err != nil {
//		return err
//	}
//	defer func() {
//		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
//		defer cancel()
//		_ = hook.Close(ctx) // what it could not deliver was logged
//	}()
//	err = pipeline.Run(ctx, "monday", workflow.Config{Observers: []state.Observer{hook.Observe}})
//
// # What is sent
//
// A POST for each of: run.completed, run.failed, run.partial, run.paused, run.budget (paused because the budget does not allow the
// next call), run.waiting (for a person), gate.opened (a person is asked while the run goes on beside it), and provider.lost (a
// provider is out for this session). The body is a [Notification] as JSON, or with [Slack] a text. It holds names, numbers, classes
// and composed sentences. It never holds a prompt, an answer, a result, a key, or the message of an error, which may repeat any of
// them: those are in the run's status. Only the reason of a pause is in the words of who asked for it.
//
// A run that ends without a word in its journal sends nothing: its process was killed, its context was cancelled, its journal
// could not be written.
//
// # How it is signed
//
// By the Standard Webhooks scheme (https://www.standardwebhooks.com): the headers webhook-id, webhook-timestamp and
// webhook-signature, which that project's libraries verify. Without a secret the signature is left out.
//
// # What is promised
//
// The run never waits for a webhook, and never fails because of one: what goes wrong is a line of the log.
//
// The id is made of the run's id and the event's number in the journal. So it is the same on every attempt, and in every process
// that ever works on the run; a receiver that remembers ids takes nothing twice. An event is sent by the process that wrote it and by
// no other: what that process could not deliver before it ended, because the receiver was down or the process was killed, is not
// sent later. Who must know for certain reads the run's status.
package webhook
