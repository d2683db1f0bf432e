package providers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// needs is what a request asks of a model beyond text.
type needs struct {
	features []Feature
	json     bool // the caller chose JSON mode
}

func needsOf(messages []llms.MessageContent, o llms.CallOptions, streams bool) needs {
	n := needs{json: o.JSONMode || o.ResponseMIMEType == "application/json"}
	has := map[Feature]bool{FeatureTools: len(o.Tools)+len(o.Functions) > 0, FeatureStreaming: streams}
	for _, m := range messages {
		for _, p := range m.Parts {
			if c, ok := p.(llms.CachedContent); ok {
				p = c.ContentPart
			}
			switch p.(type) {
			case llms.ToolCall, llms.ToolCallResponse:
				has[FeatureTools] = true
			case llms.ImageURLContent, llms.BinaryContent:
				has[FeatureImages] = true
			}
		}
	}
	for _, f := range Features() {
		if has[f] {
			n.features = append(n.features, f)
		}
	}
	return n
}

// lacks says what of it a member can't do.
func (m *member) lacks(n needs) []string {
	var missing []string
	for _, f := range n.features {
		if slices.Contains(m.Without, f) {
			missing = append(missing, string(f))
		}
	}
	if n.json && m.JSON == JSONNone {
		missing = append(missing, "JSON mode")
	}
	return missing
}

// skipUnfit excludes members that can't take the request at all.
func (k *call) skipUnfit(n needs, o llms.CallOptions) {
	for _, m := range k.chain.members {
		if missing := m.lacks(n); len(missing) > 0 {
			k.skip(m, resilience.InvalidRequest, "it was not asked, because the request needs "+strings.Join(missing, " and ")+", which it lacks",
				"put a provider into the chain that can do it")
			continue
		}
		if c, ok := m.LLM.(*client); ok {
			if err := c.fits(k.messages, k.options, o); err != nil {
				k.records[m.index].excluded, k.records[m.index].err = true, err
			}
		}
	}
}

// skipSmall excludes members whose window is too small, by the estimate of the prompt and what is asked for. Estimates may be
// wrong, so if nobody is left the largest window gets the request.
func (k *call) skipSmall() {
	u := estimate(k.messages, k.limit)
	size := int(u.Input + u.Output)
	largest := -1
	for _, m := range k.chain.members {
		switch {
		case k.records[m.index].excluded:
		case m.Context == 0 || size <= m.Context:
			largest = -2 // somebody takes it
		case largest != -2 && (largest < 0 || m.Context > k.chain.members[largest].Context):
			largest = m.index
		}
	}
	for _, m := range k.chain.members {
		if m.Context > 0 && size > m.Context && m.index != largest && !k.records[m.index].excluded {
			k.skip(m, resilience.ContextLength, fmt.Sprintf("it was not asked, because the request has about %d tokens with its answer and the window %d",
				size, m.Context), "")
		}
	}
}

func (k *call) skip(m *member, class resilience.Class, why, hint string) {
	r := &k.records[m.index]
	r.excluded = true
	r.err = &resilience.Error{Class: class, Provider: m.Name, Model: m.Model, Err: fmt.Errorf("%s", why), Hint: hint}
}

// warnUnsampled tells, once for each provider, that a model chooses for itself what the caller wanted to choose.
func (k *call) warnUnsampled(ctx context.Context, m *member) {
	if !m.fixed() || k.hooks.Warn == nil {
		return
	}
	o := resilience.ApplyOptions(append([]llms.CallOption{llms.WithTemperature(unsampled)}, k.options...))
	given := o.Temperature != unsampled || o.TopP != 0 || o.TopK != 0
	if given && !m.warned.Swap(true) {
		k.hooks.Warn(ctx, "sampling", fmt.Sprintf("%s %s takes neither temperature nor top-p nor top-k; they are left out", m.Name, m.Model))
	}
}

// unsampled is no temperature.
const unsampled = -1.0
