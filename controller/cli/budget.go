package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

const (
	flagBudget = "budget"
	budgetNone = "none"
)

// parseBudget reads an amount of dollars as micro-dollars, exactly; -1 for none, 0 for nothing said.
func parseBudget(text string) (int64, error) {
	switch text {
	case "":
		return 0, nil
	case budgetNone:
		return -1, nil
	}
	micro, ok := state.ParseDollars(text)
	switch {
	case !ok:
		return 0, usagef("--budget %s is not an amount of dollars, as in 5.00, with at most six decimals; or none", quoteArg(text))
	case micro == 0:
		return 0, usagef("--budget %s would allow nothing; give an amount of dollars above 0, or none", quoteArg(text))
	}
	return micro, nil
}

// parseBudgets reads what --budget was given, each an amount for the run or STEP=AMOUNT.
func parseBudgets(texts []string) (b workflow.Budget, err error) {
	seen := map[string]bool{}
	for _, text := range texts {
		step, amount := "", text
		if at := strings.LastIndexByte(text, '='); at >= 0 {
			if step, amount = text[:at], text[at+1:]; step == "" {
				return b, usagef("--budget %s names no step: STEP=DOLLARS, or an amount for the whole run", quoteArg(text))
			}
		}
		limit, err := parseBudget(amount)
		switch {
		case err != nil:
			return b, err
		case limit == 0:
			return b, usagef("--budget must be an amount of dollars, as in 5.00, or none; for one step STEP=AMOUNT")
		case seen[step]:
			return b, usagef("--budget is given twice for the same thing: %s", quoteArg(text))
		}
		if seen[step] = true; step == "" {
			b.Run = limit
			continue
		}
		if b.Steps == nil {
			b.Steps = map[string]int64{}
		}
		b.Steps[step] = limit
	}
	return b, nil
}

// budgets tells the run its limits, when some were given, and refuses models whose price nobody knows while there is one.
func (k *kit) budgets(cfg *workflow.Config, models providers.Models) error {
	given, err := parseBudgets(k.session.budget)
	if err != nil {
		return err
	}
	if given.Run != 0 {
		cfg.Budget.Run = given.Run
	}
	if len(given.Steps) > 0 {
		steps := maps.Clone(given.Steps)
		for step, limit := range cfg.Budget.Steps {
			if _, ok := steps[step]; !ok {
				steps[step] = limit
			}
		}
		cfg.Budget.Steps = steps
	}
	if !k.limited(cfg.Budget) {
		return nil
	}
	for _, p := range models.Providers() {
		if _, ok := cfg.Price(p.Name, p.Model, state.Usage{Input: 1, Output: 1}); !ok {
			return usagef("there is a budget, but nobody knows what %s costs at %s; say it with price: in %s, choose another model with --provider, or go on without a budget with --budget none",
				p.Model, p.Name, providers.ConfigName)
		}
	}
	return nil
}

// budgeted refuses a --budget of a step that there is not.
func (k *kit) budgeted(p *workflow.Pipeline) error {
	given, err := parseBudgets(k.session.budget)
	if err != nil {
		return err
	}
	var names []string
	for _, def := range p.Steps() {
		names = append(names, def.Name)
		delete(given.Steps, def.Name)
	}
	if unknown := slices.Sorted(maps.Keys(given.Steps)); len(unknown) > 0 {
		return usagef("--budget: there is no step %q; the steps are %s", unknown[0], strings.Join(names, ", "))
	}
	return nil
}

// limited says that the session has a limit: one that is given, or one of the run that is not lifted.
func (k *kit) limited(b workflow.Budget) bool {
	limits := map[string]int64{}
	for step, limit := range k.recorded {
		limits[step] = limit
	}
	for step, limit := range b.Steps {
		if limit != 0 {
			limits[step] = limit
		}
	}
	if b.Run != 0 {
		limits[""] = b.Run
	}
	for _, limit := range limits {
		if limit > 0 {
			return true
		}
	}
	return false
}

// moreMoney is what to type when a budget is used up.
func (k *kit) moreMoney(why *workflow.BudgetError) string {
	if why.Enough() == 0 {
		return why.Hint() + "; then go on with:\n  " + k.command("--resume") + "\nor without a budget with:\n  " + k.command("--resume", "--"+flagBudget, budgetNone)
	}
	const cent = 10_000
	ask := max(2*why.Limit, why.Enough()) / cent
	whose := ""
	if why.Step != "" {
		whose = why.Step + "="
	}
	return "go on with a larger budget with:\n  " + k.command("--resume", "--"+flagBudget, fmt.Sprintf("%s%d.%02d", whose, ask/100, ask%100)) +
		"\nor without one with:\n  " + k.command("--resume", "--"+flagBudget, whose+budgetNone)
}
