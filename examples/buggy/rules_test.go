package buggy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/examples/buggy"
	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
)

// A user's rule finds what is wrong with the example on plain seeds of chaos, and says nothing of a system that is right.
func TestAUsersRuleFindsTheFault(t *testing.T) {
	rules := []scenarios.Invariant{
		{Name: "one-writer", Rule: `volumes.all(v, v.mode != "ReadWriteOnce" || v.writers.size() <= 1)`, Message: "two machines write to one disk"},
		{Name: "holder-is-known", Rule: `volumes.all(v, v.holders.all(h, !nodes.named(h).exists || attachments.exists(a, a.volume == v.handle && a.node == h)))`},
	}
	broken := make(map[string]int)
	for seed := uint64(1); seed <= 40; seed++ {
		s := scenarios.Chaos(choice.Seeded(seed))
		s.Spec.Invariants = rules
		v := sim.Run(t, buggy.New, s, sim.Seed(seed)).Verdict
		for _, rule := range rules {
			r, ok := v.Lookup(rule.Name)
			require.True(t, ok)
			if r.Outcome == model.Violated {
				broken[rule.Name]++
				require.Positive(t, r.Step)
				require.Contains(t, r.Message, "volume ")
			}
		}
		if writers, _ := v.Lookup("one-writer"); writers.Outcome == model.Violated {
			s1, _ := v.Lookup("S1")
			require.Equal(t, model.Violated, s1.Outcome, "seed %#x", seed)
			good, _ := sim.Run(t, stock.Builder, s, sim.Seed(seed)).Verdict.Lookup("one-writer")
			require.Equal(t, model.Held, good.Outcome, "seed %#x: %s", seed, good.Message)
		}
	}
	require.Positive(t, broken["one-writer"])
	t.Log(broken)
}
