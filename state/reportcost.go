package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CostText says what calls cost, as far as that is known: "$1.23, of it $0.10 wasted; 3 calls of unknown price". It is empty
// when nothing was paid for.
func CostText(t Totals) string {
	if t.Calls+t.FailedCalls+t.InDoubt == 0 || t.Cost == 0 && t.Unpriced == 0 && t.Calls == 0 {
		return ""
	}
	unknown := plural(t.Unpriced, "call") + " of unknown price"
	if t.Cost == 0 && t.Unpriced > 0 {
		return unknown
	}
	text := Dollars(t.Cost)
	if t.WasteCost != 0 {
		text += ", of it " + Dollars(t.WasteCost) + " wasted"
	}
	if t.Unpriced > 0 {
		text += "; " + unknown
	}
	return text
}

// cost prints what the run cost, and its limits.
func (r *report) cost(st *WorkflowState) {
	if cost := CostText(st.Usage); cost != "" {
		r.line("  Cost: %s", cost)
	}
	if doubt := st.Usage.DoubtCost; doubt != 0 {
		r.line("  Cost That May Be Less: %s, of calls whose bill nobody saw", Dollars(doubt))
	}
	if other := st.OtherUsage(); other.Cost != 0 {
		r.line("  Steps That Are No More: %s", CostText(other))
	}
	for _, step := range slices.Sorted(maps.Keys(st.Budget)) {
		name, spent := "Budget", st.Usage.Cost
		if step != "" {
			name, spent = "Budget of "+oneLine(step), st.stepCost(step)
		}
		text := fmt.Sprintf("%s, %s left", Dollars(st.Budget[step]), Dollars(max(0, st.Budget[step]-spent-st.reserved(step))))
		if held := st.reserved(step); held != 0 {
			text += fmt.Sprintf(" (%s reserved for calls in flight)", Dollars(held))
		}
		r.line("  %s: %s", name, text)
	}
}

// stepCost is what a step cost; of a Parallel, its children.
func (st *WorkflowState) stepCost(name string) (sum int64) {
	for i := range st.Steps {
		switch s := &st.Steps[i]; name {
		case s.Name:
			sum += s.Usage.Cost
		case s.Parent:
			sum += st.stepCost(s.Name)
		}
	}
	return sum
}

// reserved is Reserved; of a Parallel, its children's.
func (st *WorkflowState) reserved(step string) int64 {
	sum := st.Reserved(step)
	for i := range st.Steps {
		if step != "" && st.Steps[i].Parent == step {
			sum += st.reserved(st.Steps[i].Name)
		}
	}
	return sum
}

// models prints the models of a provider that was asked for several.
func (r *report) models(st *WorkflowState, provider string) {
	var ids []ModelID
	for id := range st.Models {
		if id.Provider == provider {
			ids = append(ids, id)
		}
	}
	if len(ids) < 2 {
		return
	}
	slices.SortFunc(ids, func(a, b ModelID) int { return strings.Compare(a.Model, b.Model) })
	for _, id := range ids {
		u := st.Models[id]
		text := fmt.Sprintf("%s tokens in, %s out", thousands(u.Usage.Input), thousands(u.Usage.Output))
		r.line("    %s: %s", providerName(id.Model), joined(plural(u.Calls, "call"), text, CostText(u)))
	}
}
