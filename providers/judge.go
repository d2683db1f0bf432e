package providers

import (
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// finishClasses are the finish reasons, in lower case, that say that the answer is not one. Those of a length limit are
// resilience.NotTruncated's.
var finishClasses = map[string]resilience.Class{
	"content_filter":                resilience.ContentPolicy,
	"refusal":                       resilience.ContentPolicy,
	"safety":                        resilience.ContentPolicy,
	"recitation":                    resilience.ContentPolicy,
	"blocklist":                     resilience.ContentPolicy,
	"prohibited_content":            resilience.ContentPolicy,
	"spii":                          resilience.ContentPolicy,
	"finishreasonsafety":            resilience.ContentPolicy,
	"finishreasonrecitation":        resilience.ContentPolicy,
	"finishreason(6)":               resilience.ContentPolicy, // language; 7 blocklist, 8 prohibited content, 9 SPII
	"finishreason(7)":               resilience.ContentPolicy,
	"finishreason(8)":               resilience.ContentPolicy,
	"finishreason(9)":               resilience.ContentPolicy,
	"finishreason(10)":              resilience.InvalidResponse, // malformed function call
	"error":                         resilience.Server,
	"insufficient_system_resource":  resilience.Overloaded,
	"model_length":                  resilience.ContextLength,
	"model_context_window_exceeded": resilience.ContextLength,
}

// judge says what is wrong with an answer that arrived: cut off by a policy or a limit, or empty. These checks are the
// chain's alone; what the text says is judged by who asked.
func judge(resp *llms.ContentResponse) error {
	finish := finishOf(resp)
	if class, ok := finishClasses[strings.ToLower(finish)]; ok {
		return &resilience.CheckError{Class: class, Check: "finish_reason", Message: "the provider ended it with " + finish}
	}
	a := resilience.Answer{Text: answerText(resp), FinishReason: finish}
	if err := resilience.NotTruncated(a); err != nil {
		return err
	}
	if callsTools(resp) {
		return nil
	}
	return resilience.NotEmpty(a)
}

// blank says whether there is nothing in the answer that could be recorded.
func blank(resp *llms.ContentResponse) bool {
	return answerText(resp) == "" && !callsTools(resp)
}

// classify makes a typed error of what judge found.
func (m *member) unusable(cause error) error {
	class := resilience.Classify(cause)
	return &resilience.Error{Class: class, Provider: m.Name, Model: m.Model, Err: cause}
}

// larger is the limit to ask again with after an answer was cut: twice the last one. Without one, twice what was used. It
// depends only on the recorded request and answer, so that a replay asks the same.
func larger(limit int, resp *llms.ContentResponse) int {
	if limit <= 0 {
		limit = int(resilience.UsageOf(resp).Output)
	}
	if limit <= 0 {
		limit = len(answerText(resp)) / 4
	}
	const step = 256
	return max(1024, (2*limit+step-1)/step*step)
}
