package naive_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/examples/naive"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/csidriver"
)

const head = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: naive}
spec:
  nodes: 2
  volumes:
  - {name: disk, accessMode: ReadWriteOnce}
`

// handOver takes a volume from a node for another one.
const handOver = `
  timeline:
  - {at: 10s, publish: {volume: disk, node: node-1}}
  - {at: 1m, unpublish: {volume: disk, node: node-1}}
  - {at: 1m, publish: {volume: disk, node: node-2}}
`

// broken names the invariants that any of twenty seeds breaks.
func broken(t *testing.T, text string) map[string]bool {
	s, err := scenarios.Parse("naive.yaml", strings.NewReader(head+text))
	require.NoError(t, err)
	all := map[string]bool{}
	for seed := range uint64(20) {
		r := sim.Run(t, csidriver.System(naive.New), s, sim.Seed(seed))
		for _, v := range r.Verdict.Violations() {
			all[v.Invariant] = true
		}
	}
	return all
}

// The oracle names each of the bugs, and has nothing to say where none of them shows.
func TestEachBugIsFound(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		require.Empty(t, broken(t, `
  timeline:
  - {at: 10s, publish: {volume: disk, node: node-1}}
  - {at: 1m, unpublish: {volume: disk, node: node-1}}
  - {at: 2m, publish: {volume: disk, node: node-2}}
`))
	})
	t.Run("forgotten at a restart", func(t *testing.T) {
		require.Contains(t, broken(t, `
  timeline:
  - {at: 10s, publish: {volume: disk, node: node-1}}
  - {at: 1m, crash: {for: 5s}}
  - {at: 2m, publish: {volume: disk, node: node-2}}
`), "S1")
	})
	t.Run("forgotten before it was revoked", func(t *testing.T) {
		require.Contains(t, broken(t, handOver+`  faults:
  - {on: {verb: revoke, resource: backend, until: 61s}, effect: error}
`), "S1")
	})
	t.Run("every mode for a single writer's", func(t *testing.T) {
		all := broken(t, `
  - {name: shared, accessMode: ReadWriteMany}
  - {name: image, accessMode: ReadOnlyMany}
  timeline:
  - {at: 10s, publish: {volume: shared, node: node-1}}
  - {at: 20s, publish: {volume: image, node: node-1}}
  - {at: 1m, publish: {volume: shared, node: node-2}}
`)
		require.Contains(t, all, "S1")
		require.Contains(t, all, "L6")
	})
	t.Run("taken from another node", func(t *testing.T) {
		require.Contains(t, broken(t, handOver+`  faults:
  - {on: {verb: revoke, resource: backend, until: 61s}, effect: replyLost}
`), "S9")
	})
}
