package estimate_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow/estimate"
)

// story is the events of a run, told by hand on a clock.
type story struct {
	est *estimate.Estimator
	st  state.WorkflowState
	now time.Time
	seq uint64
}

func tell(steps ...state.StepDef) *story {
	s := &story{est: estimate.New(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.say(state.Scope{}, state.RunCreated{Steps: steps})
	s.say(state.Scope{}, state.SessionOpened{Concurrency: 2})
	return s
}

func (s *story) say(at state.Scope, data state.Payload) {
	s.seq++
	e := state.New(at, data)
	e.Seq, e.Time = s.seq, s.now
	if err := s.st.Apply(e); err != nil {
		panic(err)
	}
	s.est.Observe(e)
}

func (s *story) later(d time.Duration) { s.now = s.now.Add(d) }

func (s *story) list(step string, n int) {
	items := state.StepItems{Total: n}
	for i := range n {
		items.Items = append(items.Items, state.ItemDef{Key: strconv.Itoa(i)})
	}
	s.say(state.Scope{Step: step}, items)
	s.say(state.Scope{Step: step}, state.StepStarted{})
}

func (s *story) begin(step string, i int) {
	s.say(state.Scope{Step: step, Item: strconv.Itoa(i)}, state.ItemStarted{})
}

func (s *story) end(step string, i int) {
	s.say(state.Scope{Step: step, Item: strconv.Itoa(i)}, state.ItemCompleted{})
}

// near asks for a known time within a twentieth.
func near(t *testing.T, want time.Duration, left estimate.Left) {
	t.Helper()
	require.True(t, left.Known)
	require.InEpsilon(t, float64(want), float64(left.Duration), 0.05, "%v, not %v", left.Duration, want)
}

var (
	plan  = state.StepDef{Name: "plan", Kind: state.KindTask}
	prose = state.StepDef{Name: "prose", Kind: state.KindEach}
	index = state.StepDef{Name: "index", Kind: state.KindTask}
)

func TestAStepThatNeverRanIsNamedAndNotGuessed(t *testing.T) {
	t.Parallel()
	s := tell(plan, prose, index)
	require.Equal(t, estimate.Left{Unknown: []string{"plan", "prose", "index"}}, s.est.Run(s.now))
	s.say(state.Scope{Step: "plan"}, state.StepStarted{})
	s.later(time.Minute)
	require.Equal(t, estimate.Left{Unknown: []string{"plan"}}, s.est.Step("plan", s.now))
	s.say(state.Scope{Step: "plan"}, state.StepCompleted{})
	require.Equal(t, estimate.Left{Known: true}, s.est.Step("plan", s.now))
	s.list("prose", 10)
	s.begin("prose", 0)
	s.later(10 * time.Second)
	require.Equal(t, []string{"prose", "index"}, s.est.Run(s.now).Unknown)
	s.end("prose", 0)
	left := s.est.Run(s.now)
	near(t, 90*time.Second, left)
	require.Equal(t, []string{"index"}, left.Unknown, "the plan says nothing of the index")
	require.Equal(t, estimate.Left{Unknown: []string{"nosuch"}}, s.est.Step("nosuch", s.now))
}

func TestAStepOfOneResultIsKnownOnceItRan(t *testing.T) {
	t.Parallel()
	s := tell(plan)
	at := state.Scope{Step: "plan"}
	s.say(at, state.StepStarted{})
	s.later(time.Minute)
	s.say(at, state.StepCompleted{})
	s.say(state.Scope{}, state.Invalidated{Scopes: []state.Scope{at}})
	near(t, time.Minute, s.est.Run(s.now))
	s.say(at, state.StepStarted{})
	s.later(45 * time.Second)
	near(t, 15*time.Second, s.est.Run(s.now))
	s.later(20 * time.Second)
	require.Equal(t, estimate.Left{Unknown: []string{"plan"}}, s.est.Run(s.now), "it takes longer than it did")
}

func TestWaitsAreNotWork(t *testing.T) {
	t.Parallel()
	s := tell(prose)
	s.list("prose", 20)
	at := state.Scope{Step: "prose", Item: "0"}
	s.begin("prose", 0)
	s.later(2 * time.Second)
	s.say(at, state.Waiting{Why: "rate limit", ForMS: 34_000})
	s.later(34 * time.Second)
	s.say(at, state.CallSent{Call: "1", Try: 1})
	s.later(3 * time.Second)
	s.end("prose", 0)
	near(t, 19*5*time.Second, s.est.Run(s.now))

	s.begin("prose", 1)
	s.say(state.Scope{Step: "prose", Item: "1"}, state.Waiting{Why: "down", ForMS: 600_000})
	s.later(time.Minute)
	near(t, 19*5*time.Second+9*time.Minute, s.est.Run(s.now)) // what it still waits for is known
	s.later(9 * time.Minute)
	near(t, 19*5*time.Second, s.est.Run(s.now))
}

func TestWaitsThatComeAgainAreThePaceOfTheRun(t *testing.T) {
	t.Parallel()
	s := tell(prose)
	s.list("prose", 100)
	for i := range 50 {
		at := state.Scope{Step: "prose", Item: strconv.Itoa(i)}
		s.begin("prose", i)
		s.say(at, state.Waiting{Why: "rate limit", ForMS: 9_000})
		s.later(9 * time.Second)
		s.say(at, state.CallSent{Call: "1", Try: 1})
		s.later(time.Second)
		s.end("prose", i)
	}
	near(t, 50*10*time.Second, s.est.Run(s.now))
}

func TestFailuresCountAsWhatTheyCost(t *testing.T) {
	t.Parallel()
	s := tell(prose)
	s.list("prose", 100)
	for i := range 40 {
		s.begin("prose", i)
		s.later(8 * time.Second)
		if i%2 == 0 {
			s.end("prose", i)
			continue
		}
		s.later(8 * time.Second) // a second attempt
		s.say(state.Scope{Step: "prose", Item: strconv.Itoa(i)}, state.ItemFailed{Class: "unknown"})
	}
	near(t, 60*12*time.Second, s.est.Run(s.now))
	s.say(state.Scope{}, state.RunStopped{Status: state.StatusPaused})
	s.later(100 * time.Hour)
	s.say(state.Scope{}, state.SessionOpened{Concurrency: 2})
	near(t, 80*12*time.Second, s.est.Run(s.now)) // those that failed are tried again
}

func TestAResumeKeepsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	s := tell(prose)
	s.list("prose", 10)
	for i := range 4 {
		s.begin("prose", i)
		s.later(10 * time.Second)
		s.end("prose", i)
	}
	s.begin("prose", 4)
	s.later(5 * time.Second) // and the process dies
	s.later(24 * time.Hour)
	s.say(state.Scope{}, state.SessionOpened{Concurrency: 2})
	near(t, time.Minute, s.est.Run(s.now))
	s.begin("prose", 4)
	s.later(5 * time.Second)
	near(t, 55*time.Second, s.est.Run(s.now))
	s.say(state.Scope{}, state.SessionOpened{Concurrency: 4})
	require.InDelta(t, 30, s.est.Run(s.now).Duration.Seconds(), 5, "twice as many side by side")
}

func TestSeveralAtOnceShareTheWork(t *testing.T) {
	t.Parallel()
	s := tell(prose)
	s.list("prose", 40)
	for i := 0; i < 20; i += 4 {
		for j := range 4 {
			s.begin("prose", i+j)
		}
		s.later(10 * time.Second)
		for j := range 4 {
			s.end("prose", i+j)
		}
	}
	for j := range 4 {
		s.begin("prose", 20+j)
	}
	left := s.est.Run(s.now)
	require.InDelta(t, 50, left.Duration.Seconds(), 5)
}

func TestChildrenOfAParallelRunSideBySide(t *testing.T) {
	t.Parallel()
	a, b := prose, prose
	a.Name, a.Parent, b.Name, b.Parent = "a", "both", "b", "both"
	gate := state.StepDef{Name: "gate", Kind: state.KindGate}
	s := tell(state.StepDef{Name: "both", Kind: state.KindParallel}, a, b, gate)
	require.Equal(t, estimate.Left{Unknown: []string{"a", "b"}}, s.est.Run(s.now), "a gate takes no work")
	s.list("a", 11)
	s.list("b", 6)
	s.begin("a", 0)
	s.begin("b", 0)
	s.later(time.Second)
	s.end("a", 0)
	left := s.est.Run(s.now)
	near(t, 10*time.Second, left)
	require.Equal(t, []string{"b"}, left.Unknown)
	s.later(9 * time.Second)
	s.end("b", 0)
	near(t, 50*time.Second, s.est.Run(s.now))
	near(t, 50*time.Second, s.est.Step("both", s.now))
}

// TestItemsComeAndGo: lists that change, results that are edited or thrown away.
func TestItemsComeAndGo(t *testing.T) {
	t.Parallel()
	s := tell(prose)
	s.list("prose", 10)
	for i := range 4 {
		s.begin("prose", i)
		s.later(10 * time.Second)
		s.end("prose", i)
	}
	near(t, 60*time.Second, s.est.Run(s.now))
	s.say(state.Scope{Step: "prose"}, state.ItemRetired{Keys: []string{"0", "9"}}) // one done, one not
	near(t, 50*time.Second, s.est.Run(s.now))
	s.say(state.Scope{}, state.Invalidated{Scopes: []state.Scope{{Step: "prose", Item: "1"}}})
	near(t, 60*time.Second, s.est.Run(s.now))
	s.say(state.Scope{Step: "prose", Item: "1"}, state.ResultEdited{})
	near(t, 50*time.Second, s.est.Run(s.now))
	s.list("prose", 12)
	near(t, 90*time.Second, s.est.Run(s.now)) // 1 to 3 are done, 0 and 9 are new again
	s.say(state.Scope{}, state.PipelineChanged{Steps: []state.StepDef{{Name: "text", Kind: state.KindEach}}, Renamed: map[string]string{"text": "prose"}})
	near(t, 90*time.Second, s.est.Step("text", s.now))
}

func TestFedFromTheMiddle(t *testing.T) {
	t.Parallel()
	s := tell(plan, prose)
	s.say(state.Scope{Step: "plan"}, state.StepStarted{})
	s.say(state.Scope{Step: "plan"}, state.StepCompleted{})
	s.list("prose", 100)
	for i := range 50 {
		s.begin("prose", i)
		s.later(10 * time.Second)
		s.end("prose", i)
	}
	s.begin("prose", 50)
	s.later(9 * time.Second)
	s.est = estimate.New()
	s.est.Begin(&s.st)
	require.Equal(t, estimate.Left{Unknown: []string{"prose"}}, s.est.Run(s.now))
	s.later(time.Second)
	s.end("prose", 50)
	require.False(t, s.est.Run(s.now).Known, "its beginning was not seen")
	s.begin("prose", 51)
	s.later(10 * time.Second)
	s.end("prose", 51)
	near(t, 48*10*time.Second, s.est.Run(s.now))
}

// TestAMillionItemsTakeLittleMemory bounds what the estimator keeps.
func TestAMillionItemsTakeLittleMemory(t *testing.T) { // not parallel: it measures
	const n = 1_000_000
	s := &story{est: estimate.New(), now: time.Unix(0, 0)}
	events := func(at state.Scope, data state.Payload) { s.est.Observe(state.New(at, data)) }
	events(state.Scope{}, state.RunCreated{Steps: []state.StepDef{prose}})
	before := heapSize()
	for first := 0; first < n; first += 1000 {
		chunk := state.StepItems{First: first, Total: n}
		for i := range 1000 {
			chunk.Items = append(chunk.Items, state.ItemDef{Key: fmt.Sprintf("chapter/%d", first+i)})
		}
		events(state.Scope{Step: "prose"}, chunk)
	}
	for i := range n / 2 {
		at := state.Scope{Step: "prose", Item: fmt.Sprintf("chapter/%d", i)}
		events(at, state.ItemStarted{})
		events(at, state.ItemCompleted{})
	}
	require.Less(t, heapSize()-before, int64(16<<20))
	require.True(t, s.est.Step("prose", s.now).Known)
}

func heapSize() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkObserve(b *testing.B) {
	est := estimate.New()
	est.Observe(state.New(state.Scope{}, state.RunCreated{Steps: []state.StepDef{prose}}))
	at := state.Scope{Step: "prose", Item: "1"}
	est.Observe(state.New(state.Scope{Step: "prose"}, state.StepItems{Total: 1, Items: []state.ItemDef{{Key: "1"}}}))
	events := []state.Event{state.New(at, state.ItemStarted{}), state.New(at, state.CallSent{}), state.New(at, state.CallAnswered{}), state.New(at, state.ItemCompleted{})}
	for i := range events {
		events[i].Time = time.Unix(int64(i), 0)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		est.Observe(events[i%len(events)])
	}
}

func BenchmarkLeft(b *testing.B) {
	s := &simulation{items: 400, workers: 40, rnd: rand.New(rand.NewPCG(1, 1)), takes: spreads[2].takes}
	moments := s.play()
	est := estimate.New()
	for _, m := range moments[:len(moments)/2] {
		est.Observe(m.event)
	}
	b.ReportAllocs()
	for b.Loop() {
		est.Run(moments[len(moments)/2].event.Time)
	}
}
