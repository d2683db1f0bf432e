package workflow

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// TestBill: what a try cost, or at most, or that nobody knows. The most is 1,000; a token in or out costs 1.
func TestBill(t *testing.T) {
	t.Parallel()
	most, nothing, some := int64(1000), int64(0), int64(7)
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	read := &net.OpError{Op: "read", Err: errors.New("reset")}
	told := resilience.Usage{Input: 3, Output: 4}
	known, unknown := worst{micro: &most}, worst{unbounded: true}
	atMost, nobody := bill{cost: &most, bound: true}, bill{unpriced: true}
	failed := func(c resilience.Class, status int, err error, u resilience.Usage) resilience.Try {
		return resilience.Try{Class: c, Status: status, Err: err, Usage: u}
	}
	boom, none := errors.New("boom"), resilience.Usage{}
	for what, c := range map[string]struct {
		try  resilience.Try
		w    worst
		want bill
	}{
		"answered":                        {resilience.Try{Usage: told}, known, bill{cost: &some}},
		"answered, tokens not told":       {resilience.Try{}, known, atMost},
		"answered, nothing known":         {resilience.Try{}, unknown, nobody},
		"free":                            {resilience.Try{}, worst{micro: &nothing}, bill{cost: &nothing}},
		"refused":                         {failed(resilience.RateLimit, 429, boom, none), known, bill{}},
		"refused without a status":        {failed(resilience.Overloaded, 0, boom, none), known, bill{}},
		"server error":                    {failed(resilience.Server, 500, boom, none), known, bill{}},
		"server error, told by a library": {failed(resilience.Server, 0, boom, none), known, bill{}},
		"an error inside a 200":           {failed(resilience.Server, 200, boom, none), known, atMost},
		"a gateway's patience":            {failed(resilience.Timeout, 504, boom, none), known, atMost},
		"timed out":                       {failed(resilience.Timeout, 0, boom, none), known, atMost},
		"timed out, nothing known":        {failed(resilience.Timeout, 0, boom, none), unknown, nobody},
		"cancelled in the middle":         {failed(resilience.Canceled, 0, boom, told), known, atMost},
		"cut in the middle":               {failed(resilience.InvalidResponse, 200, boom, told), known, atMost},
		"never connected":                 {failed(resilience.Network, 0, dial, none), known, bill{}},
		"no such host":                    {failed(resilience.Network, 0, &net.DNSError{}, none), known, bill{}},
		"connection lost":                 {failed(resilience.Network, 0, read, none), known, atMost},
		"a proxy's refusal":               {failed(resilience.Network, 407, boom, none), known, bill{}},
		"empty, and told":                 {failed(resilience.EmptyResponse, 200, boom, told), known, bill{cost: &some}},
		"empty, and not told":             {failed(resilience.EmptyResponse, 200, boom, none), known, atMost},
		"blocked":                         {failed(resilience.ContentPolicy, 400, boom, none), known, bill{}},
		"who knows":                       {failed(resilience.Unknown, 0, boom, none), known, atMost},
		"more than the most":              {failed(resilience.Timeout, 0, boom, resilience.Usage{Input: 2000}), known, bill{cost: new(int64(2000)), bound: true}},
	} {
		cfg := Config{Price: func(_, _ string, u state.Usage) (int64, bool) { return u.Input + u.Output, true }}
		require.Equal(t, c.want, cfg.bill(c.try, c.w), what)
	}
}

// TestWorst: the most that a try can cost; cached input counts when it is dearer.
func TestWorst(t *testing.T) {
	t.Parallel()
	price := func(in, cached, out int64) Config {
		return Config{Price: func(_, _ string, u state.Usage) (int64, bool) {
			return (u.Input-u.Cached)*in + u.Cached*cached + u.Output*out, true
		}}
	}
	try := resilience.Try{Most: resilience.Usage{Input: 10, Output: 5}}
	require.EqualValues(t, 10*2+5*3, *price(2, 1, 3).worst(try).micro)
	require.EqualValues(t, 10*4+5*3, *price(2, 4, 3).worst(try).micro)
	writing := Config{Price: func(_, _ string, u state.Usage) (int64, bool) { return u.Input + 7*u.Written + u.Output, true }}
	require.EqualValues(t, 10+7*10+5, *writing.worst(try).micro)
	require.Equal(t, worst{unpriced: true}, Config{}.worst(try))
	require.Equal(t, worst{unbounded: true}, price(1, 1, 1).worst(resilience.Try{Most: resilience.Usage{Input: 10}}))
	require.Equal(t, worst{unbounded: true}, price(1, 1, 1).worst(resilience.Try{Most: resilience.Usage{Output: 10}}))
	require.Zero(t, *price(0, 0, 0).worst(resilience.Try{}).micro)
}
