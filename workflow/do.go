package workflow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/dogear-go/dogear/state"
)

// Do runs a side effect once: its result is recorded, and on resume fn is not called again. What the effect depends on
// belongs into the key, which must be used once in an attempt. fn gets a context of its own scope: the model calls it
// makes are recorded there, and not looked at any more once the Do is recorded. There is no Do inside a Do. An error of
// fn is returned as it is, and nothing is recorded.
func Do[T any](ctx context.Context, key string, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	what := fmt.Sprintf("Do %q", key)
	sc, err := working(ctx, what)
	if err != nil {
		return zero, err
	}
	if sc.kind == scopeDo {
		return zero, misuse("%s inside Do %q: a Do can't hold another", what, sc.at.Do)
	}
	raw, err := sc.once(ctx, key, func(ctx context.Context) (json.RawMessage, error) {
		v, err := fn(ctx)
		if err != nil {
			return nil, err
		}
		return encode(v)
	})
	if err != nil {
		return zero, err
	}
	return decode[T](raw, "the result of "+what+" in "+sc.name())
}

// once is Do on recorded bytes.
func (sc *scope) once(ctx context.Context, key string, fn func(context.Context) (json.RawMessage, error)) (json.RawMessage, error) {
	key = recordedKey(key)
	if key == "" {
		return nil, misuse("Do in %s: the key is empty", sc.name())
	}
	sc.mu.Lock()
	again := sc.used[key]
	sc.used[key] = true
	sc.mu.Unlock()
	if again {
		return nil, misuse("Do %q in %s: the key was used before in this attempt; "+
			"what the effect depends on belongs into its key", key, sc.name())
	}
	return sc.recorded(ctx, key, recordKind{}, func(ctx context.Context) (json.RawMessage, error) {
		inner := sc.inner(key)
		defer inner.close()
		raw, err := fn(withScope(ctx, inner))
		if poison := sc.attempt.poisoned(); poison != nil {
			return nil, poison // something inside was refused: what fn made of that must not become a result
		}
		if err == nil {
			inner.closeOrphans(context.WithoutCancel(ctx))
		}
		return raw, err
	})
}

// inner makes the scope of a Do.
func (sc *scope) inner(key string) *scope {
	in := &scope{kind: scopeDo, session: sc.session, source: sc.source, gen: sc.gen, attempt: sc.attempt,
		at: state.Scope{Step: sc.at.Step, Item: sc.at.Item, Do: key}, prev: sc.prev, hasPrev: sc.hasPrev}
	sc.session.rec.View(in.load)
	return in
}

// recordKind says how results are recorded.
type recordKind struct {
	queue bool // results of one key form a queue in journal order
	pure  bool // it can't be to blame for an error of the step: the time, a seed, an embedding
}

// recorded returns the next recorded result of the key, or makes and records one.
func (sc *scope) recorded(ctx context.Context, key string, kind recordKind, fn func(context.Context) (json.RawMessage, error)) (json.RawMessage, error) {
	sc.mu.Lock()
	seqs := sc.dos[key]
	if len(seqs) > 0 {
		sc.dos[key] = seqs[1:]
	}
	sc.mu.Unlock()
	if len(seqs) > 0 {
		e, err := sc.session.rec.Event(ctx, seqs[0])
		if err != nil {
			sc.putBack(sc.dos, key, seqs[0])
			return nil, fmt.Errorf("reading a recorded result back: %w", err)
		}
		done, ok := e.Data.(state.DoCompleted)
		if !ok {
			return nil, fmt.Errorf("event %d is %s, not the result of %q", seqs[0], e.Type, key)
		}
		sc.attempt.consume(seqs[0], !kind.pure)
		return done.Result, nil
	}
	if err := sc.begin(); err != nil {
		return nil, err
	}
	raw, err := fn(ctx)
	if err != nil {
		return nil, err
	}
	// Results of a queue stand where they were asked for: a Do's own when that is inside one.
	seq, err := sc.commit(state.DoCompleted{Key: key, Queue: kind.queue, Result: raw})
	if err != nil {
		return nil, fmt.Errorf("the result of %q could not be recorded: %w", key, err)
	}
	sc.attempt.consume(seq, !kind.pure)
	return raw, nil
}
