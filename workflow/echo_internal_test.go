package workflow

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

const asksFor = "You are a novelist. Write the scene in which Mórið finds\nthe lighthouse keeper's \"second\" diary; 300 words."

func TestErrorsRepeatNoPrompt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"nothing of it", "nothing of it"},
		{"a scene of 300 words", "a scene of 300 words"},
		{"invalid content: " + asksFor, "invalid content: …."},
		{fmt.Sprintf("got %q (400)", asksFor), `got "….…" (400)`},
		{"bad: WRITE THE SCENE IN WHICH, no", "bad: WRITE THE SCENE IN WHICH, no"},
		{"bad: WRITE THE SCENE IN WHICH MÓRIÐ FINDS, no", "bad: …, no"},
		{"twice: the lighthouse keeper's \"second\" diary and the lighthouse keeper's \"second\" diary", "twice: … and …"},
		{"", ""},
	} {
		got := withoutEcho(c.text, []string{"unrelated", asksFor})
		if strings.HasPrefix(c.text, "got \"") { // what %q made of the letters in the middle may stay
			require.NotContains(t, got, "novelist")
			require.NotContains(t, got, "lighthouse")
			require.Contains(t, got, "(400)")
			continue
		}
		require.Equal(t, c.want, got)
	}
}

func TestQuietErrorsKeepWhatTheyWrap(t *testing.T) {
	t.Parallel()
	a := &attempt{}
	a.ask([]llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, asksFor)})
	cause := &resilience.Error{Class: resilience.InvalidRequest, Err: errors.New("bad: " + asksFor)}
	err := a.quiet(fmt.Errorf("asking: %w", cause))
	require.NotContains(t, err.Error(), "lighthouse")
	require.ErrorIs(t, err, cause)
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
	plain := errors.New("nothing of it")
	require.Same(t, plain, a.quiet(plain))
	require.NoError(t, a.quiet(nil))
}

func TestAttemptsRememberTheNewestPrompts(t *testing.T) {
	t.Parallel()
	a := &attempt{}
	for i := range 40 {
		a.ask([]llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, strings.Repeat(fmt.Sprintf("%02d", i), 50_000))})
	}
	require.LessOrEqual(t, a.askedSize, maxAsked)
	require.Len(t, a.asked, 10)
	require.True(t, strings.HasPrefix(a.asked[9], "3939"))
}

func TestEchoIsFoundInTimeThatGrowsWithTheTexts(t *testing.T) {
	t.Parallel()
	same := strings.Repeat("a", maxAsked)
	require.Equal(t, "…", withoutEcho(same[:maxEchoed], []string{same}))
	long := withoutEcho(strings.Repeat("b", 2*maxEchoed), []string{same})
	require.LessOrEqual(t, len(long), maxEchoed+len("…"), "what was not compared is not told")
}

func FuzzWithoutEcho(f *testing.F) {
	f.Add("bad: "+asksFor, asksFor)
	f.Add("\xff\xfeabc", "İİİİİİİİİİİİİİİİİİİİİİİİ")
	f.Fuzz(func(t *testing.T, text, prompt string) {
		got := withoutEcho(text, []string{prompt})
		if utf8.ValidString(text) {
			require.True(t, utf8.ValidString(got))
		}
		// No piece of the prompt is left in one piece.
		for _, part := range strings.Split(got, "…") {
			left, _ := plainText(part)
			asked, _ := plainText(prompt)
			for i := 0; i+echoSize <= len(left); i++ {
				require.NotContains(t, asked, left[i:i+echoSize])
			}
		}
	})
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	const secret = "SECRET"
	var nilMap map[string]int
	var overrun error
	func() {
		defer func() { overrun, _ = recover().(runtime.Error) }()
		nilMap["x"] = 1
	}()
	until := time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New(secret), "an error of type *errors.errorString; its text is in the run's status"},
		{fmt.Errorf("%s: %w", secret, errors.New(secret)), "an error of type *errors.errorString; its text is in the run's status"},
		{&StepError{Step: "prose", Item: "3", Attempts: 2, Err: errors.New(secret)}, "step prose, item 3 (2 attempts): an error of type *errors.errorString; its text is in the run's status"},
		{Reject(errors.New(secret)), "an error of type *errors.errorString; its text is in the run's status"},
		{fmt.Errorf("%s: %w", secret, &fs.PathError{Op: "open", Path: "/a\nb", Err: fs.ErrNotExist}), "open /a b: file does not exist"},
		{&resilience.Error{Class: resilience.Auth, Provider: "groq", Model: "m", Status: 401, Code: secret, Hint: secret, Err: errors.New(secret)},
			"groq m: auth (HTTP 401); check the provider's API key"},
		{&PauseError{Reason: "SIGINT"}, "paused: SIGINT"},
		{&PauseError{Reason: secret, Until: until}, "paused until 2026-03-04 05:06:07: no provider may be asked before then"},
		{fmt.Errorf("run: %w", &PartialError{Step: "prose", Failed: 2}), "step prose is incomplete: 2 items failed"},
		{&systemicStop{step: "prose", failed: []string{"a", "b"}, err: errors.New(secret)},
			"2 items in a row failed for the same reason, so the rest was not tried: an error of type *errors.errorString; its text is in the run's status"},
		{&panicError{value: secret}, "panic with a string; its text is in the run's status"},
		{&panicError{value: errors.New(secret)}, "panic with a *errors.errorString; its text is in the run's status"},
		{&panicError{value: overrun}, "panic: assignment to entry in nil map"},
		{&ParamsError{Run: "monday", Names: []string{secret}}, `run "monday": the run was started with other parameters`},
		{fmt.Errorf("%s: %w", secret, state.ErrJournalFailed), state.ErrJournalFailed.Error()},
		{misuse("step %s: no model", "prose"), "step prose: no model"},
	} {
		got := ErrorText(c.err)
		require.Equal(t, c.want, got)
		require.NotContains(t, got, secret)
	}
}
