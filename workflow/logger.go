package workflow

import (
	"context"

	"go.uber.org/zap"
)

// Logger is the run's logger with the fields run, step, item and attempt. With a context of no step it is silent.
func Logger(ctx context.Context) *zap.Logger {
	sc, err := scopeFrom(ctx)
	if err != nil || sc.session == nil {
		return zap.NewNop()
	}
	log := sc.session.log.With(zap.String("step", sc.at.Step))
	if sc.at.Item != "" {
		log = log.With(zap.String("item", sc.at.Item))
	}
	return log.With(zap.Int("attempt", sc.attempt.number))
}

// Warn tells the user something about a result that is accepted all the same. It is counted under its code, shown in
// status, and recorded with the item. With a context of no step nothing happens.
func Warn(ctx context.Context, code, message string) {
	if sc, err := working(ctx, "Warn"); err == nil {
		sc.warn(code, message)
	}
}
