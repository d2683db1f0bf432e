package workflow

import (
	"errors"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dogear-go/dogear/state"
)

// line is a line of the log: its fields are those of the event, under names that stay (see the package's comment).
type line struct {
	level  zapcore.Level
	msg    string
	fields []zap.Field
}

// logs says whether anybody listens.
func (s *session) logs() bool { return s.log.Core().Enabled(zapcore.FatalLevel) }

// logged tells the log of an event that is in the journal. Failures and warnings are told by who knows the error behind them.
func (s *session) logged(e state.Event) {
	if !s.logs() {
		return
	}
	l := lineOf(e.Data)
	if l.msg == "" {
		l = callLine(e.Data)
	}
	if l.msg != "" {
		s.write(e.Scope, e.Attempt, l)
	}
}

// logFailure tells the log of an event that records an error.
func (s *session) logFailure(e state.Event, err error) {
	if !s.logs() {
		return
	}
	var l line
	switch d := e.Data.(type) {
	case state.CallFailed:
		l = line{zap.InfoLevel, "call failed", []zap.Field{named("provider", d.Provider), named("model", d.Model), zap.String("class", d.Class), zap.String("call", d.Call), zap.Int("try", d.Try),
			counted("status", int64(d.Status)), named("next", d.Next), counted("wait_ms", d.WaitMS), zap.Int64("latency_ms", d.LatencyMS)}}
	case state.AttemptFailed:
		l = line{zap.WarnLevel, "attempt failed", []zap.Field{zap.String("class", d.Class), named("next", d.Next), counted("wait_ms", d.WaitMS)}}
	case state.ItemFailed:
		l = line{zap.WarnLevel, "item failed", []zap.Field{named("provider", d.Provider), zap.String("class", d.Class)}}
	case state.StepFailed:
		l = line{zap.ErrorLevel, "step failed", []zap.Field{named("provider", d.Provider), zap.String("class", d.Class), zap.Bool("tolerated", d.Tolerated)}}
	case state.RunStopped:
		l = line{zap.InfoLevel, "run stopped", []zap.Field{zap.String("status", string(d.Status)), named("class", d.Class)}}
		if d.Until != nil {
			l.fields = append(l.fields, zap.Time("until", *d.Until))
		}
	}
	if err != nil {
		l.fields = append(l.fields, zap.String("error", ErrorText(err)))
	}
	s.write(e.Scope, e.Attempt, l)
}

// logWarning tells the log of a warning; its message only where it is the engine's own.
func (s *session) logWarning(at state.Scope, attempt int, code, message string) {
	s.write(at, attempt, line{zap.WarnLevel, "warning", []zap.Field{zap.String("code", code), named("detail", message)}})
}

// logPanic tells the log where user code panicked. A stack holds names and addresses, no texts.
func (s *session) logPanic(at state.Scope, attempt int, err error) {
	var p *panicError
	if errors.As(err, &p) {
		s.write(at, attempt, line{zap.ErrorLevel, "panic", []zap.Field{zap.String("error", p.kind()), zap.ByteString("stack", p.stack)}})
	}
}

// write writes a line with the fields of its scope.
func (s *session) write(at state.Scope, attempt int, l line) {
	if ce := s.log.Check(l.level, l.msg); ce != nil {
		ce.Write(append(scopeFields(at, attempt), l.fields...)...)
	}
}

// scopeFields are the fields step, item, do and attempt, as far as they say something.
func scopeFields(at state.Scope, attempt int) []zap.Field {
	fields := make([]zap.Field, 0, 16)
	return append(fields, named("step", at.Step), named("item", at.Item), named("do", at.Do), counted("attempt", int64(attempt)))
}

// lineOf is the line of an event of runs, steps and items; with no message there is none.
func lineOf(data state.Payload) line {
	switch d := data.(type) {
	case state.RunCreated:
		return line{zap.InfoLevel, "run created", []zap.Field{zap.String("pipeline", d.Pipeline), zap.String("run_id", d.RunID)}}
	case state.SessionOpened:
		return line{zap.InfoLevel, "session opened", []zap.Field{zap.Int("pid", d.PID), zap.Int("concurrency", d.Concurrency)}}
	case state.PipelineChanged:
		return line{zap.InfoLevel, "pipeline changed", []zap.Field{zap.Strings("added", d.Added), zap.Strings("removed", d.Removed)}}
	case state.PauseRequested:
		return line{zap.InfoLevel, "pause requested", []zap.Field{zap.String("by", d.By), named("reason", d.Reason)}}
	case state.StepStarted:
		return line{zap.InfoLevel, "step started", nil}
	case state.StepItems:
		return line{zap.DebugLevel, "step items", []zap.Field{zap.Int("first", d.First), zap.Int("total", d.Total)}}
	case state.StepCompleted:
		return line{zap.InfoLevel, "step completed", []zap.Field{named("base", d.Base)}}
	case state.StepPartial:
		return line{zap.WarnLevel, "step incomplete", []zap.Field{zap.Int("done", d.Done), zap.Int("failed", d.Failed)}}
	case state.ItemStarted:
		return line{zap.DebugLevel, "item started", nil}
	case state.ItemCompleted:
		return line{zap.DebugLevel, "item completed", []zap.Field{zap.Int("warnings", len(d.Warnings))}}
	case state.ItemRetired:
		return line{zap.InfoLevel, "items retired", []zap.Field{zap.Int("items", len(d.Keys))}}
	case state.GateOpened:
		return line{zap.InfoLevel, "gate opened", nil}
	case state.GateDecided:
		return line{zap.InfoLevel, "gate decided", []zap.Field{zap.String("decision", d.Decision), named("who", d.Who)}}
	case state.ResultEdited:
		return line{zap.InfoLevel, "result edited", []zap.Field{named("who", d.Who)}}
	case state.Invalidated:
		return line{zap.InfoLevel, "invalidated", []zap.Field{zap.Int("scopes", len(d.Scopes)), named("reason", d.Reason)}}
	case state.RunBudget:
		return line{zap.InfoLevel, "budget", []zap.Field{named("of", d.Step), zap.Int64("limit_micro_usd", d.Limit)}}
	}
	return line{}
}

// callLine is the line of an event of calls.
func callLine(data state.Payload) line {
	switch d := data.(type) {
	case state.CallSent:
		l := line{zap.DebugLevel, "call sent", []zap.Field{named("provider", d.Provider), named("model", d.Model), named("role", d.Role), zap.String("call", d.Call), zap.Int("try", d.Try)}}
		if d.Reserved != nil {
			l.fields = append(l.fields, zap.Int64("reserved_micro_usd", *d.Reserved))
		}
		return l
	case state.CallAnswered:
		l := line{zap.DebugLevel, "call answered", []zap.Field{named("provider", d.Provider), named("model", d.Model), named("role", d.Role), zap.String("call", d.Call), zap.Int("try", d.Try),
			zap.Int64("input_tokens", d.Usage.Input), zap.Int64("output_tokens", d.Usage.Output), zap.Int64("latency_ms", d.LatencyMS)}}
		if d.Cost != nil {
			l.fields = append(l.fields, zap.Int64("cost_micro_usd", *d.Cost))
		}
		return l
	case state.CallJudged:
		return line{zap.DebugLevel, "answer not used", []zap.Field{zap.String("class", d.Class), zap.Uint64("answer", d.Of)}}
	case state.CallReplayed:
		return line{zap.DebugLevel, "answer replayed", []zap.Field{named("provider", d.Provider), zap.Uint64("answer", d.Of)}}
	case state.DoCompleted:
		return line{zap.DebugLevel, "do completed", []zap.Field{zap.String("key", d.Key)}}
	case state.Waiting:
		return line{zap.InfoLevel, "waiting", []zap.Field{named("provider", d.Provider), zap.String("reason", d.Why), zap.Int64("wait_ms", d.ForMS)}}
	case state.ProviderState:
		l := line{zap.InfoLevel, "provider " + d.State, []zap.Field{named("provider", d.Provider), named("model", d.Model), named("class", d.Class), counted("wait_ms", d.ForMS)}}
		if d.State == state.ProviderExcluded {
			l.level = zap.WarnLevel
		}
		return l
	}
	return line{}
}

// named and counted are fields that are left out when they say nothing.
func named(key, value string) zap.Field {
	if value == "" {
		return zap.Skip()
	}
	return zap.String(key, value)
}

func counted(key string, n int64) zap.Field {
	if n == 0 {
		return zap.Skip()
	}
	return zap.Int64(key, n)
}
