package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

const (
	flagAddr      = "addr"
	flagTokenFile = "token-file"
	envToken      = "DOGEAR_DASHBOARD_TOKEN"
	defaultAddr   = "127.0.0.1:8484"
)

// serving is what serve was told.
type serving struct {
	addr      string
	tokenFile string
	token     string
}

func (k *kit) serveVerb(verb newVerb) *cobra.Command {
	var s serving
	cmd := verb("serve", "show the runs in a browser", cobra.NoArgs, func(ctx context.Context, _ []string) error { return k.serve(ctx, s) })
	cmd.Long = "Show the runs in a browser, whichever process works on them, and let people pause, resume, approve, retry and edit.\n" +
		"Only this machine is answered unless there is a token, in a file (--" + flagTokenFile + ") or in " + envToken + "."
	cmd.Flags().StringVar(&s.addr, flagAddr, defaultAddr, "where to listen: HOST:PORT; port 0: any that is free")
	cmd.Flags().StringVar(&s.tokenFile, flagTokenFile, "", "file with the token that visitors must show; needed for other machines")
	k.session.webhook.bind(cmd.Flags())
	return cmd
}

// serve shows the runs until a signal comes.
func (k *kit) serve(ctx context.Context, s serving) error {
	if err := k.session.webhook.check(); err != nil {
		return err
	}
	if err := s.read(); err != nil {
		return err
	}
	hosts, err := s.hosts()
	if err != nil {
		return err
	}
	store, err := k.store(ctx, true)
	if err != nil {
		return err
	}
	o := &opened{kit: k, store: store, ends: map[*workflow.Run]func(){}}
	d, err := dashboard.New(dashboard.Config{Store: store, Token: s.token, Hosts: hosts, OpenWith: o.open, Ended: o.ended, Logger: k.log})
	if err != nil {
		return usagef("%s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "dashboard: "), "Config.Token", "the token"))
	}
	o.dashboard = d
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return errors.Join(s.noListener(err), d.Close(ctx))
	}
	if err := k.announce(l.Addr(), s); err != nil {
		return errors.Join(err, l.Close(), d.Close(ctx))
	}
	err = k.untilSignal(ctx, d, l, o)
	if errors.Is(err, dashboard.ErrNeedsToken) {
		return s.needsToken()
	}
	return err
}

// untilSignal serves until the first signal; the second one cancels the calls of the runs of this process.
func (k *kit) untilSignal(ctx context.Context, d *dashboard.Dashboard, l net.Listener, o *opened) error {
	c := k.config.Controller
	if c == nil {
		c = controller.Notify(controller.Config{Out: &farewell{out: k.stderr, runs: o.working}, Resume: k.atPlace("serve")})
		defer func() { _ = c.Close() }() // its error would say nothing about what was served
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	closing, hasten := context.WithCancel(context.WithoutCancel(ctx))
	defer hasten()
	var watch sync.WaitGroup
	defer watch.Wait()
	ended := make(chan struct{})
	defer close(ended)
	watch.Go(func() {
		for _, next := range []struct {
			signal <-chan struct{}
			then   func()
		}{{c.Draining(), stop}, {c.Canceling(), hasten}} {
			select {
			case <-next.signal:
				next.then()
			case <-ended:
				return
			}
		}
	})
	return d.Serve(serving, closing, l)
}

// read takes the token from its file or from the environment.
func (s *serving) read() error {
	if s.tokenFile == "" {
		s.token = os.Getenv(envToken)
		return nil
	}
	f, err := os.Open(s.tokenFile)
	if err != nil {
		return usagef("--%s: %w", flagTokenFile, err)
	}
	defer func() { _ = f.Close() }() // only read
	const most = 4096
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return usagef("--%s: %w", flagTokenFile, err)
	}
	s.token = strings.TrimSpace(string(text))
	if s.token == "" || len(text) > most {
		return usagef("--%s %s must hold one token and nothing else; make one with:\n  openssl rand -hex 32 > %s", flagTokenFile, quoteArg(s.tokenFile), quoteArg(s.tokenFile))
	}
	return nil
}

// hosts are the names under which the dashboard is asked for, beside those of this machine.
func (s *serving) hosts() ([]string, error) {
	host, _, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, usagef("--%s must be HOST:PORT, as in %s", flagAddr, defaultAddr)
	}
	addr, notAddr := netip.ParseAddr(host)
	switch {
	case host == "localhost", notAddr == nil && addr.IsLoopback():
		return nil, nil
	case s.token == "":
		return nil, s.needsToken()
	case host != "" && notAddr != nil:
		return []string{host}, nil
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return []string{name}, nil
	}
	return nil, nil
}

func (s *serving) needsToken() error {
	return usagef("--%s %s can be reached from other machines, which needs a token; make one with:\n  openssl rand -hex 32 > token\nand give it by --%s token or in %s",
		flagAddr, quoteArg(s.addr), flagTokenFile, envToken)
}

func (s *serving) noListener(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return usagef("--%s %s is taken, perhaps by another serve; choose another one, or port 0 for any that is free", flagAddr, quoteArg(s.addr))
	}
	return usagef("--%s %s: can't listen there: %w", flagAddr, quoteArg(s.addr), err)
}

// servingJSON is what serve prints with --json.
type servingJSON struct {
	URL   string `json:"url"`
	Token bool   `json:"token_needed"`
}

// announce prints where the dashboard is.
func (k *kit) announce(at net.Addr, s serving) error {
	url := "http://" + at.String() + "/"
	text := fmt.Sprintf("the runs of %s are shown at %s\n", k.place(), url)
	if _, err := os.Stat(k.filesDir()); k.filesDir() != "" && errors.Is(err, fs.ErrNotExist) {
		text += "that folder is not there yet; its runs are shown as soon as it is\n"
	}
	if s.token != "" {
		from := envToken
		if s.tokenFile != "" {
			from = s.tokenFile
		}
		text += fmt.Sprintf("log in with the token of %s; programs send it as Authorization: Bearer TOKEN\n", from)
	}
	return k.say(servingJSON{url, s.token != ""}, text)
}

// farewell says what a signal does. While this process works on no run, there is nothing to pause or to go on with.
type farewell struct {
	out  io.Writer
	runs func() int // that this process works on
	said bool
}

// Write implements io.Writer. Only the controller's goroutine calls it.
func (f *farewell) Write(text []byte) (int, error) {
	if f.runs() > 0 {
		return f.out.Write(text)
	}
	if f.said {
		return len(text), nil
	}
	f.said = true
	_, err := io.WriteString(f.out, "closing the dashboard; it works on no run\n")
	return len(text), err
}

// opened gives the dashboard runs to work on, configured as --resume would.
type opened struct {
	kit       *kit
	store     state.Store
	dashboard *dashboard.Dashboard

	mu   sync.Mutex // guards ends
	ends map[*workflow.Run]func()
}

// open makes a run ready to go on with the settings of its last session, and with the steps that its recorded parameters
// say: another pipeline could lack a gate that the run waits at.
func (o *opened) open(ctx context.Context, what dashboard.Opening) (*workflow.Run, error) {
	run, pipeline := what.Run, what.Pipeline
	if own := o.kit.pipeline.Name(); pipeline != own {
		return nil, fmt.Errorf("it belongs to the pipeline %s, and this program runs %s", pipeline, own)
	}
	st, err := state.Load(ctx, o.store, run)
	if err != nil {
		return nil, err
	}
	p, err := o.kit.pipelineOf(st.Params)
	if err != nil {
		return nil, err
	}
	k := *o.kit
	k.project, k.recorded = run, st.Budget
	k.stderr = io.Discard // several runs at once would not be told apart; the pages show them
	k.session = sessionFlags{parallel: max(1, k.config.Concurrency), webhook: k.session.webhook}
	if err := k.session.inherit(st.Session.Settings); err != nil {
		return nil, err
	}
	k.config.Budget = changed(k.config.Budget, what.Budget)
	k.config.Controller = controller.New() // the signals are the dashboard's, which pauses the run
	cfg, done, err := k.configure(o.store)
	if err != nil {
		return nil, err
	}
	cfg.Observers = append(cfg.Observers, o.dashboard.Observe(run))
	r, err := p.Open(ctx, run, cfg)
	if err != nil {
		done()
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ends[r] = done
	return r, nil
}

// working is how many runs this process works on.
func (o *opened) working() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.ends)
}

// changed is a budget with what of it was changed.
func changed(b, by workflow.Budget) workflow.Budget {
	if by.Run != 0 {
		b.Run = by.Run
	}
	if len(by.Steps) > 0 {
		steps := maps.Clone(by.Steps)
		for step, limit := range b.Steps {
			if _, ok := steps[step]; !ok {
				steps[step] = limit
			}
		}
		b.Steps = steps
	}
	return b
}

// ended ends what was begun for a run.
func (o *opened) ended(r *workflow.Run, _ error) {
	o.mu.Lock()
	done := o.ends[r]
	delete(o.ends, r)
	o.mu.Unlock()
	if done != nil {
		done()
	}
}
