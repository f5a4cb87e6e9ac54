package stock_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/fault"
)

const contested = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: contested}
spec:
  nodes: 2
  volumes: [{name: disk, accessMode: ReadWriteOnce}]
  latency: {min: 0s, max: 0s}
  deliver: {min: 0s, max: 0s}
  timeline:
  - {at: 10s, publish: {volume: disk, node: node-1}}
  - {at: 10s, publish: {volume: disk, node: node-2}}
`

// What is merged is equal in what comes of it: a search that merges ends in the states in which one ends that does not.
func TestMergingLosesNoEnd(t *testing.T) {
	s, err := scenarios.Parse("contested.yaml", strings.NewReader(contested))
	require.NoError(t, err)
	for _, c := range []struct {
		scope   explore.Scope
		effects []fault.Effect
	}{
		{explore.Scope{Preemptions: -1}, nil},
		{explore.Scope{Preemptions: 2}, nil},
		{explore.Scope{Preemptions: 0, Faults: 1}, []fault.Effect{fault.CrashAfter}},
	} {
		ends := func(merge bool) (map[uint64]bool, int) {
			search, all := explore.NewSearch(c.scope), make(map[uint64]bool)
			seen := explore.NewSeen()
			if !merge {
				search.Seen, seen = nil, nil
			}
			for items := search.Next(1); len(items) > 0; items = search.Next(1) {
				if merge {
					seen.Add(search.Fresh()...)
				}
				w := explore.NewWalk(c.scope, items[0], seen)
				r := sim.Run(t, stock.Builder, s, sim.Seed(1), sim.Guide(w, c.effects))
				require.NotEqual(t, sim.Violated, r.Outcome)
				v := w.Visit()
				require.Empty(t, v.Lost)
				if v.End != 0 {
					all[v.End] = true
				}
				search.Learn(items[0], v)
			}
			return all, search.Runs
		}
		every, full := ends(false)
		merged, few := ends(true)
		require.Equal(t, every, merged)
		require.Less(t, few, full)
		t.Logf("%+v: %d ends, in %d runs, and in %d merged", c.scope, len(every), full, few)
	}
}
