package providers

import (
	"errors"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// first is the response format that a JSON mode begins with.
func (j JSONMode) first() wire.Format {
	switch j {
	case JSONObject:
		return wire.FormatObject
	case JSONNone:
		return wire.FormatNone
	}
	return wire.FormatSchema
}

// format is how the member is told about JSON now: by what is known of it, by what calls found out, by what this one did.
func (k *call) format(m *member) wire.Format {
	r := &k.records[m.index]
	r.format = max(r.format, m.JSON.first(), wire.Format(m.takes.Load()))
	return r.format
}

// otherFormat asks again in a laxer format where the last one was rejected. When the endpoint takes none, it was not about the format,
// and the first error tells more.
func (k *call) otherFormat(m *member, o *outcome) (decision, bool) {
	r := &k.records[m.index]
	if !o.formatRejected || r.format >= wire.FormatNone || k.tries >= k.chain.cfg.MaxTries {
		var e *resilience.Error
		if r.rejected != nil && errors.As(o.err, &e) && e.ErrorClass() == resilience.InvalidRequest {
			o.err = r.rejected
		}
		return decision{}, false
	}
	if r.rejected == nil {
		r.rejected = o.err
	}
	r.format++
	return decision{class: k.chain.cfg.Policy.ClassOf(o.err), err: o.err, next: resilience.NextRetry}, true
}
