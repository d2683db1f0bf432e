package workflow

import (
	"fmt"
	"slices"

	"github.com/dogear-go/dogear/resilience"
)

// systemicStop ends an Each whose items fail one after another for a reason that will hit the next one too.
type systemicStop struct {
	step   string
	failed []string // the keys of those items
	class  resilience.Class
	err    error // of the last one
}

func (e *systemicStop) Error() string {
	return fmt.Sprintf("%s in a row failed for the same reason, so the rest was not tried: %v", plural(len(e.failed), "item"), e.err)
}
func (e *systemicStop) Unwrap() error { return e.err }

// systemic says that a failure of this class will probably hit the next item too.
func systemic(c resilience.Class) bool {
	return slices.Contains([]resilience.Class{
		resilience.Auth, resilience.Quota, resilience.Permission, resilience.NotFound, resilience.Network, resilience.Overloaded,
		resilience.Server, resilience.RateLimit, resilience.Timeout,
	}, c)
}

// stopStep lets nothing new start in one step.
func (s *session) stopStep(stop *systemicStop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stepStops[stop.step] == nil {
		s.stepStops[stop.step] = stop
	}
}
