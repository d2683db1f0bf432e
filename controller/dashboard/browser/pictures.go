package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/controller/dashboard/browser/internal/sample"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// stage are the sample runs and the dashboard that shows them.
type stage struct {
	store state.Store
	novel *workflow.Pipeline
	wait  sync.WaitGroup
}

// makeAll makes the samples, and then the pictures.
func makeAll(ctx context.Context, log io.Writer, out, only string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	novel, err := sample.New()
	if err != nil {
		return err
	}
	s := &stage{store: memstore.New(), novel: novel}
	defer s.wait.Wait()
	defer cancel()
	if err := s.runs(ctx); err != nil {
		return err
	}
	empty, stopEmpty, err := serve(dashboard.Config{Store: memstore.New()})
	if err != nil {
		return err
	}
	defer stopEmpty()
	locked, stopLocked, err := serve(dashboard.Config{Store: s.store, Token: "a token for pictures only"})
	if err != nil {
		return err
	}
	defer stopLocked()
	url, stop, err := serve(dashboard.Config{Store: s.store, Poll: 100 * time.Millisecond, Open: s.open})
	if err != nil {
		return err
	}
	defer stop()
	dir, err := os.MkdirTemp("", "dogear-pictures-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder that stays in the system's temporary one harms nobody
	return takeAll(ctx, dir, shots(url, empty, locked), func(name string, png []byte) error {
		png, err := small(png)
		if err != nil {
			return err
		}
		fmt.Fprintf(log, "%-28s %4d KB\n", name, len(png)>>10)
		return os.WriteFile(filepath.Join(out, name+".png"), png, 0o644)
	}, only)
}

// serve shows runs until stop is called.
func serve(cfg dashboard.Config) (url string, stop func(), err error) {
	d, err := dashboard.New(cfg)
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(err, d.Close(context.Background()))
	}
	srv := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		_ = srv.Serve(l) // ends with Close
		close(ended)
	}()
	return "http://" + l.Addr().String() + "/", func() {
		_ = d.Close(context.Background())
		_ = srv.Close()
		<-ended
	}, nil
}

func (s *stage) open(ctx context.Context, _, run string) (*workflow.Run, error) {
	cfg, err := sample.Config(sample.Params{}, nil)
	cfg.Params, cfg.Store = nil, s.store
	if err != nil {
		return nil, err
	}
	return s.novel.Open(ctx, run, cfg)
}

// runs makes a run of each kind: one that goes on, one that asks a person, one that is complete, one that failed in part.
func (s *stage) runs(ctx context.Context) error {
	book := sample.Params{Genre: "literary mystery", Chapters: 10, Scenes: 4, Words: 1200}
	if err := s.start(ctx, "Harbour_Lights", book, nil, false); err != nil {
		return err
	}
	for _, whole := range []struct {
		run    string
		params sample.Params
		before func(context.Context, string, string) error
	}{
		{"Salt_and_Slate", sample.Params{Genre: "historical", Chapters: 6, Scenes: 3, Words: 800}, nil},
		{"Nine_Winters", sample.Params{Genre: "saga", Chapters: 24, Scenes: 10, Words: 900}, failing},
	} {
		if err := s.start(ctx, whole.run, whole.params, whole.before, true); err != nil {
			return err
		}
	}
	return s.live(ctx, "Ten_Chapter_Novel", sample.Params{Genre: "mystery", Chapters: 10, Scenes: 12, Words: 1500})
}

// start runs a sample up to its gate, or, approved, to its end.
func (s *stage) start(ctx context.Context, run string, p sample.Params, before func(context.Context, string, string) error, approve bool) error {
	cfg, err := sample.Config(p, before)
	if err != nil {
		return err
	}
	cfg.Store = s.store
	r, err := s.novel.Run(ctx, run, cfg)
	if !errors.Is(err, workflow.ErrWaiting) || !approve {
		return ignore(err)
	}
	if err := s.approve(ctx, r); err != nil {
		return err
	}
	_, err = s.novel.Run(ctx, run, cfg)
	return ignore(err)
}

func (s *stage) approve(ctx context.Context, r *workflow.Run) error {
	return r.Ask(ctx, state.Request{Kind: state.AskApprove, Step: "outline_review", By: "dana", Note: "Keep the footprints.", Time: time.Now()})
}

// ignore lets a run stop in every way that a picture wants.
func ignore(err error) error {
	if errors.Is(err, workflow.ErrWaiting) || errors.Is(err, workflow.ErrPartial) || errors.Is(err, workflow.ErrPaused) {
		return nil
	}
	return err
}

// failing refuses some scenes.
func failing(_ context.Context, provider, prompt string) error {
	if strings.Contains(prompt, "Write scene") && (strings.Contains(prompt, "/sc07") && strings.Contains(prompt, "The drowned road") || strings.Contains(prompt, "ch11/sc09")) {
		return &resilience.Error{Class: resilience.ContentPolicy, Provider: provider, Status: 400, Err: errors.New("the request was blocked: the scene describes a drowning in detail")}
	}
	return nil
}

// live leaves a run in the middle of its scenes: it goes on slowly while pictures are taken.
func (s *stage) live(ctx context.Context, run string, p sample.Params) error {
	var n atomic.Int64
	middle := make(chan struct{})
	cfg, err := sample.Config(p, func(ctx context.Context, provider, prompt string) error {
		switch i := n.Add(1); {
		case i == 20 || i == 33:
			return &resilience.Error{Class: resilience.RateLimit, Provider: provider, Status: 429, After: 2 * time.Second,
				Err: errors.New("rate limit reached for llama-3.3-70b: 12,000 tokens per minute. Please try again in 2s")}
		case i == 27:
			return &resilience.Error{Class: resilience.Server, Provider: provider, Status: 503, Err: errors.New("service unavailable")}
		case i > 52:
			if i == 56 {
				close(middle)
			}
			return pace(ctx, 3*time.Second)
		}
		return pace(ctx, 140*time.Millisecond)
	})
	if err != nil {
		return err
	}
	cfg.Store = s.store
	r, err := s.novel.Run(ctx, run, cfg)
	if !errors.Is(err, workflow.ErrWaiting) {
		return err
	}
	if err := s.approve(ctx, r); err != nil {
		return err
	}
	s.wait.Go(func() { _, _ = s.novel.Run(ctx, run, cfg) })
	select {
	case <-middle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pace lets a call take some time, so that there is something to see of it.
func pace(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
