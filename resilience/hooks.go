package resilience

import (
	"context"
	"time"

	"github.com/tmc/langchaingo/llms"
)

// Hooks let the engine of a run watch and steer the model calls made under a context. workflow sets them; whoever makes
// requests (providers.Chain) calls them. Every field may be nil; the methods of Hooks do the right thing then.
//
// For each request the order is: Replay; if that has no answer, Before, then the request, then After. What comes back
// from Replay or After is judged the same way.
type Hooks struct {
	// Role is the agent role of the call, part of the request's hash.
	Role string

	// Run is the name of the run. Runs that share a provider's limits take turns.
	Run string

	// Replay returns the recorded answer of an equal request, when there is one, with the names of who gave it (see AnswerFrom).
	// Nothing is paid then, and neither Before nor After is called for the try.
	Replay func(ctx context.Context, t Try) (*llms.ContentResponse, bool, error)

	// Before is called before a request leaves; an error refuses the call: the request must not be made, and the error must
	// come back unchanged (wrapped at most) from GenerateContent.
	Before func(ctx context.Context, t Try) error

	// After is called once for each request that Before let through, with the outcome in t, and returns when it is recorded. It
	// returns the answer as recorded, which is the one to judge and to hand out (nil when t failed). An error means that the
	// answer could not be recorded: it must come back from GenerateContent like one of Before.
	After func(ctx context.Context, t Try, resp *llms.ContentResponse) (*llms.ContentResponse, error)

	// Cooling tells until when a provider is known to cool down, from before this process or from another call, and what of.
	Cooling func(provider, model string) (until time.Time, class Class)

	// Cooled tells the run that a provider cools down, or (until zero) is out for the session, or is well again (class "").
	Cooled func(ctx context.Context, provider, model string, class Class, until time.Time)

	// Waiting tells that a wait of d begins, and why.
	Waiting func(ctx context.Context, d time.Duration, why string)

	// Wasted tells that an answer (see AnswerID) was not used, and why. It still replays.
	Wasted func(ctx context.Context, answer string, why error)

	// Rejected tells that whoever asked gave up: none of these answers (see AnswerID; in the order asked) passed its checks.
	// If the attempt fails, they are dead.
	Rejected func(ctx context.Context, answers []string, why error)

	// Warn tells the user something about an answer that was accepted all the same.
	Warn func(ctx context.Context, code, message string)

	// Pause, when closed, says: start nothing new, end waits. PauseErr then gives the error to return (it may be nil).
	Pause    <-chan struct{}
	PauseErr func() error
}

// Try is one request to one provider, before it leaves and after it ended.
type Try struct {
	// Set before the request leaves.
	Provider string   // name of the chain's member; empty for a model that is not of a chain
	Model    string   // model asked for
	Role     string   // of the Hooks
	Hash     string   // Fingerprint of the request as this try sends it
	Messages []string // a short hash for each message, see Fingerprint
	Estimate Usage    // prompt tokens, roughly, and the most the answer may have
	Most     Usage    // the most it can use: see PromptBound and AnswerBound; a zero field is unknown

	// Set when it ended. Err nil: answered.
	Class   Class
	Status  int    // HTTP; zero: none
	Finish  string // finish reason as the provider gave it
	Usage   Usage
	Latency time.Duration
	Next    string        // what will be done about a failure: NextRetry, NextSwitch, NextWait, NextGiveUp
	Wait    time.Duration // before that
	Err     error
}

// Usage counts tokens. Cached, which the provider had in its cache, and Written, which it put there, are parts of Input,
// Reasoning is one of Output. All zero: unknown.
type Usage struct{ Input, Output, Cached, Reasoning, Written int64 }

// What is done about a failed try.
const (
	NextRetry  = "retry"
	NextSwitch = "switch"
	NextWait   = "wait"
	NextGiveUp = "give up"
)

// TryReporter is implemented by a model that calls the Hooks for each of its requests itself, as providers.Chain does. For
// any other model the engine records one try for each GenerateContent.
type TryReporter interface{ ReportsTries() bool }

// ReportsTries says whether the model calls the Hooks itself.
func ReportsTries(m llms.Model) bool {
	r, ok := m.(TryReporter)
	return ok && r.ReportsTries()
}

// AnswerKey is the key of GenerationInfo, in the first choice of an answer that was recorded in a run, under which the
// answer's id (a string) stands.
const AnswerKey = "dogear_answer"

// AnswerID is the id of a recorded answer, empty for one that was not recorded.
func AnswerID(resp *llms.ContentResponse) string {
	if resp == nil || len(resp.Choices) == 0 || resp.Choices[0] == nil {
		return ""
	}
	id, _ := resp.Choices[0].GenerationInfo[AnswerKey].(string)
	return id
}

// ProviderKey and ModelKey are the keys of GenerationInfo, beside [AnswerKey], under which the names of the [Try] that was
// answered stand.
const (
	ProviderKey = "dogear_provider"
	ModelKey    = "dogear_model"
)

// PartsKey is the key of GenerationInfo under which, in an answer that was continued, the ids ([]string) of its further parts
// stand.
const PartsKey = "dogear_parts"

// AnswerIDs are the ids of the recorded answers that make this one: one, or several when it was continued, the first one first.
func AnswerIDs(resp *llms.ContentResponse) []string {
	id := AnswerID(resp)
	if id == "" {
		return nil
	}
	more, _ := resp.Choices[0].GenerationInfo[PartsKey].([]string)
	return append([]string{id}, more...)
}

// AnswerFrom is who gave a recorded answer; both are empty for one that was not recorded.
func AnswerFrom(resp *llms.ContentResponse) (provider, model string) {
	if AnswerID(resp) == "" {
		return "", ""
	}
	provider, _ = resp.Choices[0].GenerationInfo[ProviderKey].(string)
	model, _ = resp.Choices[0].GenerationInfo[ModelKey].(string)
	return provider, model
}

type hooksKey struct{}

// WithHooks returns a context that carries the hooks.
func WithHooks(ctx context.Context, h Hooks) context.Context {
	return context.WithValue(ctx, hooksKey{}, h)
}

// HooksFrom returns the hooks that the context carries, or the zero Hooks.
func HooksFrom(ctx context.Context) Hooks {
	h, _ := ctx.Value(hooksKey{}).(Hooks)
	return h
}
