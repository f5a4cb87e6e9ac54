package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// toy is the smallest system: it asks the API server for the node and the backend for the grant.
type toy struct {
	env     sim.Env
	publish func(ctx context.Context, r sim.PublishRequest) error // replaces Publish if not nil
	run     func(ctx context.Context) error                       // replaces Run if not nil
}

func (s *toy) Publish(ctx context.Context, r sim.PublishRequest) error {
	if s.publish != nil {
		return s.publish(ctx, r)
	}
	name := strings.TrimPrefix(r.NodeID, "id-")
	if _, err := s.env.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{}); err != nil {
		return err
	}
	return s.env.Backend.Grant(ctx, r.Volume, r.NodeID, 1, false)
}

func (s *toy) Unpublish(ctx context.Context, volume, nodeID string) error {
	return s.env.Backend.Revoke(ctx, volume, nodeID, 0)
}

func (s *toy) Run(ctx context.Context) error {
	if s.run != nil {
		return s.run(ctx)
	}
	tick := s.env.Clock.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C():
			_, _ = s.env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		}
	}
}

func build(change func(*toy)) sim.Builder {
	return func(env sim.Env) (sim.System, error) {
		s := &toy{env: env}
		if change != nil {
			change(s)
		}
		return s, nil
	}
}

const moving = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: moving}
spec:
  nodes: 2
  volumes: [{name: a, accessMode: ReadWriteOnce}, {name: b, accessMode: ReadWriteMany}]
  reconciler: {interval: 1m, gracePeriod: 10s}
  latency: {min: 1ms, max: 20ms}
  timeline:
  - {at: 1s, publish: {volume: a, node: node-1}}
  - {at: 1s, publish: {volume: b, node: node-1}}
  - {at: 1s, publish: {volume: b, node: node-2}}
  - {at: 30s, unpublish: {volume: a, node: node-1}}
  - {at: 30s, unpublish: {volume: b, node: node-1}}
  - {at: 40s, crash: {for: 3s}}
  - {at: 50s, outage: {for: 5s}}
  - {at: 51s, unpublish: {volume: b, node: node-2}}
  faults:
  - {on: {verb: grant}, effect: replyLost, chance: 0.3}
  - {on: {verb: get, resource: nodes}, effect: error, chance: 0.3}
`

func parse(t *testing.T, text string) *scenarios.Scenario {
	s, err := scenarios.Parse("test.yaml", strings.NewReader(text))
	require.NoError(t, err)
	return s
}

func TestSameSeedSameTrace(t *testing.T) {
	s := parse(t, moving)
	hashes := map[string]bool{}
	for seed := range uint64(30) {
		a := sim.Run(t, build(nil), s, sim.Seed(seed))
		b := sim.Run(t, build(nil), s, sim.Seed(seed))
		require.Equal(t, a.TraceHash, b.TraceHash, "seed %d", seed)
		require.Equal(t, a.Steps, b.Steps)
		require.Zero(t, a.Clashes, "two points of one label")
		require.Greater(t, a.Steps, 50)
		hashes[a.TraceHash] = true
	}
	require.Greater(t, len(hashes), 25)
}

func TestAReplayOfARecordedTraceIsTheSameRun(t *testing.T) {
	s := parse(t, moving)
	for seed := range uint64(10) {
		var out bytes.Buffer
		first := sim.Run(t, build(nil), s, sim.Seed(seed), sim.TraceTo(&out))
		header, events, err := trace.Read("x.trace", &out)
		require.NoError(t, err)
		require.Equal(t, first.TraceHash, trace.Hash(events))
		again, err := scenarios.Parse("header", strings.NewReader(header.Source))
		require.NoError(t, err)
		replay := sim.Run(t, build(nil), again, sim.Seed(header.Seed), sim.Replay(events))
		require.Empty(t, replay.Diverged)
		require.Equal(t, first.TraceHash, replay.TraceHash)
	}
}

func TestAReplaySaysWhereItDiverged(t *testing.T) {
	s := parse(t, moving)
	events := sim.Run(t, build(nil), s, sim.KeepEvents()).Events
	other := build(func(s *toy) {
		s.publish = func(context.Context, sim.PublishRequest) error { return errors.New("no") }
	})
	require.NotEmpty(t, sim.Run(t, other, s, sim.Replay(events)).Diverged)
}

func TestAPanicOfTheSystemIsAFinding(t *testing.T) {
	s := parse(t, moving)
	r := sim.Run(t, build(func(s *toy) { s.publish = func(context.Context, sim.PublishRequest) error { panic("ouch") } }), s)
	require.Contains(t, []sim.Outcome{sim.Crashed, sim.Violated}, r.Outcome)
	require.Contains(t, fmt.Sprint(r.Message, r.Verdict.Violations()), "ouch")
}

func TestADeadlockOfTheSystemIsAStall(t *testing.T) {
	s := parse(t, moving)
	r := sim.Run(t, build(func(s *toy) {
		var mu sync.Mutex
		s.publish = func(context.Context, sim.PublishRequest) error {
			mu.Lock() // and never unlocks: the second caller waits for ever, and virtual time with it
			return nil
		}
	}), s)
	require.Contains(t, []sim.Outcome{sim.Stalled, sim.Violated}, r.Outcome)
	require.Contains(t, r.Message, "sync.(*Mutex).Lock")
	first, _, _ := strings.Cut(r.Message, "\n")
	require.Contains(t, first, "time cannot pass")
	require.Contains(t, first, "sim_test.TestADeadlockOfTheSystemIsAStall", "it names who waits")
}

func TestAGoroutineThatIsLeftOverIsFound(t *testing.T) {
	text := strings.Replace(moving, "  - {at: 40s, crash: {for: 3s}}\n", "", 1)
	r := sim.Run(t, build(func(s *toy) {
		s.run = func(ctx context.Context) error {
			go func() { <-make(chan struct{}) }()
			<-ctx.Done()
			return nil
		}
	}), parse(t, text))
	l8, ok := r.Verdict.Lookup("L8")
	require.True(t, ok)
	require.Equal(t, "violated", string(l8.Outcome))
}

func TestOutOfStepsIsNeverHeld(t *testing.T) {
	r := sim.Run(t, build(nil), parse(t, moving), sim.MaxSteps(20))
	require.Contains(t, []sim.Outcome{sim.Inconclusive, sim.Violated}, r.Outcome)
	require.Less(t, r.Steps, 50, "teardown takes a few more")
}

type coded string

func (c coded) Error() string { return string(c) }
func (c coded) Code() string  { return string(c) }

func TestCodeOf(t *testing.T) {
	for want, err := range map[string]error{
		"OK":               nil,
		"Aborted":          fmt.Errorf("publish: %w", coded("Aborted")),
		"DeadlineExceeded": fmt.Errorf("publish: %w", context.DeadlineExceeded),
		"Canceled":         context.Canceled,
		"Internal":         errors.New("plain"),
	} {
		require.Equal(t, want, sim.CodeOf(err))
	}
}
