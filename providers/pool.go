package providers

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/dogear-go/dogear/providers/internal/limit"
)

// Pool is what the calls of a process know together about its providers: who is well, who cools down and until when, and what
// may be sent now (see [Limits]). Chains that share a Pool (ChainConfig.Pool) share that knowledge: the roles of a run, and
// all runs of a server. A provider is known by its name and model, so those of one Pool that have both in common must have the
// same account. It is safe for concurrent use.
type Pool struct {
	mu      sync.Mutex // guards members
	members map[[2]string]*standing
}

// standing is how one model at one provider stands.
type standing struct {
	health  health
	limiter limit.Limiter
	takes   atomic.Int32 // the strictest response format that it is known to take
	warned  atomic.Bool  // that it chooses its own temperature
}

// NewPool returns an empty Pool.
func NewPool() *Pool { return &Pool{members: map[[2]string]*standing{}} }

// of is the standing of a provider. Limits that it brings are added.
func (p *Pool) of(x Provider) *standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]string{x.Name, x.Model}
	s := p.members[key]
	if s == nil {
		s = &standing{}
		p.members[key] = s
	}
	s.limiter.Configure(limit.Config(x.Limits), time.Now())
	return s
}
