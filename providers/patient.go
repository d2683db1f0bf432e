package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// patient is one provider that is being examined. One goroutine uses it.
type patient struct {
	Diagnosis
	doctor   *doctor
	ref      ref
	entry    entry
	settings Settings
	names    []string // of the models that the API lists
}

func (p *patient) fix(format string, args ...any) {
	p.Fix = append(p.Fix, fmt.Sprintf(format, args...))
}

func (p *patient) examine(ctx context.Context) {
	if p.Key.State == FindingFailed || p.Reach.State == FindingFailed {
		return
	}
	if p.Provider == "offline" {
		p.Reach = Finding{State: FindingOK, Text: "built in"}
		p.Known = Finding{State: FindingOK, Text: "known"}
	} else if !p.list(ctx) {
		return
	}
	p.ask(ctx)
}

// list reads the list of models, and says whether a request makes sense after that.
func (p *patient) list(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, p.doctor.listTimeout)
	defer cancel()
	names, err := p.models(ctx)
	p.names = names
	p.Known = Finding{State: FindingUnknown, Text: "can't tell"}
	p.Reach = Finding{State: FindingOK, Text: "ok"}
	var (
		moved *movedError
		typed *resilience.Error
	)
	switch {
	case err == nil && p.has():
		p.Known = Finding{State: FindingOK, Text: "known"}
	case err == nil && len(names) > 0:
		p.Known = Finding{State: FindingFailed, Text: "unknown", Cause: "the API does not list the model"}
	case err == nil, errors.Is(err, errNoList):
	case errors.As(err, &moved):
		p.Reach = Finding{FindingFailed, "redirects", err.Error()}
		p.Known = Finding{State: FindingSkipped}
		p.fix("set %s to the address that it redirects to: %s", p.addressSource(), moved.to)
	case errors.Is(err, errPage):
		p.Reach = Finding{FindingFailed, "web page", err.Error()}
		p.Known = Finding{State: FindingSkipped}
		p.fix("a web page is there, not an API: check %s%s", p.addressSource(), p.example())
	case errors.As(err, &typed) && typed.Class == resilience.Auth:
		p.rejected(err)
		return false
	case errors.As(err, &typed) && typed.Status != 0: // it answers, but gives no list: the request will tell
	case errors.As(err, &typed) && typed.Class == resilience.Timeout:
		p.Reach = Finding{FindingUnknown, "slow", err.Error()}
	default:
		p.unreachable(err)
	}
	return p.Reach.State != FindingFailed
}

// ask makes one small request.
func (p *patient) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.doctor.callTimeout)
	defer cancel()
	tap := &headerTap{base: p.settings.Transport}
	s := p.settings
	s.Transport = tap
	provider, err := p.entry.open(s)
	if err != nil {
		p.Answer = Finding{FindingFailed, "settings", err.Error()}
		p.fix("%v", err)
		return
	}
	const room = 256 // for models that think first
	start := time.Now()
	resp, err := provider.LLM.GenerateContent(ctx, []llms.MessageContent{
		llms.TextParts(llms.ChatMessageTypeHuman, "Answer with the word ok and nothing else."),
	}, llms.WithMaxTokens(room))
	p.Latency = time.Since(start)
	p.Allowances = resilience.Allowances(tap.last(), time.Now())
	if err == nil {
		fault := judge(resp)
		switch class := resilience.Classify(fault); {
		case class == resilience.Truncated: // the small limit is to blame
		case class == resilience.EmptyResponse && !blank(resp): // as short as it was asked for
		default:
			err = fault
		}
	}
	if err != nil {
		p.Latency = 0
		p.failed(ctx, err)
		return
	}
	p.Usage = resilience.UsageOf(resp)
	p.Reach = Finding{State: FindingOK, Text: "ok"}
	p.Answer = Finding{State: FindingOK, Text: p.Latency.Round(time.Millisecond).String()}
	if p.Known.State == FindingFailed { // an alias: it answers all the same
		p.Known = Finding{State: FindingOK, Text: "not listed", Cause: p.Known.Cause}
	}
}

// failed says what a failed request tells, and what to do about it.
func (p *patient) failed(ctx context.Context, err error) {
	class := resilience.Classify(err)
	p.Answer = Finding{FindingFailed, strings.ReplaceAll(string(class), "_", " "), err.Error()}
	var typed *resilience.Error
	errors.As(err, &typed)
	switch class {
	case resilience.Auth:
		p.rejected(err)
	case resilience.NotFound:
		p.Known = Finding{FindingFailed, "unknown", err.Error()}
		p.unknownModel()
	case resilience.Network:
		p.unreachable(err)
	case resilience.Canceled:
		p.fix("it was interrupted; run it again")
	case resilience.Timeout:
		if p.Reach.State == FindingUnknown {
			p.Reach = Finding{FindingFailed, "no answer", err.Error()}
			p.fix("nothing answers within %s: check the connection and %s", p.doctor.callTimeout, p.addressSource())
			return
		}
		p.fix("no answer within %s: try again later, or choose a faster model with %s", p.doctor.callTimeout, p.modelSource())
	default:
		text := err.Error()
		if typed != nil {
			text = strings.TrimPrefix(text, strings.TrimSpace(typed.Provider+" "+typed.Model)+": ")
		}
		p.fix("%s", text)
		if p.Known.State == FindingFailed {
			p.unknownModel()
		}
	}
}

// rejected says that the key is not accepted.
func (p *patient) rejected(err error) {
	source := p.Key.Text
	p.Key = Finding{FindingFailed, "rejected", err.Error()}
	if p.settings.Key == "" {
		p.Key.Text = "needed"
		p.fix("it asks for a key: set %s", strings.Join(p.entry.keyVars(), " or "))
		return
	}
	p.fix("the key in %s is rejected: replace it, or check that it belongs to %s", source, hostOf(p.Endpoint))
}

// unreachable says how the connection fails.
func (p *patient) unreachable(err error) {
	text, what := reachFailure(err)
	p.Reach = Finding{FindingFailed, text, err.Error()}
	if p.Known.State == FindingUnknown {
		p.Known = Finding{State: FindingSkipped}
	}
	if p.Provider == "ollama" && text == "refused" {
		p.fix("not running: start it with `ollama serve`, or check %s", p.addressSource())
		return
	}
	p.fix("%s (%s): check the connection and %s", what, hostOf(p.Endpoint), p.addressSource())
}

// unknownModel says which model to use instead.
func (p *patient) unknownModel() {
	if p.Provider == "ollama" {
		text := fmt.Sprintf("the model is not there: `ollama pull %s`", p.Model)
		if len(p.names) > 0 {
			text += fmt.Sprintf(", or set %s to one that is: %s", p.modelSource(), few(p.names))
		}
		p.fix("%s", text)
		return
	}
	text := fmt.Sprintf("it has no model %s: set %s", p.Model, p.modelSource())
	if near := nearest(p.Model, p.names); len(near) > 0 {
		text += "; names like it are " + few(near)
	}
	p.fix("%s", text)
}

// addressSource is where the address can be changed.
func (p *patient) addressSource() string {
	file := p.doctor.config.file
	switch variable := p.entry.prefix + "_BASE_URL"; {
	case p.doctor.config.Settings[p.Provider].BaseURL != "":
		return "Settings.BaseURL"
	case env(variable) == "" && file.providers[p.Provider].baseURL != "":
		return fmt.Sprintf("base_url of %s in %s", p.Provider, file.name)
	default:
		return variable
	}
}

// modelSource is where the model can be changed.
func (p *patient) modelSource() string {
	file := p.doctor.config.file
	switch variable := p.entry.prefix + "_MODEL"; {
	case p.ref.model != "":
		return "another one behind the colon"
	case p.doctor.config.Settings[p.Provider].Model != "":
		return "Settings.Model"
	case env(variable) == "" && file.providers[p.Provider].model != "":
		return fmt.Sprintf("model of %s in %s", p.Provider, file.name)
	default:
		return variable
	}
}

// example is what a right address looks like.
func (p *patient) example() string {
	if p.entry.baseURL == "" {
		return ", as in http://127.0.0.1:8000/v1"
	}
	return ", as in " + p.entry.baseURL
}

// headerTap keeps the headers of the last answer.
type headerTap struct {
	base http.RoundTripper
	mu   sync.Mutex // guards head
	head http.Header
}

func (t *headerTap) RoundTrip(req *http.Request) (*http.Response, error) {
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(req)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.head = resp.Header.Clone()
	}
	return resp, err
}

func (t *headerTap) last() http.Header {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head
}
