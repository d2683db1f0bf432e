package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/webhook"
	"github.com/dogear-go/dogear/workflow"
)

const (
	flagWebhook       = "webhook"
	flagWebhookFormat = "webhook-format"
	flagWebhookHTTP   = "webhook-allow-http"

	envWebhook       = "DOGEAR_WEBHOOK"
	envWebhookSecret = "DOGEAR_WEBHOOK_SECRET"

	webhookNone = "none"
)

// webhookTime bounds how long the program stays to deliver what waits, after the run has ended and was told.
const webhookTime = 5 * time.Second

// webhookPatience is how long that may take before a person is told why the program is still there.
const webhookPatience = time.Second

// webhookFlags say who is told how the run ends. They are not recorded: an address may hold a secret, as Slack's do. So they are
// given again on resume, or stand in the environment. No message shows more of an address than its host.
type webhookFlags struct {
	urls   []string
	format string
	http   bool
}

func (w *webhookFlags) bind(f *pflag.FlagSet) {
	f.StringArrayVar(&w.urls, flagWebhook, nil, "POST to this `URL` when the run ends, pauses, waits or loses a provider; may be repeated; not recorded\n"+
		"(default: those of "+envWebhook+", which other users of this machine can't see; none: no address;\n"+
		envWebhookSecret+", whsec_..., signs)")
	f.StringVar(&w.format, flagWebhookFormat, "", "json, or slack: {\"text\": ...} (default: json, to hooks.slack.com slack)")
	f.BoolVar(&w.http, flagWebhookHTTP, false, "allow --"+flagWebhook+" with http:// to other machines")
}

// addresses are the URLs, each once, and the name of the flag or variable that says them.
func (w *webhookFlags) addresses() (urls []string, from string) {
	urls, from = w.urls, "--"+flagWebhook
	if len(urls) == 0 {
		urls, from = strings.Fields(os.Getenv(envWebhook)), envWebhook
	}
	urls = slices.Clone(urls)
	slices.Sort(urls)
	urls = slices.Compact(urls)
	if len(urls) == 1 && urls[0] == webhookNone {
		return nil, from
	}
	return urls, from
}

// senders makes one sender for each address.
func (w *webhookFlags) senders(log *zap.Logger) (all []*webhook.Sender, err error) {
	urls, from := w.addresses()
	for _, u := range urls {
		s, err := webhook.New(webhook.Config{
			URL: u, Secret: os.Getenv(envWebhookSecret), Format: w.formatFor(u), AllowHTTP: w.http, Logger: log,
		})
		if err != nil {
			text := strings.TrimPrefix(err.Error(), "webhook: ")
			if strings.HasPrefix(text, "the secret") {
				from = envWebhookSecret
			}
			return nil, &UsageError{&advised{from + ": " + text, err}} // nothing is running yet
		}
		all = append(all, s)
	}
	return all, nil
}

func (w *webhookFlags) formatFor(address string) webhook.Format {
	if w.format != "" {
		return webhook.Format(w.format)
	}
	if u, err := url.Parse(address); err == nil && strings.EqualFold(u.Hostname(), "hooks.slack.com") {
		return webhook.Slack // which refuses any other
	}
	return webhook.JSON
}

// check refuses what can't be used, before anything is started.
func (w *webhookFlags) check() error {
	if w.format != "" && w.format != string(webhook.JSON) && w.format != string(webhook.Slack) {
		return usagef("--%s must be %s or %s, not %s", flagWebhookFormat, webhook.JSON, webhook.Slack, quoteArg(w.format))
	}
	_, err := w.senders(nil)
	return err
}

// webhooks adds an observer that tells the addresses. The function it returns delivers what waits, in a bounded time, or until leave
// is closed.
func (k *kit) webhooks(cfg *workflow.Config) (func(leave <-chan struct{}), error) {
	log := cfg.Logger
	if log == nil {
		log = k.warnings() // that nobody was told is worth a line, whatever was asked for
	}
	senders, err := k.session.webhook.senders(log)
	if err != nil || len(senders) == 0 {
		return func(<-chan struct{}) {}, err
	}
	cfg.Observers = append(cfg.Observers, webhook.Observer(senders...))
	return func(leave <-chan struct{}) { k.deliver(senders, leave) }, nil
}

// deliver ends the senders. Each notification that was not delivered has its line.
func (k *kit) deliver(senders []*webhook.Sender, leave <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), webhookTime)
	var watch sync.WaitGroup
	watch.Go(func() {
		slow := time.NewTimer(webhookPatience)
		defer slow.Stop()
		for {
			select {
			case <-slow.C:
				fmt.Fprintln(k.stderr, "delivering webhooks; Ctrl+C to leave them")
			case <-leave:
				cancel()
				return
			case <-ctx.Done():
				return
			}
		}
	})
	_ = closeAll(ctx, senders)
	cancel()
	watch.Wait()
}

// further is closed by the next request to a controller: what is left to do then is to be left. Nil when it takes no more.
func further(c *controller.Controller) <-chan struct{} {
	switch c.State() {
	case controller.None:
		return c.Draining()
	case controller.Draining:
		return c.Canceling()
	}
	return nil
}

func closeAll(ctx context.Context, senders []*webhook.Sender) error {
	errs := make([]error, len(senders))
	var all sync.WaitGroup
	for i, s := range senders {
		all.Go(func() { errs[i] = s.Close(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}
