package dashboard

import (
	"strconv"
	"strings"
	"time"
)

// plot is a drawing of running sums over time, one line for each provider, in percent of its width and height.
type plot struct {
	Title      string
	Top        string // what the upper edge means
	Start, End time.Time
	Lines      []plotLine
}

// plotLine is the line of a provider, and the area below it.
type plotLine struct {
	Provider string
	Index    int
	Line     string // points of a polyline
	Area     string // points of a polygon
	Last     string // the sum at the end
}

// plotsOf draws cost and tokens, where there are some.
func plotsOf(s CostSeries) []plot {
	var list []plot
	cost := func(p CostPoint) int64 { return p.Cost }
	tokens := func(p CostPoint) int64 { return p.Tokens }
	if p, ok := plotOf("Cost", s, cost, money); ok {
		list = append(list, p)
	}
	if p, ok := plotOf("Tokens", s, tokens, tokenText); ok {
		list = append(list, p)
	}
	return list
}

func plotOf(title string, s CostSeries, of func(CostPoint) int64, text func(int64) string) (plot, bool) {
	p := plot{Title: title}
	var most int64
	for _, one := range s.Providers {
		for _, pt := range one.Points {
			most = max(most, of(pt))
			if p.Start.IsZero() || pt.Time.Before(p.Start) {
				p.Start = pt.Time
			}
			if pt.Time.After(p.End) {
				p.End = pt.Time
			}
		}
	}
	if most == 0 || !p.End.After(p.Start) {
		return p, false
	}
	top := niceTop(most)
	p.Top = text(top)
	for i, one := range s.Providers {
		if n := len(one.Points); n > 0 && of(one.Points[n-1]) > 0 {
			p.Lines = append(p.Lines, p.line(i, one, top, of, text))
		}
	}
	return p, true
}

// line draws sums as steps: between two points nothing was spent.
func (p plot) line(i int, one CostPoints, top int64, of func(CostPoint) int64, text func(int64) string) plotLine {
	whole := float64(p.End.Sub(p.Start))
	var b strings.Builder
	at := func(x, y float64) {
		b.WriteString(strconv.FormatFloat(round2(x), 'f', -1, 64) + "," + strconv.FormatFloat(round2(y), 'f', -1, 64) + " ")
	}
	x0, x, y := -1.0, 0.0, 100.0
	for _, pt := range one.Points {
		x = float64(pt.Time.Sub(p.Start)) / whole * 100
		if x0 < 0 {
			x0 = x
			at(x, 100)
		} else {
			at(x, y)
		}
		y = 100 - float64(of(pt))/float64(top)*100
		at(x, y)
	}
	at(100, y)
	line := strings.TrimSpace(b.String())
	at(100, 100)
	at(x0, 100)
	return plotLine{
		Provider: one.Provider, Index: i, Line: line, Area: strings.TrimSpace(b.String()), Last: text(of(one.Points[len(one.Points)-1])),
	}
}

// niceTop is the next of 1, 2, 2.5, 5 times a power of ten.
func niceTop(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, ten := range []int64{10, 20, 25, 50} {
			if top := unit * ten; n <= top {
				return top
			}
		}
		if unit > 1<<58/10 {
			return n
		}
	}
}
