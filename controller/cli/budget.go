package cli

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

const (
	flagBudget = "budget"
	budgetNone = "none"
)

var dollars = regexp.MustCompile(`^(\d{1,9})(?:\.(\d{1,6})0*)?$`)

// parseBudget reads an amount of dollars as micro-dollars, exactly; -1 for none, 0 for nothing said.
func parseBudget(text string) (int64, error) {
	switch text {
	case "":
		return 0, nil
	case budgetNone:
		return -1, nil
	}
	m := dollars.FindStringSubmatch(text)
	if m == nil {
		return 0, usagef("--budget %s is not an amount of dollars, as in 5.00, with at most six decimals; or none", quoteArg(text))
	}
	micro, err := strconv.ParseInt(m[1]+(m[2] + "000000")[:6], 10, 64)
	if err != nil || micro == 0 {
		return 0, usagef("--budget %s would allow nothing; give an amount of dollars above 0, or none", quoteArg(text))
	}
	return micro, nil
}

// budgets tells the run its limit, when one was given, and refuses models whose price nobody knows while there is one.
func (k *kit) budgets(cfg *workflow.Config, models providers.Models) error {
	limit, err := parseBudget(k.session.budget)
	if err != nil {
		return err
	}
	if k.session.given[flagBudget] {
		cfg.Budget.Run = limit
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
	if why.Step != "" {
		return why.Hint() + "; the program sets the budgets of its steps (Config.Budget)"
	}
	const cent = 10_000
	ask := max(2*why.Limit, why.Enough()) / cent
	return "go on with a larger budget with:\n  " + k.command("--resume", "--"+flagBudget, fmt.Sprintf("%d.%02d", ask/100, ask%100)) +
		"\nor without one with:\n  " + k.command("--resume", "--"+flagBudget, budgetNone)
}
