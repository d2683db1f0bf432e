package limit

import (
	"math"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// resource is what an allowance counts.
type resource string

const (
	requests     resource = resilience.ResourceRequests
	tokens       resource = resilience.ResourceTokens
	inputTokens  resource = resilience.ResourceInputTokens
	outputTokens resource = resilience.ResourceOutputTokens
)

// of is how much of a resource a request uses.
func (r resource) of(u resilience.Usage) float64 {
	switch r {
	case tokens:
		return float64(u.Input + u.Output)
	case inputTokens:
		return float64(u.Input)
	case outputTokens:
		return float64(u.Output)
	}
	return 1
}

const (
	// slack is the part of an allowance that is left unused: requests that leave evenly arrive unevenly, and a request that
	// arrives a moment too early is refused.
	slack = 0.03

	// leastFactor bounds how far a rate is lowered after refusals.
	leastFactor = 0.05
)

// bucket is one allowance: it holds at most capacity and fills at rate. That is how OpenAI, Anthropic and Groq describe their
// limits; a provider that counts in fixed windows is met by it too, on average.
type bucket struct {
	resource resource
	source   string  // where it is known from: a field of Limits, a header, refusals
	capacity float64 // as the provider counts
	rate     float64 // a second
	factor   float64 // part of rate that is used: lowered by refusals, raised by time
	refused  float64 // the factor at the last refusal
	level    float64 // may be negative: a request used more than was expected
	at       time.Time
	expected float64 // what the requests in flight were counted with
}

// mark is how a bucket stood when a request left.
type mark struct{ level, expected float64 }

func newBucket(r resource, source string, capacity, rate float64, now time.Time) *bucket {
	b := &bucket{resource: r, source: source, capacity: capacity, rate: rate, factor: 1, at: now}
	b.level = b.usable()
	return b
}

// usable is the capacity without the slack: at least one request where only one fits.
func (b *bucket) usable() float64 {
	margin := slack * b.capacity
	if b.resource == requests {
		margin = max(1, margin)
		return max(1, b.capacity-margin)
	}
	return b.capacity - margin
}

// speed is what flows in a second, now.
func (b *bucket) speed() float64 {
	if b.resource == requests && b.capacity < 2 {
		return b.rate * b.factor * (1 - slack) // no room for slack in the level
	}
	return b.rate * b.factor
}

// refill lets time pass. Of callers that read the clock at once, the later one may come first: no time passes twice.
func (b *bucket) refill(now time.Time) {
	if dt := now.Sub(b.at).Seconds(); dt > 0 {
		b.level, b.at = min(b.usable(), b.level+dt*b.speed()), now
	}
}

// need is what a request takes: a request that is larger than the whole bucket takes all of it, and its provider judges.
func (b *bucket) need(u resilience.Usage) float64 { return min(b.resource.of(u), b.usable()) }

// until is how long it takes until the level is there.
func (b *bucket) until(level float64) time.Duration {
	if b.level >= level {
		return 0
	}
	seconds := (level - b.level) / max(b.speed(), 1e-9)
	return time.Duration(math.Ceil(min(seconds, 1e9) * float64(time.Second)))
}

// move corrects the level.
func (b *bucket) move(by float64) { b.level = min(b.usable(), b.level+by) }

// lower makes the bucket slower after a refusal that it did not foresee. waits: the provider tells how long to wait before the next.
func (b *bucket) lower(waits bool) {
	b.refused = b.factor
	b.factor = max(leastFactor, b.factor*0.7)
	switch {
	case !waits:
		b.level = min(b.level, 0)
	case b.resource == requests: // once the wait is over, one may go at once
		b.level = min(b.level, 1)
	}
}

// short says whether the allowance is renewed within the hour: a day's is not what a refusal for too many requests is about.
func (b *bucket) short() bool { return b.capacity/b.rate <= time.Hour.Seconds() }

// why says what is waited for.
func (b *bucket) why() string {
	if b.source == guessed {
		return "slower, since it refused requests"
	}
	return "limit of " + b.source
}

// raise makes the bucket faster again as time passes without a refusal: by a tenth of its rate a second up to nine tenths of what was
// refused, from there slowly at first and then ever faster, as TCP's CUBIC (RFC 9438) does. What was guessed from refusals has no top;
// it says true once it is no limit any more.
func (b *bucket) raise(elapsed, quiet time.Duration) (gone bool) {
	step := 0.1
	if b.factor >= 0.9*b.refused {
		step = min(0.005*quiet.Seconds(), 0.2) * b.factor
	}
	b.factor += step * min(elapsed.Seconds(), 1)
	if b.source != guessed {
		b.factor = min(1, b.factor)
	}
	return b.factor > 20
}
