package providers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// chunked hands out a stream in pieces of given sizes.
type chunked struct {
	rest  []byte
	sizes []byte
	end   error
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, c.end
	}
	n := len(c.rest)
	if len(c.sizes) > 0 {
		n, c.sizes = min(n, int(c.sizes[0])+1), c.sizes[1:]
	}
	n = copy(p, c.rest[:n])
	c.rest = c.rest[n:]
	return n, nil
}

func (c *chunked) Close() error { return nil }

// spoken is a stream that a program of a fuzzer's bytes makes.
type spoken struct {
	out   bytes.Buffer
	text  strings.Builder // that was said before the end
	ended bool
	wrong bool // an error or something broken was said before the end
}

// speech is how one protocol says things.
type speech struct {
	name             string
	open, shut, done string
	say              func(text string) string
	odd              []string // what says nothing
	wrong            []string // what makes an answer none
	marks            []string // one of them is in every stream that ended
}

func speeches() []speech {
	comments := []string{": keep-alive\n\n", "\n", "retry: 5\n", "event: ping\n\n", "data: OK\n\n", "data:\n"}
	return []speech{
		{
			name: "openai", open: lines(`{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`), shut: lines(chatStop), done: "data: [DONE]\n\n",
			say: func(text string) string { return chatDeltas(`{"content":` + quoted(text) + `}`) },
			odd: append(comments, lines(`{"choices":[{"index":3,"delta":{"content":"other"}}]}`), lines(`{"choices":[],"usage":{"prompt_tokens":1}}`),
				chatDeltas(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`), lines("null"), lines("{}")),
			wrong: []string{lines(`{"error":{"message":"busy"}}`), lines(`{"choices":[{"delta":{"content":`), chatDeltas(`{"tool_calls":[null]}`)},
			marks: []string{"[DONE]"},
		},
		{
			name: "anthropic", open: lines(`{"type":"message_start","message":{"id":"1"}}`, blockStart("0", `{"type":"text","text":""}`)),
			shut: lines(`{"type":"content_block_stop","index":0}`, `{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`), done: lines(`{"type":"message_stop"}`),
			say: func(text string) string {
				return lines(blockDelta("0", `{"type":"text_delta","text":`+quoted(text)+`}`))
			},
			odd:   append(comments, lines(`{"type":"ping"}`), lines(`{"type":"news"}`), lines("[DONE]"), lines(blockDelta("0", `{"type":"signature_delta"}`))),
			wrong: []string{lines(`{"type":"error","error":{"type":"api_error"}}`), lines(blockDelta("-1", `{"type":"text_delta","text":"x"}`)), lines(`{"type":`)},
			marks: []string{"message_stop"},
		},
		{
			name: "ollama", done: `{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}` + "\n",
			say: func(text string) string {
				return `{"message":{"role":"assistant","content":` + quoted(text) + "},\"done\":false}\n"
			},
			odd:   []string{"\n", "{}\n", `{"done":false}` + "\n", `{"created_at":1}` + "\n", "null\n"},
			wrong: []string{`{"error":"busy"}` + "\n", "{\n", `{"message":{"content":5}}` + "\n", "<html>\n"},
			marks: []string{"done", "DONE", "Done"},
		},
	}
}

// speak runs a program: each byte says what comes next; text takes the bytes up to the next zero.
func (s speech) speak(program []byte) *spoken {
	var out spoken
	out.out.WriteString(s.open)
	for len(program) > 0 {
		op := program[0]
		program = program[1:]
		part := ""
		switch {
		case op < 100:
			raw, rest, _ := bytes.Cut(program, []byte{0})
			text := strings.ToValidUTF8(string(raw[:min(len(raw), 1000)]), "?")
			if op > 90 && len(text) > 0 && out.out.Len() < 1<<20 { // longer than a client reads
				text = strings.Repeat(text, 1+100_000/len(text))
			}
			program, part = rest, s.say(text)
			if !out.ended {
				out.text.WriteString(text)
			}
		case op < 180:
			part = s.odd[int(op)%len(s.odd)]
		case op < 190:
			part = s.wrong[int(op)%len(s.wrong)]
			out.wrong = out.wrong || !out.ended
		case op < 200:
			part = s.shut + s.done
			out.ended = true
		default:
			part = s.say("")
		}
		out.out.WriteString(part)
		if out.ended {
			break
		}
	}
	return &out
}

// FuzzStreams: whatever a stream holds and in whichever pieces it comes, nothing panics, an answer is only one whose end was seen,
// and its text is that of the stream.
func FuzzStreams(f *testing.F) {
	for kind := range byte(6) {
		f.Add(kind, []byte("\x01The tide\x00\x78\x02came in\x00\xc8\xbe"), []byte{3, 1, 200})
		f.Add(kind, []byte("\x5babcdefghijkl\x00\xb5\xbe"), []byte{})
		f.Add(kind, []byte("\x01The tide"), []byte{0, 0, 0})
		f.Add(kind, []byte("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n"), []byte{})
		f.Add(kind, []byte("event: error\ndata: {\"type\":\"content_block_delta\",\"index\":-1}\n\n{\"error\":1}\n{\"done\":true}\n"), []byte{9})
	}
	list := speeches()
	f.Fuzz(func(t *testing.T, kind byte, program, sizes []byte) {
		s := list[int(kind)%3]
		said := &spoken{}
		raw := kind%6 < 3
		if raw {
			said.out.Write(program)
		} else {
			said = s.speak(program)
		}
		stream := said.out.Bytes()
		text, streamed, err := s.hear(t, stream, sizes, kind >= 128)
		if err == nil && text != streamed {
			t.Fatalf("the answer %q was streamed as %q", text, streamed)
		}
		marked := false
		for _, m := range s.marks {
			marked = marked || bytes.Contains(stream, []byte(m))
		}
		switch {
		case err == nil && !marked:
			t.Fatalf("an answer without an end: %q", stream)
		case err != nil && resilience.Classify(err) == resilience.Unknown:
			t.Fatalf("nobody knows what this is: %v", err)
		case raw:
		case err == nil && (said.wrong || !said.ended || text != said.text.String()):
			t.Fatalf("%q was heard as %q", stream, text)
		case err != nil && said.ended && !said.wrong && strings.TrimSpace(said.text.String()) != "":
			t.Fatalf("%q was not heard: %v", stream, err)
		}
	})
}

// hear lets a client of the catalogue read a stream.
func (s speech) hear(t *testing.T, stream, sizes []byte, breaks bool) (text, streamed string, err error) {
	end := io.EOF
	if breaks {
		end = io.ErrUnexpectedEOF
	}
	base := transport(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		return &http.Response{
			Status: "200 OK", StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r, ContentLength: -1,
			Body: &chunked{stream, sizes, end},
		}, nil
	})
	p, err := Open(s.name, Settings{Key: "k", BaseURL: "http://loopback", Model: "m", Transport: base})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	resp, err := p.LLM.GenerateContent(context.Background(), question(), llms.WithStreamingFunc(func(_ context.Context, p []byte) error {
		got.Write(p)
		return nil
	}))
	if err != nil {
		if resp != nil {
			t.Fatal(fmt.Sprint("an answer and an error: ", err))
		}
		return "", got.String(), err
	}
	return resp.Choices[0].Content, got.String(), nil
}
