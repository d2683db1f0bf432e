package workflow

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// hooks are those that hold everywhere in a scope: waits, pauses, and what becomes of answers. A call adds its own.
func (sc *scope) hooks() resilience.Hooks {
	return resilience.Hooks{
		Run:      sc.session.run.name,
		Waiting:  sc.waiting,
		Wasted:   func(_ context.Context, id string, why error) { sc.judge(answerSeq(id), why) },
		Rejected: sc.rejected,
		Warn:     func(_ context.Context, code, message string) { sc.warn(code, message) },
		Pause:    sc.session.stopping,
		PauseErr: sc.refused,
	}
}

func (sc *scope) waiting(_ context.Context, d time.Duration, why string) {
	until := sc.session.now().Add(d).UTC().Round(0)
	_ = sc.emit(state.Waiting{Why: why, Until: until, ForMS: d.Milliseconds()}) // a journal that fails poisons the scope
}

func (sc *scope) judge(seq uint64, why error) {
	if seq == 0 {
		return
	}
	class := "unused"
	if why != nil {
		class = string(sc.session.cfg.Policy.ClassOf(why))
	}
	_ = sc.emit(state.CallJudged{Of: seq, Class: class})
}

func (sc *scope) rejected(_ context.Context, ids []string, why error) {
	x := exhausted{class: sc.session.cfg.Policy.ClassOf(why), err: why}
	for _, id := range ids {
		if seq := answerSeq(id); seq != 0 && (x.from == 0 || seq < x.from) {
			x.from = seq
		}
	}
	sc.attempt.exhaust(x)
}

func (sc *scope) warn(code, message string) {
	sc.attempt.mu.Lock()
	sc.attempt.warnings = append(sc.attempt.warnings, code)
	sc.attempt.mu.Unlock()
	_ = sc.emit(state.RunWarning{Code: code, Message: strings.ToValidUTF8(message, "\uFFFD")})
	sc.session.logWarning(sc.at, sc.attempt.number, code, "")
}

// diverged is called before something unrecorded is paid. If this scope was asked other things before a crash, and those
// answers are still there, then either they are yet to be asked for by calls that run side by side, or the program or its
// prompts are not pure. Only the end of the attempt can tell (see closeOrphans), but who chose to stop is stopped now.
func (sc *scope) diverged(ctx context.Context, t resilience.Try) error {
	orphans := sc.orphans()
	if len(orphans) == 0 {
		return nil
	}
	if sc.session.cfg.OnDivergence == DivergenceStop {
		return misuse("%w: %s", ErrDiverged, sc.divergence(ctx, orphans, t.Messages))
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.diverging == nil {
		sc.diverging = &t
	}
	return nil
}

// divergence says what differs, for people.
func (sc *scope) divergence(ctx context.Context, orphans []uint64, asked []string) string {
	message := fmt.Sprintf("%s asks something that it did not ask before; %d recorded answers no longer fit", sc.name(), len(orphans))
	if e, err := sc.session.rec.Event(ctx, orphans[0]); err == nil {
		if a, ok := e.Data.(state.CallAnswered); ok {
			message += "; " + differs(a.Messages, asked)
		}
	}
	return message
}

// closeOrphans ends a scope that did well: recorded answers that it did not ask for again are waste, and if it paid for
// others in their place, the user is told.
func (sc *scope) closeOrphans(ctx context.Context) {
	orphans := sc.orphans()
	if len(orphans) == 0 {
		return
	}
	for _, seq := range orphans {
		sc.session.post(sc.event(state.CallJudged{Of: seq, Class: "divergence"}))
	}
	sc.mu.Lock()
	t := sc.diverging
	sc.mu.Unlock()
	if t != nil {
		sc.warn("divergence", sc.divergence(ctx, orphans, t.Messages))
	}
}

func differs(recorded, asked []string) string {
	for i := range recorded {
		if i >= len(asked) || recorded[i] != asked[i] {
			return fmt.Sprintf("message %d is the first that differs", i+1)
		}
	}
	if len(asked) > len(recorded) {
		return fmt.Sprintf("message %d is new", len(recorded)+1)
	}
	return "the role or the options differ"
}

// name is where the scope is, for messages.
func (sc *scope) name() string {
	parts := []string{"step " + sc.at.Step}
	if sc.at.Item != "" {
		parts = append(parts, "item "+sc.at.Item)
	}
	if sc.at.Do != "" {
		parts = append(parts, "do "+sc.at.Do)
	}
	return strings.Join(parts, ", ")
}
