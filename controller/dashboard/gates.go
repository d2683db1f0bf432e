package dashboard

import (
	"context"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// gates are what the open questions of a run show, and what was answered that the run has not taken in yet.
type gates struct {
	shown map[string]shownText     // by step
	asked map[string]state.Request // by step
}

// shownText is what a gate shows, and the event that it stands in.
type shownText struct {
	seq  uint64
	text string
}

// readGates reads what gates show that have asked, once for each question, and looks for answers in the inbox while one
// is open. Only the poll calls it.
func (f *follower) readGates(ctx context.Context) error {
	next := gates{shown: map[string]shownText{}}
	open := false
	for i := range f.st.Steps {
		s := &f.st.Steps[i]
		if s.Gate == nil || s.Gate.Seq == 0 {
			continue
		}
		open = open || s.Gate.Open()
		text, err := f.shownBy(ctx, s)
		if err != nil {
			return err
		}
		next.shown[s.Name] = text
	}
	if open {
		next.asked = f.decisions(ctx)
	}
	f.mu.Lock()
	f.gates = next
	f.mu.Unlock()
	return nil
}

func (f *follower) shownBy(ctx context.Context, s *state.StepState) (shownText, error) {
	if known, ok := f.gates.shown[s.Name]; ok && known.seq == s.Gate.Seq {
		return known, nil
	}
	e, err := state.ReadEvent(ctx, f.d.cfg.Store, f.run, s.Gate.Seq)
	if err != nil {
		return shownText{}, err
	}
	opened, _ := e.Data.(state.GateOpened) // else the text is empty, and so can't be approved: its hash is another
	return shownText{s.Gate.Seq, opened.Shown}, nil
}

// decisions are what was asked for and not taken in yet, by step: the first, which is the one that counts.
func (f *follower) decisions(ctx context.Context) map[string]state.Request {
	inbox, ok := f.d.cfg.Store.(state.Inbox)
	if !ok {
		return nil
	}
	requests, err := inbox.Requests(ctx, f.run)
	if err != nil {
		f.d.log.Debug("requests can't be read", zap.String("run", f.run), zap.Error(err))
	}
	return f.st.Decisions(requests)
}

// undecided says that an open gate has no answer, not even one that waits to be taken in.
func (g gates) undecided(s state.StepState) bool {
	_, asked := g.asked[s.Name]
	return s.Gate.Open() && !asked
}

// view is a gate that has asked; nil: it has not.
func (g gates) view(s *state.StepState) *GateView {
	if s.Gate == nil || s.Gate.Seq == 0 {
		return nil
	}
	v := &GateView{Shown: g.shown[s.Name].text, Hash: s.Gate.Hash, Opened: s.Gate.Opened}
	if r, ok := g.asked[s.Name]; ok {
		v.Asked, v.AskedBy, v.AskedNote = string(r.Kind), r.By, r.Note
	}
	if d := s.Gate.Decided; d != nil {
		v.Decision, v.Who, v.Note, v.Decided = d.Decision, d.Who, d.Note, d.Time
		v.Asked, v.AskedBy, v.AskedNote = "", "", ""
	}
	return v
}
