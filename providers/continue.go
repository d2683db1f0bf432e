package providers

import (
	"context"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

const (
	// maxParts bounds the parts of one answer.
	maxParts = 4

	// tailLength is how much of what arrived is shown to be repeated, in bytes: long enough to be found again.
	tailLength = 80
)

// continuable says whether an answer that was cut can be continued: text, and nobody has seen a part of it. JSON is not: an
// endpoint that is told to answer in JSON begins a new value.
func (k *call) continuable(ctx context.Context, resp *llms.ContentResponse) bool {
	_, _, schema := resilience.SchemaFrom(ctx)
	o := resilience.ApplyOptions(k.options)
	return len(k.parts)+1 < maxParts && k.sink == nil && !schema && !o.JSONMode && o.ResponseMIMEType == "" &&
		!callsTools(resp) && len(strings.TrimSpace(answerText(resp))) >= resilience.MinAnswer
}

// asked are the messages as they are sent now: those of the caller, and while an answer is continued what arrived of it.
func (k *call) asked() []llms.MessageContent {
	if len(k.parts) == 0 {
		return k.messages
	}
	text := answerText(joined(k.parts[:len(k.parts)-1], k.parts[len(k.parts)-1]))
	note := "Your answer was cut off by a length limit. Go on exactly where it stopped, without a comment and without an apology. " +
		"Begin with these words, which are the last that arrived, and then continue:\n" + tail(text)
	return append(k.messages[:len(k.messages):len(k.messages)],
		llms.TextParts(llms.ChatMessageTypeAI, text), llms.TextParts(llms.ChatMessageTypeHuman, note))
}

// judge is [judge]; the rest of an answer may be short.
func (k *call) judge(resp *llms.ContentResponse) error {
	fault := judge(resp)
	if len(k.parts) > 0 && resilience.Classify(fault) == resilience.EmptyResponse && answerText(resp) != "" {
		return nil
	}
	return fault
}

// startAnew gives up what arrived of an answer that was to be continued.
func (k *call) startAnew(ctx context.Context, why error) {
	for _, part := range k.parts {
		k.wasted(ctx, part, why)
	}
	k.parts = nil
}

// replayAnew looks for what the call did before a crash when it could not continue: it asked for the whole answer again.
func (k *call) replayAnew(ctx context.Context) (*llms.ContentResponse, *member, error) {
	if len(k.parts) == 0 || k.hooks.Replay == nil {
		return nil, nil, nil
	}
	parts := k.parts
	k.parts = nil
	_, t, err := k.request(ctx)
	if err != nil {
		return nil, nil, err
	}
	resp, m, err := k.replay(ctx, t)
	k.parts = parts
	if resp != nil {
		k.startAnew(ctx, &resilience.Error{Class: resilience.Truncated})
	}
	return resp, m, err
}

// joined is one answer made of its parts. It has the ids of all, and their usage together.
func joined(parts []*llms.ContentResponse, last *llms.ContentResponse) *llms.ContentResponse {
	if len(parts) == 0 {
		return last
	}
	text, used := "", resilience.Usage{}
	var ids []string
	for _, p := range append(parts[:len(parts):len(parts)], last) {
		text = join(text, answerText(p))
		u := resilience.UsageOf(p)
		used = resilience.Usage{
			Input: used.Input + u.Input, Output: used.Output + u.Output, Cached: used.Cached + u.Cached, Reasoning: used.Reasoning + u.Reasoning,
			Written: used.Written + u.Written,
		}
		if id := resilience.AnswerID(p); id != "" {
			ids = append(ids, id)
		}
	}
	choice := *last.Choices[0]
	choice.Content = text
	choice.GenerationInfo = maps.Clone(choice.GenerationInfo)
	if choice.GenerationInfo == nil {
		choice.GenerationInfo = map[string]any{}
	}
	if len(ids) > 0 {
		choice.GenerationInfo[resilience.AnswerKey] = ids[0]
		choice.GenerationInfo[resilience.PartsKey] = ids[1:]
	}
	resp := &llms.ContentResponse{Choices: []*llms.ContentChoice{&choice}}
	setUsage(&choice, used)
	return resp
}

// join puts a part behind a text. It was asked to begin with the text's last words, which so show where it belongs.
func join(text, part string) string {
	if text == "" {
		return part
	}
	last := tail(text)
	for _, p := range []string{part, strings.TrimLeftFunc(part, unicode.IsSpace)} {
		if rest, ok := strings.CutPrefix(p, last); ok {
			return text + rest
		}
	}
	if n := overlap(text, strings.TrimLeftFunc(part, unicode.IsSpace)); n > 0 {
		return text + strings.TrimLeftFunc(part, unicode.IsSpace)[n:]
	}
	before, _ := utf8.DecodeLastRuneInString(text)
	after, _ := utf8.DecodeRuneInString(part)
	if !unicode.IsSpace(before) && (unicode.IsLetter(after) || unicode.IsDigit(after)) {
		return text + " " + part
	}
	return text + part
}

// leastOverlap is from how many bytes on a repetition is no coincidence.
const leastOverlap = 12

// overlap is how much of the end of a text the part repeats.
func overlap(text, part string) int {
	for n := min(len(text), len(part), 4*tailLength); n >= leastOverlap; n-- {
		if strings.HasSuffix(text, part[:n]) {
			return n
		}
	}
	return 0
}

// tail are the last words of a text.
func tail(text string) string {
	if len(text) <= tailLength {
		return text
	}
	t := text[len(text)-tailLength:]
	if i := strings.IndexFunc(t, unicode.IsSpace); i >= 0 && i < tailLength/2 {
		return strings.TrimLeftFunc(t[i:], unicode.IsSpace)
	}
	for len(t) > 0 && !utf8.RuneStart(t[0]) {
		t = t[1:]
	}
	return t
}
