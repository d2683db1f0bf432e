package resilience

import (
	"context"
	"errors"
	"time"
)

// ErrPausing is what ends a wait when [Hooks].Pause closes and the hooks name no error of their own.
var ErrPausing = errors.New("resilience: the run is pausing, nothing new starts; resume it to go on")

// briefWait is the shortest wait of [Await] that is reported: a busy provider's queue would report hundreds a second.
const briefWait = time.Second

// Sleep waits for d. It and [Await] are the only ways in which Dogear waits, so a pause or a cancellation ends every wait
// at once.
//
// It returns context.Cause(ctx) when ctx ends, and Hooks.PauseErr (or [ErrPausing]) when Hooks.Pause closes; with either
// true already, the wait does not begin. A wait that begins is first reported to Hooks.Waiting, with why. With d <= 0
// Sleep only asks whether work may go on. It is safe for concurrent use.
func Sleep(ctx context.Context, d time.Duration, why string) error {
	h := HooksFrom(ctx)
	if err := stopped(ctx, h); err != nil || d <= 0 {
		return err
	}
	if h.Waiting != nil {
		h.Waiting(ctx, d, why)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-h.Pause:
	}
	return stopped(ctx, h) // asked again: select chooses at random when several are ready
}

// Await waits until ready is closed, in all else as [Sleep] does. d is how long that is expected to take. A wait is reported to
// Hooks.Waiting when it begins if it is expected to take a second or more, and after a second otherwise.
func Await(ctx context.Context, ready <-chan struct{}, d time.Duration, why string) error {
	h := HooksFrom(ctx)
	if err := stopped(ctx, h); err != nil {
		return err
	}
	select {
	case <-ready:
		return nil
	default:
	}
	var report <-chan time.Time // never, unless the wait is longer than it seems
	switch {
	case h.Waiting == nil:
	case d >= briefWait:
		h.Waiting(ctx, d, why)
	default:
		timer := time.NewTimer(briefWait)
		defer timer.Stop()
		report = timer.C
	}
	for {
		select {
		case <-report:
			h.Waiting(ctx, max(d, briefWait), why)
			continue
		case <-ready:
		case <-ctx.Done():
		case <-h.Pause:
		}
		return stopped(ctx, h)
	}
}

// stopped returns why nothing may start now, or nil.
func stopped(ctx context.Context, h Hooks) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-h.Pause: // a nil channel never closes
	default:
		return nil
	}
	if h.PauseErr != nil {
		if err := h.PauseErr(); err != nil {
			return err
		}
	}
	return ErrPausing
}
