package pgstore

import (
	"testing"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) state.Store { return open(t, few(t), Options{}) })
}
