package benchmarks_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// BenchmarkSimulation is the whole stack: a chaos seed from generator to verdict, as one operation. A bubble needs a
// testing.T, which a benchmark has none of; a test of its own lends it.
func BenchmarkSimulation(b *testing.B) {
	testing.Init()
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "simulation", F: func(t *testing.T) {
		b.ReportAllocs()
		steps, seed := 0, uint64(0)
		for b.Loop() {
			seed = seed%100 + 1
			steps += sim.Run(t, stock.Builder, scenarios.Chaos(choice.Seeded(seed)), sim.Seed(seed)).Steps
		}
		b.ReportMetric(float64(steps)/float64(b.N), "steps/op")
		b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
	}}})
	if !ok {
		b.Fatal("the simulation did not run")
	}
}

// BenchmarkModel is the oracle alone on one recorded trace.
func BenchmarkModel(b *testing.B) {
	var out bytes.Buffer
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "record", F: func(t *testing.T) {
		sim.Run(t, stock.Builder, scenarios.Chaos(choice.Seeded(7)), sim.Seed(7), sim.TraceTo(&out))
	}}})
	if !ok {
		b.Fatal("nothing was recorded")
	}
	header, events, err := trace.Read("x.trace", &out)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		model.Check(header, events)
	}
	b.ReportMetric(float64(len(events)), "events/op")
}
