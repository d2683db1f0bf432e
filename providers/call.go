package providers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/limit"
	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// call is one GenerateContent of a chain. One goroutine uses it.
type call struct {
	chain    *Chain
	hooks    resilience.Hooks
	messages []llms.MessageContent
	options  []llms.CallOption // the caller's, without nil
	sink     *sink             // nil: the caller does not stream

	parts   []*llms.ContentResponse // of an answer that was cut and is being continued
	limit   int                     // of the answer's tokens, as asked now; zero: the provider's own
	grown   int                     // how often limit was raised
	tries   int                     // made and replayed
	invalid bool                    // a second opinion on an invalid request was asked for
	records []record
	rest    rest
	last    int // member that failed last, -1: none
	stick   int // member to try again, -1: the first healthy one
}

// record is what a call knows of one member.
type record struct {
	counts   map[resilience.Class]int
	tries    int
	excluded bool        // not for this call
	format   wire.Format // that the endpoint takes, as far as this call found out
	rejected error       // why it does not take the first
	err      error       // the last failure
	order    int         // when that was
}

// request is the request as it is to be sent now, and the try that tells of it.
func (k *call) request(ctx context.Context) ([]llms.CallOption, resilience.Try, error) {
	options := k.options
	if k.grown > 0 {
		options = append(options[:len(options):len(options)], llms.WithMaxTokens(k.limit))
	}
	t := resilience.Try{Role: k.hooks.Role, Estimate: estimate(k.asked(), k.limit)}
	if k.hooks.Replay == nil && k.hooks.Before == nil && k.hooks.After == nil {
		return options, t, nil // nobody asks for the hash
	}
	var err error
	t.Hash, t.Messages, err = resilience.Fingerprint(ctx, k.hooks.Role, k.asked(), options)
	if err != nil {
		return nil, resilience.Try{}, fatal{invalidRequest(err)}
	}
	return options, t, nil
}

// try gets one answer, recorded or fresh, and judges it. An error that is not fatal means: go on.
func (k *call) try(ctx context.Context) (*llms.ContentResponse, error) {
	options, t, err := k.request(ctx)
	if err != nil {
		return nil, err
	}
	if resp, m, err := k.replay(ctx, t); err != nil {
		return nil, fatal{err}
	} else if resp != nil {
		return k.accept(ctx, m, resp, time.Time{})
	}
	if resp, m, err := k.replayAnew(ctx); err != nil {
		return nil, fatal{err}
	} else if resp != nil {
		return k.accept(ctx, m, resp, time.Time{})
	}
	m, turn, err := k.pick(ctx, t.Estimate)
	if err != nil {
		return nil, fatal{err}
	}
	t.Provider, t.Model = m.Name, m.Model
	if k.hooks.Before != nil {
		t.Most = k.most(ctx, m, options)
		if err := k.hooks.Before(ctx, t); err != nil {
			k.leave(m, turn)
			return nil, fatal{err}
		}
	}
	return k.ask(ctx, m, turn, t, options)
}

// most is the most that a request to the member can use. Its answer is limited by what is asked for, else by what the client
// asks for by itself, else by the model's longest; with none of them its length is not known.
func (k *call) most(ctx context.Context, m *member, options []llms.CallOption) resilience.Usage {
	o := resilience.ApplyOptions(options)
	limit := o.MaxTokens
	if own, ok := m.LLM.(interface{ ownLimit() int }); limit <= 0 && ok {
		limit = own.ownLimit()
	}
	if limit <= 0 || m.MaxOutput > 0 && limit > m.MaxOutput {
		limit = m.MaxOutput
	}
	return resilience.Usage{Input: resilience.PromptBound(ctx, k.asked(), options), Output: resilience.AnswerBound(o, limit)}
}

// replay looks for the recorded answer of an equal request, whoever gave it. It is judged as that member's, if that is still
// in the chain.
func (k *call) replay(ctx context.Context, t resilience.Try) (*llms.ContentResponse, *member, error) {
	if k.hooks.Replay == nil {
		return nil, nil, nil
	}
	m := k.chain.members[max(k.stick, 0)]
	t.Provider, t.Model = m.Name, m.Model
	resp, ok, err := k.hooks.Replay(ctx, t)
	if err != nil || !ok || resp == nil {
		return nil, nil, err
	}
	provider, model := resilience.AnswerFrom(resp)
	for _, o := range k.chain.members {
		if o.Name == provider && o.Model == model {
			m = o
		}
	}
	return resp, m, nil
}

// handOut gives an accepted answer to the caller's streaming function: what a fresh one still holds back, or the whole text of
// a recorded one. Nobody saw anything of a recorded one that was refused.
func (k *call) handOut(ctx context.Context, resp *llms.ContentResponse, replayed bool) error {
	if !replayed || k.sink == nil {
		return k.sink.flush(ctx)
	}
	k.sink.begin()
	if text := answerText(resp); text != "" {
		if err := k.sink.write(ctx, []byte(text)); err != nil {
			return err
		}
	}
	return k.sink.flush(ctx)
}

// ask makes the request.
func (k *call) ask(ctx context.Context, m *member, turn *limit.Ticket, t resilience.Try, options []llms.CallOption) (*llms.ContentResponse, error) {
	k.warnUnsampled(ctx, m)
	k.tries++
	k.records[m.index].tries++
	a := attempt{
		provider: m.Name, model: m.Model, timeout: k.chain.cfg.Timeout, idle: k.chain.cfg.Idle, sink: k.sink,
		ask: func(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) (*llms.ContentResponse, error) {
			return m.LLM.GenerateContent(ctx, messages, m.adapted(options, k.limit)...)
		},
	}
	a.format = k.format(m)
	o := a.run(ctx, k.asked(), options)
	t.Status, t.Usage, t.Latency, t.Finish = o.status, o.usage, o.latency, finishOf(o.resp)
	m.limiter.Done(turn, k.chain.settled(o))
	if o.err == nil && blank(o.resp) {
		// A limit that was used up before the first word says what to ask next, so that one is recorded like an answer.
		if fault := judge(o.resp); resilience.Classify(fault) != resilience.Truncated || len(o.resp.Choices) == 0 {
			o.err = m.unusable(fault)
		}
	}
	if o.err != nil {
		return k.failed(ctx, m, t, o)
	}
	if r := k.records[m.index]; r.rejected != nil {
		m.takes.Store(int32(r.format))
	}
	resp, err := k.after(ctx, t, o.resp)
	if err != nil {
		m.health.free()
		return nil, fatal{err}
	}
	return k.accept(ctx, m, resp, turn.At())
}

// adapted adds what the member needs to the caller's options: its own model, and a limit that it can meet.
func (m *member) adapted(options []llms.CallOption, maxTokens int) []llms.CallOption {
	options = options[:len(options):len(options)]
	if m.Model != "" {
		options = append(options, llms.WithModel(m.Model))
	}
	if m.MaxOutput > 0 && maxTokens > m.MaxOutput {
		options = append(options, llms.WithMaxTokens(m.MaxOutput))
	}
	return options
}

func (k *call) after(ctx context.Context, t resilience.Try, resp *llms.ContentResponse) (*llms.ContentResponse, error) {
	if k.hooks.After == nil {
		return resp, nil
	}
	recorded, err := k.hooks.After(ctx, t, resp)
	if err == nil && recorded != nil {
		return recorded, nil
	}
	return resp, err
}

// failed reports a request without an answer, and does what its class asks for.
func (k *call) failed(ctx context.Context, m *member, t resilience.Try, o outcome) (*llms.ContentResponse, error) {
	d, other := k.otherFormat(m, &o)
	if !other {
		d = k.decide(ctx, m, o.err, o.resp)
	}
	t.Class, t.Err, t.Next, t.Wait = d.class, o.err, d.next, d.wait
	if t.Status == 0 {
		var e *resilience.Error
		if errors.As(o.err, &e) {
			t.Status = e.Status
		}
	}
	if _, err := k.after(ctx, t, nil); err != nil {
		m.health.free()
		return nil, fatal{err}
	}
	return nil, k.follow(ctx, m, d, false)
}

// accept judges an answer that arrived and hands it out, or does what its fault asks for. sent is when the request left; zero: the
// answer is a recorded one.
func (k *call) accept(ctx context.Context, m *member, resp *llms.ContentResponse, sent time.Time) (*llms.ContentResponse, error) {
	replayed := sent.IsZero()
	if replayed {
		k.tries++
	}
	fault := k.judge(resp)
	if fault != nil && k.chain.cfg.AcceptTruncated && resilience.Classify(fault) == resilience.Truncated && !blank(resp) {
		fault = nil
	}
	if fault == nil {
		resp = joined(k.parts, resp)
		if err := k.handOut(ctx, resp, replayed); err != nil {
			if !replayed {
				m.health.free()
			}
			return nil, fatal{k.streamError(m, err)}
		}
		if !replayed && m.health.answered(sent) && k.hooks.Cooled != nil {
			k.hooks.Cooled(ctx, m.Name, m.Model, "", time.Time{})
		}
		return resp, nil
	}
	d := k.decide(ctx, m, m.unusable(fault), resp)
	if d.more {
		k.parts = append(k.parts, resp)
	} else {
		k.wasted(ctx, resp, fault)
	}
	return nil, k.follow(ctx, m, d, replayed)
}

func (k *call) wasted(ctx context.Context, resp *llms.ContentResponse, why error) {
	if k.hooks.Wasted != nil {
		k.hooks.Wasted(ctx, resilience.AnswerID(resp), why)
	}
}

// follow does what was decided. A replayed answer cost nothing and says nothing about how the provider is now.
func (k *call) follow(ctx context.Context, m *member, d decision, replayed bool) error {
	k.settle(ctx, m, d, replayed)
	if ctx.Err() != nil {
		return fatal{k.endedBy(ctx)}
	}
	if d.next != resilience.NextRetry {
		k.startAnew(ctx, d.err)
	}
	if d.next == resilience.NextGiveUp {
		return fatal{k.exhausted()}
	}
	if d.next != resilience.NextRetry {
		return errGoOn
	}
	k.stick = m.index
	if !replayed {
		k.rest = rest{d.wait, fmt.Sprintf("%s: %s, trying again", m.Name, d.class), true}
	}
	return errGoOn
}

// settle notes the failure for this call, and for all calls where it tells about the provider.
func (k *call) settle(ctx context.Context, m *member, d decision, replayed bool) {
	r := &k.records[m.index]
	r.err, r.order = d.err, k.tries
	k.last, k.stick = m.index, -1
	for _, i := range d.exclude {
		k.records[i].excluded = true
	}
	if d.grow > 0 {
		k.limit = d.grow
		k.grown++
	}
	switch {
	case replayed:
		return
	case !d.block.IsZero():
		m.limiter.Block(d.block)
		fallthrough
	case !d.cool:
		m.health.free()
		return
	}
	m.health.cool(d.until, d.class, d.err)
	if k.hooks.Cooled != nil {
		k.hooks.Cooled(ctx, m.Name, m.Model, d.class, d.until)
	}
}

func (k *call) sleep(ctx context.Context, d time.Duration, why string) error {
	err := resilience.Sleep(ctx, d, why)
	if err != nil && ctx.Err() != nil {
		return k.endedBy(ctx)
	}
	return err
}

func (k *call) endedBy(ctx context.Context) error {
	err := canceled(ctx)
	if k.last >= 0 {
		err.Provider, err.Model = k.chain.members[k.last].Name, k.chain.members[k.last].Model
	}
	return err
}

func (k *call) streamError(m *member, err error) error {
	return &resilience.Error{
		Class: resilience.Unknown, Provider: m.Name, Model: m.Model, Err: fmt.Errorf("the streaming function ended the answer: %w", err),
	}
}

// spread keeps calls that wait for the same moment from arriving at the same moment.
func spread(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*float64(min(d/10, 2*time.Second)))
}
