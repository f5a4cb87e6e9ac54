package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

const zombie = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: zombie}
spec:
  nodes: 2
  volumes: [{name: disk, accessMode: ReadWriteOnce}]
  latency: {min: 10ms, max: 10ms}
  timeline:
  - {at: 1s, publish: {volume: disk, node: node-1}}
  - {at: 1015ms, pause: {for: 50s}}
  - {at: 2m, unpublish: {volume: disk, node: node-1}}
`

// at is the time of the first event of a kind, with a verb and of a process; -1 if there is none.
func at(events []trace.Event, kind trace.Kind, verb string, proc int) time.Duration {
	i := slices.IndexFunc(events, func(e trace.Event) bool { return e.Kind == kind && e.Verb == verb && e.Proc == proc })
	if i < 0 {
		return -1
	}
	return events[i].At
}

func TestAPausedProcessStandsStillAndWakesAsAZombie(t *testing.T) {
	events := sim.Run(t, build(nil), parse(t, zombie), sim.KeepEvents()).Events
	begin, end := at(events, trace.Trouble, "pauseBegin", 1), at(events, trace.Trouble, "pauseEnd", 1)
	require.Equal(t, 50*time.Second, end-begin)
	for _, e := range events {
		if e.Proc == 1 && e.Kind.Point() && e.At > begin && e.At < end {
			sent, callers := e.Kind == trace.Call && e.At < begin+10*time.Millisecond, e.Kind == trace.Op || e.Name == "deadline"
			require.True(t, sent || callers, "%s %s %s at %s: nothing but what was sent, and what callers do", e.Kind, e.Verb, e.Label, e.At)
		}
	}
	require.Equal(t, 15*time.Second, at(events, trace.Process, "lead", 2)-begin, "the lease is over")
	require.Equal(t, end+2*time.Second, at(events, trace.Process, "crash", 1), "it learns of that")
	woke := slices.IndexFunc(events, func(e trace.Event) bool { return e.Proc == 1 && e.Kind.Point() && e.At >= end })
	require.Less(t, events[woke].At, end+2*time.Second, "and until then it goes on")
}

func TestAShortPauseCostsNoLease(t *testing.T) {
	text := parse(t, zombie)
	text.Spec.Timeline[1].Pause.For = text.Spec.Timeline[1].Pause.For / 5
	events := sim.Run(t, build(nil), text, sim.KeepEvents()).Events
	require.Equal(t, time.Duration(-1), at(events, trace.Process, "start", 2))
	require.Positive(t, at(events, trace.Trouble, "pauseEnd", 1))
}
