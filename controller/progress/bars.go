package progress

import (
	"io"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars draws rows with mpb: each row is a bar that is never complete, whose texts are its decorators. It is used by one
// goroutine.
type bars struct {
	screen  *screen
	style   style
	pool    *mpb.Progress
	refresh chan any
	frame   atomic.Pointer[[]row] // what the bars read while they are drawn
	bars    []*mpb.Bar
}

func newBars(s *screen, st style) *bars {
	b := &bars{screen: s, style: st, refresh: make(chan any)}
	b.frame.Store(&[]row{})
	b.pool = mpb.New(mpb.WithConsoleWriter(s), mpb.WithManualRefresh(b.refresh))
	return b
}

// paint draws text above, and the rows. It returns when the terminal has taken them.
func (b *bars) paint(text []byte, rows []row) {
	b.frame.Store(&rows)
	for len(b.bars) < max(1, len(rows)) { // one at least: without a bar nothing is drawn
		bar, err := b.pool.Add(0, b.filler(len(b.bars)),
			mpb.PrependDecorators(&side{bars: b, of: len(b.bars)}),
			mpb.AppendDecorators(&side{bars: b, of: len(b.bars), right: true}), mpb.BarFillerTrim())
		if err != nil {
			return // closed
		}
		b.bars = append(b.bars, bar)
	}
	for i, r := range rows {
		b.bars[i].SetTotal(r.total, false)
		b.bars[i].SetCurrent(r.done + r.failed)
		b.bars[i].SetRefill(r.done)
	}
	if len(text) > 0 {
		_, _ = b.pool.Write(text) // it only keeps it for the frame
	}
	select {
	case <-b.screen.drawn: // left over
	default:
	}
	b.refresh <- nil
	<-b.screen.drawn
}

// close takes the rows away and ends mpb's goroutines.
func (b *bars) close(text []byte) {
	b.paint(text, nil)
	b.pool.Shutdown()
}

// at is the row that a bar shows now.
func (b *bars) at(i int) row {
	if rows := *b.frame.Load(); i < len(rows) {
		return rows[i]
	}
	return row{}
}

// filler draws the bar of a row: what is done, and behind it what failed.
func (b *bars) filler(i int) mpb.BarFiller {
	full, rest := "#", "."
	failed := "x"
	if b.style.unicode {
		full, failed, rest = "━", "━", "─"
	}
	if b.style.unicode && !b.style.color {
		failed = "╳"
	}
	paint := func(with ink) func(string) string {
		return func(text string) string { return b.style.paint(with, text) }
	}
	bar := mpb.BarStyle().Lbound("").Rbound("").Tip("").
		Refiller(full).RefillerMeta(paint(green)).Filler(failed).FillerMeta(paint(red)).Padding(rest).PaddingMeta(paint(dim)).Build()
	return mpb.BarFillerFunc(func(w io.Writer, st decor.Statistics) error {
		r := b.at(i)
		if r.bar == 0 {
			return nil
		}
		st.RequestedWidth = r.bar
		if _, err := io.WriteString(w, " "); err != nil {
			return err
		}
		return bar.Fill(w, st)
	})
}

// side is the text beside a bar.
type side struct {
	decor.WC
	bars  *bars
	of    int
	right bool
}

// Decor is part of decor.Decorator.
func (d *side) Decor(decor.Statistics) (string, int) {
	r := d.bars.at(d.of)
	text, with := r.left, r.leftInk
	if d.right {
		text, with = r.right, r.ink
		if text != "" {
			text = " " + text
		}
	}
	return d.bars.style.paint(with, text), width(text)
}
