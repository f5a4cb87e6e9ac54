package sim

import (
	"slices"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// RulesOf splits a scenario's invariants into the rules that travel with the trace, and the names of what is judged: none, which
// is all, unless the scenario names a built-in invariant.
func RulesOf(all []scenarios.Invariant) (rules []trace.Rule, judge []string) {
	for _, i := range all {
		if !i.BuiltIn() {
			rules = append(rules, trace.Rule(i))
		}
		judge = append(judge, i.Name)
	}
	if !slices.ContainsFunc(all, scenarios.Invariant.BuiltIn) {
		judge = nil
	}
	return rules, judge
}
