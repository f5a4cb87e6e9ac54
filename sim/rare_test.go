package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/clock"

	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

const rare = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: rare}
spec:
  nodes: 2
  volumes: [{name: disk, accessMode: ReadWriteOnce}]
  latency: {min: 0s, max: 0s}
  timeline:
  - {at: 1s, publish: {volume: disk, node: node-1}}
`

func TestANodeOutOfServiceIsDetachedAtOnce(t *testing.T) {
	events := sim.Run(t, build(nil), parse(t, rare+"  - {at: 10s, outOfService: {node: node-1}}\n"), sim.KeepEvents()).Events
	tainted := at(events, trace.Op, "outOfService", 0)
	require.Equal(t, 10*time.Second, tainted)
	var revoked, rested bool
	for _, e := range events {
		revoked = revoked || e.At == tainted && e.Kind == trace.Op && e.Verb == "unpublish"
		rested = rested || e.At == tainted && e.Kind == trace.World && e.Verb == "rest" && !revoked
	}
	require.True(t, revoked, "at once")
	require.False(t, rested, "nobody asks the workload first")
}

func TestAProcessWhoseClockIsOff(t *testing.T) {
	var clocks []clock.PassiveClock // by incarnation
	keep := func(s *toy) { clocks = append(clocks, s.env.Clock) }
	sim.Run(t, build(keep), parse(t, rare+"  - {at: 5s, clockStep: {by: 1h, process: true}}\n  - {at: 6s, clockStep: {by: -1m}}\n  - {at: 7s, crash: {for: 1s}}\n"))
	require.Len(t, clocks, 2)
	require.InDelta(t, time.Hour, clocks[0].Now().Sub(clocks[1].Now()), float64(time.Minute), "the next process has a clock that is right")
}
