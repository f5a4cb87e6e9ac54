package sim_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// inFlight is how many calls of the sidecar were in flight at once, and how many succeeded.
func inFlight(events []trace.Event) (most, done int) {
	open := map[int]bool{}
	for _, e := range events {
		switch {
		case e.Kind == trace.Process && e.Verb == "crash": // the connection is lost
			clear(open)
		case e.Kind == trace.Op && (e.Verb == "publish" || e.Verb == "unpublish") && e.Op > 0:
			open[e.Op] = true
			most = max(most, len(open))
		case e.Kind == trace.Return && open[e.Op]:
			delete(open, e.Op)
			if e.Code == "OK" {
				done++
			}
		}
	}
	return most, done
}

// Whatever becomes of calls and of those that wait for a worker, no more are in flight than there are workers, and none is forgotten.
func TestTheSidecarHasSoManyWorkers(t *testing.T) {
	const text = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: workers}
spec:
  nodes: 3
  volumes:
  - {name: disk, accessMode: ReadWriteOnce, count: 30}
  latency: {min: 100ms, max: 100ms}
  sidecarWorkers: %d
  timeline:
  - {at: 10s, publish: {volume: disk, node: "*"}}
  - {at: 10.3s, unpublish: {volume: disk-7, node: node-1}}
  - {at: 10.4s, crash: {for: 2s}}
  - {at: 15s, unpublish: {volume: disk-29, node: node-2, abandon: true}}
  - {at: 1m, unpublish: {volume: disk, node: "*"}}
`
	for _, workers := range []int{0, 1, 3} {
		s, err := scenarios.Parse("workers.yaml", strings.NewReader(fmt.Sprintf(text, workers)))
		require.NoError(t, err)
		for seed := range uint64(5) {
			var out bytes.Buffer
			sim.Run(t, build(nil), s, sim.Seed(seed), sim.TraceTo(&out))
			_, events, err := trace.Read("workers", &out)
			require.NoError(t, err)
			most, done := inFlight(events)
			require.Greater(t, done, 50)
			if workers == 0 {
				require.Greater(t, most, 5)
			} else {
				require.LessOrEqual(t, most, workers)
			}
			for _, e := range events {
				require.False(t, e.Kind == trace.Phase && e.Name == "cut")
			}
		}
	}
}
