package providers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// maxShown bounds the earlier answer that is shown when JSON is asked for again.
const maxShown = 24 << 10

// asker is one Generate: it asks, judges, and asks again.
type asker struct {
	model  llms.Model
	hooks  resilience.Hooks
	base   []llms.MessageContent
	prompt string
	checks []resilience.Check
	json   bool
	decode func(text string) (any, error)

	ids     []string // of the answers, in the order asked
	reasons []error
	soft    *verdict // an answer that only a soft check refused
}

// verdict is what became of one answer.
type verdict struct {
	value any
	text  string
	ids   []string // of the answer, and of its further parts
	err   error    // nil: accepted
	soft  bool     // err is a wish
}

func (a *asker) run(ctx context.Context) (any, error) {
	msgs := a.base
	for range MaxAsks {
		resp, err := a.model.GenerateContent(ctx, msgs)
		switch {
		case err != nil && a.soft != nil && aboutContent(err):
			return a.warned(ctx, *a.soft), nil // a wish must not cost the answer that there is
		case err != nil:
			return nil, err
		}
		v := a.judge(resp)
		a.ids = append(a.ids, v.ids...)
		switch {
		case v.err == nil:
			a.waste(ctx, a.soft)
			return v.value, nil
		case v.soft && a.soft != nil:
			a.waste(ctx, a.soft)
			return a.warned(ctx, v), nil
		case v.soft:
			a.soft = &v // it may be used yet
		default:
			a.waste(ctx, &v)
		}
		a.reasons = append(a.reasons, v.err)
		msgs = a.again(v)
	}
	if a.soft != nil {
		return a.warned(ctx, *a.soft), nil
	}
	return nil, a.giveUp(ctx)
}

// aboutContent says that asking again was answered, but not with something usable.
func aboutContent(err error) bool {
	switch resilience.Classify(err) {
	case resilience.EmptyResponse, resilience.Truncated, resilience.InvalidResponse, resilience.ContentPolicy, resilience.ContextLength:
		return true
	}
	return false
}

// judge decodes an answer and asks the checks. The chain has seen to it that it is neither empty nor cut; for any other model that is
// done here.
func (a *asker) judge(resp *llms.ContentResponse) verdict {
	v := verdict{text: answerText(resp), ids: resilience.AnswerIDs(resp)}
	answer := resilience.Answer{Text: v.text, FinishReason: finishOf(resp), Prompt: a.prompt}
	var always []resilience.Check
	giver, _ := resilience.AnswerFrom(resp) // a run's model does not know what it stands for, but who answered was a chain's member
	if giver == "" && !resilience.ReportsTries(a.model) {
		always = []resilience.Check{resilience.NotTruncated, resilience.NotEmpty}
	} else if a.json {
		always = []resilience.Check{resilience.NotTruncated} // a chain may accept cut texts; cut JSON is none
	}
	if v.err = resilience.Judge(answer, always...); v.err != nil {
		return v
	}
	if !a.json {
		v.text = strings.TrimSpace(withoutThinking(v.text))
		answer.Text = v.text
	}
	if v.value, v.err = a.decode(v.text); v.err != nil {
		if a.json && resilience.NotRefused(answer) != nil {
			v.err = resilience.NotRefused(answer)
		}
		return v
	}
	v.err = resilience.Judge(answer, a.checks...)
	var failed *resilience.CheckError
	v.soft = errors.As(v.err, &failed) && failed.Soft
	return v
}

// waste tells that an answer is not used.
func (a *asker) waste(ctx context.Context, v *verdict) {
	if v == nil || a.hooks.Wasted == nil {
		return
	}
	for _, id := range v.ids {
		a.hooks.Wasted(ctx, id, v.err)
	}
}

// warned accepts an answer that a soft check refuses.
func (a *asker) warned(ctx context.Context, v verdict) any {
	if a.hooks.Warn != nil {
		code, message := "answer", v.err.Error()
		var failed *resilience.CheckError
		if errors.As(v.err, &failed) {
			code, message = failed.Check, failed.Message
		}
		a.hooks.Warn(ctx, code, message)
	}
	return v.value
}

// again are the messages of the next ask. They depend on the base and on the last answer alone, so that a replay asks
// the same. JSON is shown to be repaired; a text is written anew, since models that see their refusal repeat it.
func (a *asker) again(v verdict) []llms.MessageContent {
	reason := complaint(v.err)
	if !a.json {
		return withNote(a.base, "An earlier answer to this could not be used: "+reason+". Answer again, in full, and avoid that. "+
			"Don't mention the earlier answer.")
	}
	note := "This answer can't be used: " + reason + ". Answer again with the whole JSON value, corrected, and nothing else."
	if v.text == "" || len(v.text) > maxShown || resilience.Classify(v.err) == resilience.ContentPolicy {
		return withNote(a.base, "An earlier answer could not be used: "+reason+". Answer with the whole JSON value and nothing else.")
	}
	out := append(append([]llms.MessageContent(nil), a.base...), llms.TextParts(llms.ChatMessageTypeAI, v.text))
	return append(out, llms.TextParts(llms.ChatMessageTypeHuman, note))
}

func complaint(err error) string {
	text := err.Error()
	var failed *resilience.CheckError
	if errors.As(err, &failed) {
		text = failed.Message
	}
	text = strings.TrimRight(text, ". \n")
	if r := []rune(text); len(r) > 2000 {
		text = string(r[:2000]) + "…"
	}
	return text
}

// giveUp tells that no answer passed.
func (a *asker) giveUp(ctx context.Context) error {
	last := a.reasons[len(a.reasons)-1]
	class := resilience.InvalidResponse
	var failed *resilience.CheckError
	if errors.As(last, &failed) {
		class = failed.ErrorClass()
	}
	err := &resilience.Error{
		Class: class,
		Err:   &refusedError{a.reasons},
		Hint:  "read the answers in the journal; then change the prompt, the checks or the model",
	}
	if a.hooks.Rejected != nil {
		a.hooks.Rejected(ctx, a.ids, err)
	}
	return err
}

// refusedError is why the answers of a Generate were refused, in the order asked.
type refusedError struct{ reasons []error }

func (e *refusedError) Error() string {
	parts := make([]string, 0, len(e.reasons))
	for i, r := range e.reasons {
		if i == 0 || r.Error() != e.reasons[i-1].Error() {
			parts = append(parts, complaint(r))
		}
	}
	return fmt.Sprintf("none of %d answers could be used: %s", len(e.reasons), strings.Join(parts, "; then: "))
}

func (e *refusedError) Unwrap() []error { return e.reasons }
