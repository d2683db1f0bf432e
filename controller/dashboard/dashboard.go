package dashboard

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// Config is what a dashboard needs. Store is required; the zero value of everything else works.
type Config struct {
	// Store holds the runs that are shown. It is required.
	Store state.Store

	// Token must be shown by whoever wants in: 16 characters at least, better 32 random ones. Without one only requests
	// from this machine, under a name of this machine, are answered. Defaults to none.
	Token string

	// Hosts are names under which the dashboard may be asked for, beside those of this machine: "runs.example.com", with
	// or without a port. They need a Token. Defaults to none.
	Hosts []string

	// Open gives a handle of a run, ready to be worked on, for resume, retry and edit. pipeline is the one that the run
	// belongs to. The run must not have the program's controller: the dashboard pauses it by itself. Defaults to none: then
	// the dashboard can ask running processes to pause, and leave decisions for them, and no more.
	Open func(ctx context.Context, pipeline, run string) (*workflow.Run, error)

	// OpenWith is Open for a program that can be told more, such as another budget; it wins over Open. Defaults to Open: then
	// the dashboard can't change the budget of a run.
	OpenWith func(ctx context.Context, o Opening) (*workflow.Run, error)

	// Ended is told when a run that Open or OpenWith gave is not worked on any more, and how that ended. Defaults to nobody.
	Ended func(run *workflow.Run, err error)

	// Who is the name of who uses the dashboard, in the record of what was done. Defaults to "dashboard" and where the
	// request came from: this machine, a private network, elsewhere.
	Who string

	// Logger gets what happens, never a token, a prompt or an answer. Defaults to silence.
	Logger *zap.Logger

	// Poll is how often the journal of a run that somebody watches is looked at. A run at rest is looked at less often.
	// Defaults to 500 ms.
	Poll time.Duration

	// MaxClients bounds how many event streams are open at once. Defaults to 256.
	MaxClients int

	// MaxRuns bounds how many runs are kept in memory at once because somebody looks at them. Defaults to 32.
	MaxRuns int

	// MaxSessions bounds how many runs this process works on at once. Defaults to 4.
	MaxSessions int
}

// Opening says which run is to be opened, and how.
type Opening struct {
	Pipeline string // that the run belongs to
	Run      string
	Budget   workflow.Budget // what a person changed: for Config.Budget of the run; zero: nothing
}

// canOpen says that the program gave a way to work on runs.
func (c Config) canOpen() bool { return c.Open != nil || c.OpenWith != nil }

func (c Config) open(ctx context.Context, o Opening) (*workflow.Run, error) {
	if c.OpenWith != nil {
		return c.OpenWith(ctx, o)
	}
	return c.Open(ctx, o.Pipeline, o.Run)
}

// minToken is the shortest token that is accepted, in bytes: guessing 16 is hopeless at the rate that the login allows.
const minToken = 16

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Poll <= 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.MaxClients <= 0 {
		c.MaxClients = 256
	}
	if c.MaxRuns <= 0 {
		c.MaxRuns = 32
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = 4
	}
	return c
}

// Dashboard is an [http.Handler] that shows the runs of a store. It is made by [New], is safe for concurrent use, and must
// be closed. All its links are relative, so it can be mounted below a path with [http.StripPrefix].
type Dashboard struct {
	cfg       Config
	log       *zap.Logger
	handler   http.Handler
	guard     *guard
	runs      followers
	list      lister
	sessions  sessions
	life      life
	clients   chan struct{} // a place for each event stream
	busy      chan struct{} // a place for each answer that is being made
	reading   chan struct{} // the place of who reads a whole history
	heartbeat time.Duration
	patience  time.Duration // with a client that takes nothing
	lastWord  time.Duration // the same, when the dashboard is closed

	otherConns int // how many connections there may be beside those of event streams

	deciding sync.Mutex // held from looking whether a gate is decided until a decision is left
	ui       ui

	ctx    context.Context // ends with Close: what the dashboard started runs under it
	cancel context.CancelFunc
}

// maxBusy bounds how many answers are made at once, and so how much memory they take.
const maxBusy = 32

// New makes a dashboard. It refuses names of other machines without a token, and a token that can be guessed.
func New(cfg Config) (*Dashboard, error) {
	if cfg.Store == nil {
		return nil, errors.New("dashboard: Config.Store is nil")
	}
	d := &Dashboard{cfg: cfg.withDefaults(), heartbeat: heartbeatEvery, patience: writeWithin, lastWord: endWithin, otherConns: otherConns}
	var err error
	if d.guard, err = newGuard(d.cfg); err != nil {
		return nil, err
	}
	if d.ui, err = newUI(); err != nil {
		return nil, err
	}
	d.log = d.cfg.Logger
	d.clients, d.busy, d.reading = make(chan struct{}, d.cfg.MaxClients), make(chan struct{}, maxBusy), make(chan struct{}, 1)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.runs = followers{d: d, all: map[string]*follower{}}
	d.list.d, d.list.sums, d.list.scanning = d, map[string]cachedSummary{}, make(chan struct{}, 1)
	d.sessions.all = map[string]*session{}
	d.handler = d.routes()
	d.life.start(d.runs.dropIdle)
	return d, nil
}

// ServeHTTP answers a request.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Close asks the runs that this dashboard works on to pause and waits for them; when ctx ends before they do, their calls
// are cancelled. Then it ends all event streams, and returns when every goroutine of the dashboard has ended. It must be
// called before the server is shut down, which waits for the streams. An error says that a run did not stop.
func (d *Dashboard) Close(ctx context.Context) error {
	err := d.pauseSessions(ctx)
	d.life.close()
	d.cancel()
	if err == nil {
		d.life.open.Wait()
	}
	return err
}

// here says that the holder of a run is this process.
func here(h *state.Holder) bool {
	if h == nil || h.PID != os.Getpid() {
		return false
	}
	host, err := os.Hostname()
	return err != nil || host == h.Host
}
