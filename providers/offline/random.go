package offline

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/tmc/langchaingo/llms"
)

// random is the only source of choice: seeded by the request, so that an equal request gets an equal answer.
type random struct{ *rand.Rand }

func newRand(messages []llms.MessageContent, opts llms.CallOptions) *random {
	h := sha256.New()
	for _, m := range messages {
		fmt.Fprintf(h, "%s\x00%d\x00", m.Role, len(m.Parts))
		for _, p := range m.Parts {
			t := partText(p)
			fmt.Fprintf(h, "%T\x00%d\x00", p, len(t))
			h.Write([]byte(t))
		}
	}
	fmt.Fprintf(h, "%v\x00%v\x00%d\x00%d\x00%q\x00%t", opts.Temperature, opts.TopP, opts.TopK, opts.Seed, opts.StopWords, opts.JSONMode)
	sum := h.Sum(nil)
	return &random{rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))}
}

func partText(p llms.ContentPart) string {
	switch p := p.(type) {
	case llms.TextContent:
		return p.Text
	case llms.ToolCallResponse:
		return p.Content
	case llms.BinaryContent:
		return string(p.Data)
	case llms.ImageURLContent:
		return p.URL
	case llms.CachedContent:
		return partText(p.ContentPart)
	}
	return ""
}

func (r *random) pick(bank []string) string {
	if len(bank) == 0 {
		return ""
	}
	return bank[r.IntN(len(bank))]
}

// between is a number from lo to hi, both included.
func (r *random) between(lo, hi int) int {
	if hi <= lo {
		return lo
	}
	return lo + r.IntN(hi-lo+1)
}

// bag deals a bank in random order, and again when it is used up, so that neighbours differ.
type bag struct {
	r    *random
	bank []string
	left []int
}

func (r *random) bag(bank []string) *bag { return &bag{r: r, bank: bank} }

func (b *bag) next() string {
	if len(b.bank) == 0 {
		return ""
	}
	if len(b.left) == 0 {
		b.left = b.r.Perm(len(b.bank))
	}
	i := b.left[len(b.left)-1]
	b.left = b.left[:len(b.left)-1]
	return b.bank[i]
}
