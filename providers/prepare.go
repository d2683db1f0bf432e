package providers

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// prepared is a request in a form that its client sends without loss.
type prepared struct {
	messages []llms.MessageContent
	options  []llms.CallOption
	extra    []wire.Field // for the guard to add
	join     bool         // the guard joins what was taken apart
}

// prepare finds the form of a request, or refuses it: langchaingo's clients leave out without a word what they do not know.
func (c *client) prepare(p wire.Protocol, messages []llms.MessageContent, options []llms.CallOption, o llms.CallOptions) (prepared, error) {
	out := prepared{messages: messages, options: options}
	if p == wire.ProtocolOther {
		return out, nil
	}
	if err := c.prepareOptions(p, &out, o); err != nil {
		return out, c.refuse(err)
	}
	var err error
	switch p {
	case wire.ProtocolChat:
		out.messages, err = forChat(messages)
	case wire.ProtocolMessages:
		out.messages, out.join, err = forMessages(messages)
	case wire.ProtocolOllama:
		out.messages, err = forOllama(messages)
	}
	if err != nil {
		return out, c.refuse(err)
	}
	return out, nil
}

func (c *client) refuse(cause error) error {
	return &resilience.Error{
		Class: resilience.InvalidRequest, Provider: c.name, Model: c.model, Err: fmt.Errorf("not sent: %w", cause),
		Hint: "leave it out for this provider, or ask one that can take it",
	}
}

// option is one that not every API has.
type option struct {
	name  string
	given bool
	in    []wire.Protocol // those whose client or guard can say it
	field string          // for the guard to add, where the client does not say it
	value any
}

func (c *client) prepareOptions(p wire.Protocol, out *prepared, o llms.CallOptions) error {
	json := o.JSONMode || o.ResponseMIMEType == "application/json"
	several := max(o.N, o.CandidateCount)
	if slices.Contains(c.without, FeatureSampling) {
		o.TopK = 0
	}
	chat, native, message := wire.ProtocolChat, wire.ProtocolOllama, wire.ProtocolMessages
	for _, e := range []option{
		{"WithTopK", o.TopK != 0, []wire.Protocol{chat, message, native}, "top_k", o.TopK},
		{"WithRepetitionPenalty", o.RepetitionPenalty != 0, []wire.Protocol{chat, native}, "repetition_penalty", o.RepetitionPenalty},
		{"WithFrequencyPenalty", o.FrequencyPenalty != 0, []wire.Protocol{chat, native}, "", nil},
		{"WithPresencePenalty", o.PresencePenalty != 0, []wire.Protocol{chat, native}, "", nil},
		{"WithSeed", o.Seed != 0, []wire.Protocol{chat, native}, "", nil},
		{"WithJSONMode", json, []wire.Protocol{chat, native}, "", nil},
		{"WithN", several > 1, []wire.Protocol{chat}, "n", several},
		{"WithMinLength", o.MinLength != 0, nil, "", nil},
		{"WithMaxLength", o.MaxLength != 0, nil, "", nil},
		{"WithResponseMIMEType", !json && o.ResponseMIMEType != "" && o.ResponseMIMEType != "text/plain", nil, "", nil},
	} {
		switch {
		case !e.given:
		case !slices.Contains(e.in, p), slices.Contains(c.unknown, e.name), !c.samples && p == chat && (e.field == "top_k" || e.field == "repetition_penalty"):
			return fmt.Errorf("the API has no place for %s", e.name)
		case e.field != "" && p != native:
			out.add(e.field, e.value)
		}
	}
	if several > 1 && o.StreamingFunc != nil {
		return errors.New("a stream holds one answer, so WithN can't be had with one")
	}
	if json && !o.JSONMode {
		out.option(llms.WithJSONMode())
	}
	if len(o.Tools)+len(o.Functions) > 0 {
		out.extra = append(out.extra, c.withTools...)
	}
	return out.tools(p, o)
}

// fits says whether the client can send a request without loss.
func (c *client) fits(messages []llms.MessageContent, options []llms.CallOption, o llms.CallOptions) error {
	if len(options) == 0 && plainTexts(messages) {
		return nil
	}
	p := c.protocol
	if c.compat != nil && !native(messages, o) {
		p = wire.ProtocolChat
	}
	_, err := c.prepare(p, messages, options, o)
	return err
}

func (p *prepared) add(key string, value any) {
	if raw, err := json.Marshal(value); err == nil {
		p.extra = append(p.extra, wire.Field{Key: key, Raw: raw})
	}
}

func (p *prepared) option(o ...llms.CallOption) {
	p.options = append(p.options[:len(p.options):len(p.options)], o...)
}

// tools makes tools of functions, their forerunners, and says to Anthropic's API which of them to use.
func (p *prepared) tools(to wire.Protocol, o llms.CallOptions) error {
	choice := o.ToolChoice
	if len(o.Functions) > 0 || o.FunctionCallBehavior != "" {
		list := slices.Clone(o.Tools)
		for i := range o.Functions {
			list = append(list, llms.Tool{Type: "function", Function: &o.Functions[i]})
		}
		if choice == nil && o.FunctionCallBehavior != "" {
			choice = string(o.FunctionCallBehavior)
		}
		p.option(func(c *llms.CallOptions) {
			c.Tools, c.ToolChoice, c.Functions, c.FunctionCallBehavior = list, choice, nil, ""
		})
		o.Tools = list
	}
	for _, t := range o.Tools {
		if t.Type != "function" && (t.Type != "" || to == wire.ProtocolChat) {
			return fmt.Errorf("a tool's type must be function")
		}
	}
	if to != wire.ProtocolMessages || choice == nil {
		return nil
	}
	told, err := messagesChoice(choice)
	if err != nil {
		return err
	}
	p.add("tool_choice", told)
	return nil
}

// toolChoice is Anthropic's tool_choice.
type toolChoice struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
}

// messagesChoice says a tool choice of OpenAI's in Anthropic's words.
func messagesChoice(choice any) (toolChoice, error) {
	raw, err := json.Marshal(choice)
	if err != nil {
		return toolChoice{}, fmt.Errorf("the tool choice: %w", err)
	}
	var named llms.ToolChoice
	if json.Unmarshal(raw, &named) == nil && named.Function != nil && named.Function.Name != "" {
		return toolChoice{"tool", named.Function.Name}, nil
	}
	var word string
	_ = json.Unmarshal(raw, &word) // what is no word is none of those below
	switch word {
	case "auto", "none", "any":
		return toolChoice{Type: word}, nil
	case "required":
		return toolChoice{Type: "any"}, nil
	}
	return toolChoice{}, errors.New("the tool choice is none of auto, none, required or a function")
}

// bare is a part without its cache mark.
func bare(p llms.ContentPart) llms.ContentPart {
	for {
		c, ok := p.(llms.CachedContent)
		if !ok {
			return p
		}
		p = c.ContentPart
	}
}

func picture(b llms.BinaryContent) bool { return strings.HasPrefix(b.MIMEType, "image/") }
