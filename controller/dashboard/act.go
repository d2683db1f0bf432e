package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// How large bodies may be.
const (
	maxBody = 64 << 10
	maxEdit = 8 << 20 // of an edit: a result, and what stands around it
)

// act is POST /api/runs/{run}/{action}.
func (d *Dashboard) act(w http.ResponseWriter, r *http.Request) {
	run, action := r.PathValue("run"), Action(r.PathValue("action"))
	done, err := d.doAct(w, r, run, action)
	if err != nil {
		status, _ := statusOf(err)
		d.log.Info("an action was refused", zap.String("run", clip(run)), zap.String("action", clip(string(action))), zap.Int("status", status))
		d.fail(w, r, err)
		return
	}
	d.log.Info("action", zap.String("run", run), zap.String("action", string(action)), zap.String("by", d.who(r)))
	writeJSON(w, http.StatusAccepted, Accepted{Run: run, Action: action, Text: done})
}

// doAct does it, and says what was done.
func (d *Dashboard) doAct(w http.ResponseWriter, r *http.Request, run string, action Action) (string, error) {
	if err := isJSON(r); err != nil {
		return "", err
	}
	now := time.Now()
	if wait := d.guard.acts.wait("", now); wait > 0 {
		return "", &refusal{status: http.StatusTooManyRequests, text: "too many actions at once; wait a little", after: wait}
	}
	d.guard.acts.take("", now)
	ctx := r.Context()
	switch action {
	case ActionPause:
		if _, err := readBody[struct{}](w, r, maxBody); err != nil {
			return "", err
		}
		return d.pause(ctx, run, d.who(r))
	case ActionResume:
		req, err := readBody[ResumeRequest](w, r, maxBody)
		if err != nil {
			return "", err
		}
		return d.resume(ctx, run, req.Budget, nil)
	case ActionRetry:
		req, err := readBody[RetryRequest](w, r, maxBody)
		if err != nil {
			return "", err
		}
		return d.retry(ctx, run, req)
	case ActionApprove, ActionReject:
		req, err := readBody[DecideRequest](w, r, maxBody)
		if err != nil {
			return "", err
		}
		return d.decide(ctx, run, action, req, d.who(r))
	case ActionEdit:
		req, err := readBody[EditRequest](w, r, maxEdit)
		if err != nil {
			return "", err
		}
		return d.edit(ctx, run, req, d.who(r))
	}
	return "", &refusal{status: http.StatusNotFound, text: "there is no such action",
		hint: "there are pause, resume, retry, approve, reject and edit"}
}

// readBody reads a JSON object of known fields; no body is an empty one.
func readBody[T any](w http.ResponseWriter, r *http.Request, most int64) (v T, err error) {
	if r.ContentLength == 0 {
		return v, nil
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return v, badBody(err)
	}
	var large *http.MaxBytesError
	switch err := dec.Decode(&json.RawMessage{}); {
	case errors.Is(err, io.EOF):
		return v, nil
	case errors.As(err, &large):
		return v, badBody(err)
	}
	return v, badRequest("there is more than one object in the body")
}

// who is who acts, in words for the record.
func (d *Dashboard) who(r *http.Request) string {
	if d.cfg.Who != "" {
		return d.cfg.Who
	}
	return "dashboard, " + place(remoteAddr(r))
}

// place says from where, not from which address: addresses of people don't belong into a journal.
func place(a netip.Addr) string {
	switch {
	case a.IsLoopback():
		return "this machine"
	case a.IsPrivate(), a.IsLinkLocalUnicast():
		return "private network"
	case a.IsValid():
		return "elsewhere"
	}
	return "unknown place"
}

// pause asks whoever works on the run to pause.
func (d *Dashboard) pause(ctx context.Context, run, who string) (string, error) {
	f, err := d.current(ctx, run)
	if err != nil {
		return "", err
	}
	var holder *state.Holder
	if err := f.read(func(_ *state.WorkflowState, head state.Head) error {
		holder = head.Holder
		return nil
	}); err != nil {
		return "", err
	}
	if holder == nil {
		return "", errNotRunning(run)
	}
	req := state.Request{Kind: state.AskPause, By: who, Time: time.Now().UTC()}
	if s := d.sessions.get(run); s != nil {
		err = s.run.Ask(ctx, req)
	} else {
		err = d.ask(ctx, run, req)
	}
	if err != nil {
		return "", err
	}
	f.stir()
	return fmt.Sprintf("process %d was asked to pause; calls in flight finish and are recorded first", holder.PID), nil
}

// ask leaves a request in the store.
func (d *Dashboard) ask(ctx context.Context, run string, req state.Request) error {
	inbox, ok := d.cfg.Store.(state.Inbox)
	if !ok {
		return fmt.Errorf("this store can't pass requests to another process: %w", state.ErrUnsupported)
	}
	return inbox.Ask(ctx, run, req)
}

// current is the follower of a run as it is this moment.
func (d *Dashboard) current(ctx context.Context, run string) (*follower, error) {
	f, err := d.runs.get(run)
	if err != nil {
		return nil, err
	}
	return f, f.refresh(ctx, 0)
}

// stir says that the run was changed: what is known of it is out of date, and the watch looks at it soon.
func (f *follower) stir() {
	f.ctl.Lock()
	f.acted = time.Now()
	f.ctl.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func errNotRunning(run string) error {
	return &refusal{status: http.StatusConflict, text: fmt.Sprintf("nobody works on the run %q now, so there is nothing to pause", run)}
}
