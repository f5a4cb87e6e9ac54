package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
)

// A run whose turns are noted goes the same way when it is resolved, whatever strategy made it.
func TestResolved(t *testing.T) {
	for seed := uint64(1); seed <= 30; seed++ {
		for _, strategy := range []string{"random", "pct", "pos", "round-robin"} {
			s := scenarios.Chaos(choice.Seeded(seed))
			noted := sim.Run(t, stock.Builder, s, sim.Seed(seed), sim.Strategy(strategy), sim.NoteTurns())
			s.Spec.Resolved, s.Spec.Turns = &scenarios.Resolved{Seed: seed}, noted.Turns
			again := sim.Run(t, stock.Builder, s)
			require.Equal(t, noted.TraceHash, again.TraceHash, "seed %d, %s", seed, strategy)
			require.Equal(t, "in-order", again.Strategy)
			require.Empty(t, again.Diverged)
		}
	}
}

// What a resolved scenario names and the run never meets is told.
func TestResolved_Diverged(t *testing.T) {
	s, err := scenarios.Lookup("node-deleted")
	require.NoError(t, err)
	s.Spec.Resolved = &scenarios.Resolved{Seed: 7}
	s.Spec.Turns = []scenarios.Turn{{Take: "p9/op-1/get/nodes/node-1#1", Before: "p1/run/get/nodes/node-1#1"}}
	s.Spec.Faults = []scenarios.Fault{{On: scenarios.On{Label: "p9/run/get/nodes/node-1#1"}, Effect: "error"}}
	r := sim.Run(t, stock.Builder, s)
	require.EqualValues(t, 7, r.Seed)
	require.Equal(t, "turns without an occasion: 1, the first is p9/op-1/get/nodes/node-1#1 before p1/run/get/nodes/node-1#1; "+
		"faults without a request: 1, the first is at p9/run/get/nodes/node-1#1", r.Diverged)
}
