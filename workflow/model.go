package workflow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// Model returns an llms.Model that makes the calls of a role durable: every answer is in the journal before the call
// returns, and on resume equal requests are answered from there, for nothing. It is a value; make it anywhere. It finds
// run, step and item in the context of each call, and the model to ask in Config.Roles or Config.Model; a context that
// belongs to no step is an error (ErrNoRun), never an unrecorded call. It is safe for concurrent use.
func Model(role string) llms.Model { return durableModel{role} }

type durableModel struct{ role string }

// Call implements llms.Model.
func (m durableModel) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

// GenerateContent implements llms.Model.
func (m durableModel) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	what := "a model call"
	if m.role != "" {
		what = "a model call of role " + m.role
	}
	sc, err := working(ctx, what)
	if err != nil {
		return nil, err
	}
	model := sc.session.cfg.model(m.role)
	if model == nil {
		return nil, misuse("%s: no model: set Config.Model, or Config.Roles[%q]", what, m.role)
	}
	sc.attempt.ask(messages)
	c := &call{scope: sc, role: m.role, id: sc.session.callID()}
	c.outer, _ = ctx.Value(callKey{}).(*call)
	ctx = resilience.WithHooks(context.WithValue(ctx, callKey{}, c), c.hooks())
	defer c.abandon()
	var resp *llms.ContentResponse
	if resilience.ReportsTries(model) {
		resp, err = model.GenerateContent(ctx, messages, options...)
	} else {
		resp, err = c.single(ctx, model, messages, options)
	}
	return resp, c.end(err)
}

func (c Config) model(role string) llms.Model {
	if m := c.Roles[role]; m != nil {
		return m
	}
	return c.Model
}

// call is one GenerateContent.
type call struct {
	scope *scope
	role  string
	id    string
	tries atomic.Int64
	first atomic.Uint64 // the first answer it consumed
	worst worst         // of the try that is being made
	hold  atomic.Pointer[hold]
	outer *call // during which this one is made; nil: none
}

// end remembers how the call ended, for whatever error its attempt may come up with.
func (c *call) end(err error) error {
	sc := c.scope
	if err == nil || sc.attempt.poisoned() != nil {
		return err
	}
	var long interface{ WaitUntil() time.Time }
	if errors.As(err, &long) {
		// Nobody should sleep that long: the run pauses until then.
		pause := &PauseError{Reason: resilience.Redact(sc.attempt.quiet(err).Error()), Until: long.WaitUntil()}
		sc.session.halt(pause)
		sc.attempt.poisonWith(pause)
		return fmt.Errorf("%w: %w", pause, err)
	}
	if refusal := sc.session.refusal(sc.at.Step); refusal != nil {
		// The call was cut short by the end of the session, whatever its error says.
		sc.attempt.poisonWith(refusal)
		return err
	}
	class := sc.session.cfg.Policy.ClassOf(err)
	if class == resilience.Canceled {
		return err // the step itself took back what it asked
	}
	x := exhausted{class: class, err: err}
	if aboutContent(class) {
		x.from = c.first.Load()
	}
	sc.attempt.exhaust(x)
	return err
}

// aboutContent says that a failure of this class lies in what was answered, so that the answers must not be found again.
func aboutContent(c resilience.Class) bool {
	return slices.Contains([]resilience.Class{
		resilience.EmptyResponse, resilience.Truncated, resilience.InvalidResponse, resilience.ContentPolicy,
	}, c)
}

// hooks are those of one call; they extend the scope's.
func (c *call) hooks() resilience.Hooks {
	h := c.scope.hooks()
	h.Role, h.Replay, h.Before, h.After = c.role, c.replay, c.before, c.after
	h.Cooling, h.Cooled = c.scope.session.cooling, c.cooled
	return h
}

func (c *call) replay(ctx context.Context, t resilience.Try) (*llms.ContentResponse, bool, error) {
	seq, ok := c.scope.takeAnswer(t.Hash)
	if !ok {
		return nil, false, nil
	}
	e, err := c.scope.session.rec.Event(ctx, seq)
	if err != nil {
		c.scope.putBack(c.scope.answers, t.Hash, seq)
		return nil, false, fmt.Errorf("reading a recorded answer back: %w", err)
	}
	recorded, ok := e.Data.(state.CallAnswered)
	if !ok {
		return nil, false, fmt.Errorf("event %d is %s, not an answer", seq, e.Type)
	}
	if err := c.scope.emit(state.CallReplayed{Of: seq, Provider: recorded.Provider, Model: recorded.Model}); err != nil {
		return nil, false, err
	}
	resp, err := c.used(seq, recorded)
	return resp, err == nil, err
}

// used hands out a recorded answer: the same way whether it was just paid or recorded long ago.
func (c *call) used(seq uint64, a state.CallAnswered) (*llms.ContentResponse, error) {
	c.first.CompareAndSwap(0, seq)
	c.scope.attempt.consume(seq, true)
	resp, err := decodeAnswer(a.Answer, seq)
	if err == nil && len(resp.Choices) > 0 {
		info := resp.Choices[0].GenerationInfo
		info[resilience.ProviderKey], info[resilience.ModelKey] = a.Provider, a.Model
	}
	return resp, err
}

func (c *call) before(ctx context.Context, t resilience.Try) error {
	sc := c.scope
	if err := sc.begin(); err != nil {
		return err
	}
	if err := sc.diverged(ctx, t); err != nil {
		return err
	}
	if err := sc.attempt.pay(sc.session.cfg.maxCalls()); err != nil {
		return err
	}
	c.abandon() // a try that never told how it ended
	c.worst = sc.session.cfg.worst(t)
	if err := c.reserve(ctx, t, c.worst); err != nil {
		return err
	}
	sent := state.CallSent{
		Call: c.id, Try: int(c.tries.Add(1)), Role: c.role, Provider: t.Provider, Model: t.Model, Hash: t.Hash,
		Estimate: usage(t.Estimate), Reserved: c.worst.micro,
	}
	if c.hold.Load() == nil {
		return sc.emit(sent)
	}
	_, err := sc.commit(sent) // else a crash could forget what it was spent on
	return err
}

func (a *attempt) pay(limit int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.paid >= limit {
		return misuse("%w: %d; raise Config.MaxCalls if that is meant", ErrMaxCalls, limit)
	}
	a.paid++
	return nil
}

func (c *call) after(_ context.Context, t resilience.Try, resp *llms.ContentResponse) (*llms.ContentResponse, error) {
	sc, try := c.scope, int(c.tries.Load())
	b := sc.session.cfg.bill(t, c.worst)
	defer c.settle(t, b)
	if t.Err != nil || resp == nil {
		failed := state.CallFailed{
			Call: c.id, Try: try, Provider: t.Provider, Model: t.Model, Class: string(t.Class), Status: t.Status,
			Message: brief(sc.attempt.quiet(t.Err)), LatencyMS: t.Latency.Milliseconds(), Usage: usage(t.Usage), Cost: b.cost,
			Bound: b.bound, Unpriced: b.unpriced, Next: t.Next, WaitMS: t.Wait.Milliseconds(),
		}
		err := sc.emit(failed)
		if err == nil {
			sc.session.logFailure(sc.event(failed), t.Err)
		}
		return nil, err
	}
	raw, err := encodeAnswer(resp)
	if err != nil {
		return nil, err
	}
	answered := state.CallAnswered{
		Call: c.id, Try: try, Role: c.role, Provider: t.Provider, Model: t.Model, Hash: t.Hash, Messages: t.Messages,
		Answer: raw, Finish: t.Finish, Usage: usage(t.Usage), Cost: b.cost, Bound: b.bound, LatencyMS: t.Latency.Milliseconds(),
	}
	seq, err := sc.commit(answered)
	if err != nil {
		return nil, fmt.Errorf("an answer could not be recorded: %w", err)
	}
	return c.used(seq, answered)
}

func (c *call) cooled(_ context.Context, provider, model string, class resilience.Class, until time.Time) {
	p := state.ProviderState{Provider: provider, Model: model, Class: string(class), State: state.ProviderCooling}
	switch {
	case class == "":
		p.State = state.ProviderHealthy
	case until.IsZero():
		p.State = state.ProviderExcluded
	default:
		p.Until = until.UTC().Round(0)
		p.ForMS = until.Sub(c.scope.session.now()).Milliseconds()
	}
	_ = c.scope.emit(p) // a journal that fails has poisoned the scope
}

// single makes the one try of a model that does not report its own.
func (c *call) single(ctx context.Context, model llms.Model, messages []llms.MessageContent, options []llms.CallOption) (*llms.ContentResponse, error) {
	hash, parts, err := resilience.Fingerprint(ctx, c.role, messages, options)
	if err != nil {
		return nil, err
	}
	o := resilience.ApplyOptions(options)
	t := resilience.Try{Role: c.role, Hash: hash, Messages: parts, Most: resilience.Usage{
		Input: resilience.PromptBound(ctx, messages, options), Output: resilience.AnswerBound(o, o.MaxTokens),
	}}
	resp, found, err := c.replay(ctx, t)
	if err != nil {
		return nil, err
	}
	if found {
		return resp, stream(ctx, resp, options)
	}
	if err := c.before(ctx, t); err != nil {
		return nil, err
	}
	start := time.Now()
	resp, err = guarded(func() (*llms.ContentResponse, error) { return model.GenerateContent(ctx, messages, options...) })
	t.Latency = time.Since(start)
	if err == nil && (resp == nil || len(resp.Choices) == 0 || slices.Contains(resp.Choices, nil)) {
		err = &resilience.Error{Class: resilience.EmptyResponse, Err: errors.New("the model answered nothing")}
	}
	if err != nil {
		t.Err, t.Class, t.Next = err, c.scope.session.cfg.Policy.ClassOf(err), resilience.NextGiveUp
		resp = nil
	} else {
		t.Usage, t.Finish = resilience.UsageOf(resp), resp.Choices[0].StopReason
	}
	recorded, broken := c.after(ctx, t, resp)
	var p *panicError
	if errors.As(err, &p) {
		panic(p) // on to the boundary of the step
	}
	if broken != nil {
		return nil, errors.Join(err, broken)
	}
	return recorded, err
}

func guarded(fn func() (*llms.ContentResponse, error)) (resp *llms.ContentResponse, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return fn()
}

// stream gives a replayed answer to a streaming callback, whole.
func stream(ctx context.Context, resp *llms.ContentResponse, options []llms.CallOption) error {
	fn := resilience.ApplyOptions(options).StreamingFunc
	if fn == nil || resp.Choices[0].Content == "" {
		return nil
	}
	return fn(ctx, []byte(resp.Choices[0].Content))
}

func answerID(seq uint64) string { return strconv.FormatUint(seq, 10) }

func answerSeq(id string) uint64 {
	seq, _ := strconv.ParseUint(id, 10, 64) // an id that is none names no answer
	return seq
}

func usage(u resilience.Usage) state.Usage {
	return state.Usage{Input: u.Input, Output: u.Output, Cached: u.Cached, Reasoning: u.Reasoning, Written: u.Written}
}

// brief is an error as the journal holds it: without keys, and bounded.
func brief(err error) string {
	if err == nil {
		return ""
	}
	const most = 600
	text := []rune(resilience.Redact(err.Error()))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
