// Package workflow runs pipelines of steps that call language models, so that nothing paid is paid twice.
//
// A step is an ordinary function of a context, and the context knows the run:
//
//	var writer = workflow.Model("writer")
//
//	var topics = workflow.NewTask("topics", func(ctx context.Context) ([]string, error) {
//		return providers.Generate[[]string](ctx, writer, "Five things to know about tides.")
//	})
//
//	var notes = workflow.NewEach("notes", topics.Result, func(topic string) string { return topic },
//		func(ctx context.Context, topic string) (string, error) {
//			return providers.Generate[string](ctx, writer, "Two paragraphs on: "+topic)
//		}, workflow.Concurrency(4))
//
//	tides, err := workflow.New("tides", topics, notes)
//	run, err := tides.Run(ctx, "monday", workflow.Config{Model: model}) // killed? run it again: it goes on
//	texts, err := notes.Results(run.Context(ctx))
//
// # Steps
//
// A [Task] gives one result. An [Each] gives one for each of its items: it runs several at once, in [Lane]s where order
// matters, and a failing item does not stop the others. [NewParallel] runs steps side by side. A [Gate] waits for a person. Any type with Name and Run
// is a step.
//
// # Inside a step
//
// [Model] makes calls durable: an answer is in the journal before the caller sees it. [Do], [Tool] and [Embedder] do the
// same for side effects, tools of agents, and embeddings. [Params] and the Result methods read, and note what was read.
// [Now] and [Rand] keep prompts equal from session to session.
//
// # People
//
// A [Gate] shows something and waits for a person, who decides by [Run.Ask], in any process. The steps beside it go on; when
// nothing else is left to do, the run stops with ErrWaiting, and goes on by Run or Resume once there is a decision:
//
//	var review = workflow.NewGate("review", outline.Result)
//
//	run.Ask(ctx, state.Request{Kind: state.AskApprove, Step: "review", By: "ann", Note: "more rain"})
//
// A decision is about what was shown: the gate asks again when that has changed. Rejected, the step fails with ErrDeclined,
// and the next session asks again. [Run.Edit] puts a person's result in the place of a recorded one, and [Run.Retry] tries
// again some of what failed.
//
// # Failing and stopping
//
// What a provider does wrong is retried by the model (see package resilience and providers.Chain). A step or item is
// attempted again after [Reject], after an error of unknown class, and once after a panic. Stopping is an error: ErrPaused,
// ErrWaiting, ErrPartial, or a [*StepError]; nil means that the run is complete. Whatever happened, Run goes on where it stopped.
//
// # Logs
//
// Config.Logger gets a line for each event that is recorded. The fields, under names that stay: run; step, item, do and attempt where the
// event has them; provider and model; class (of an error), status (HTTP, or the run's), next and wait_ms (what is done about it, and
// when); call and try; role; reason, by and who (of people); code (of a warning); error, which is [ErrorText]. What says nothing is left
// out. Steps, retries, waits and providers are info, what failed is warn or error, single calls and items are debug.
//
// No line holds a key, a prompt, an answer, or a text that may repeat one: a provider's message, a panic's value, the error of a step's
// own. Those are in the journal, and even there without keys and without pieces of the prompt. Names are told: of steps, items, Dos,
// roles, providers. [Logger] is for lines of the program's own, which the program keeps clean itself.
package workflow
