package stock_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/csidriver"
)

// Behind its CSI service the driver does what it does without: the runs are the same, to the byte.
func TestTheServiceChangesNothing(t *testing.T) {
	served := csidriver.System(stock.Service)
	for seed := range uint64(40) {
		s := scenarios.Chaos(choice.Seeded(seed))
		plain := sim.Run(t, stock.Builder, s, sim.Seed(seed))
		behind := sim.Run(t, served, s, sim.Seed(seed))
		require.Equal(t, plain.TraceHash, behind.TraceHash, "seed %d", seed)
		require.Equal(t, sim.Held, behind.Outcome)
	}
}
