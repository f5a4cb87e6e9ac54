package sim_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Powers that do what they should not.
type (
	nudged   struct{ *toy }
	counted  struct{ *toy }
	believed struct{ *toy }
)

func (s nudged) Trigger()               { _ = s.run(context.Background()) }
func (s counted) Sizes() map[string]int { _ = s.run(context.Background()); return nil }
func (s believed) Version() uint64      { return 1 }
func (s believed) Attachments() ([]sim.Instance, map[string]time.Time) {
	_ = s.run(context.Background())
	return nil, nil
}

// powers are builders of systems whose optional power calls do.
func powers(do func()) map[string]sim.Builder {
	calls := func(env sim.Env) *toy { return &toy{env: env, run: func(context.Context) error { do(); return nil }} }
	return map[string]sim.Builder{
		"trigger":     func(env sim.Env) (sim.System, error) { return leading{nudged{calls(env)}}, nil },
		"sizes":       func(env sim.Env) (sim.System, error) { return leadingCounted{counted{calls(env)}}, nil },
		"attachments": func(env sim.Env) (sim.System, error) { return leadingBelieved{believed{calls(env)}}, nil },
	}
}

// Their Run is harmless.
type (
	leading         struct{ nudged }
	leadingCounted  struct{ counted }
	leadingBelieved struct{ believed }
)

func wait(ctx context.Context) error { <-ctx.Done(); return nil }

func (leading) Run(ctx context.Context) error         { return wait(ctx) }
func (leadingCounted) Run(ctx context.Context) error  { return wait(ctx) }
func (leadingBelieved) Run(ctx context.Context) error { return wait(ctx) }

const nudging = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: nudging}
spec:
  nodes: 1
  volumes: [{name: a, accessMode: ReadWriteOnce}]
  timeline:
  - {at: 1s, publish: {volume: a, node: node-1}}
  - {at: 2s, trigger: {}}
`

func TestAPanicOfAnOptionalPowerIsAFindingWithItsStack(t *testing.T) {
	for name, build := range powers(func() { panic("ouch") }) {
		r := sim.Run(t, build, parse(t, nudging))
		require.Contains(t, []sim.Outcome{sim.Crashed, sim.Violated}, r.Outcome, name)
		require.Contains(t, r.Message, "panic: ouch\n", name)
		require.Contains(t, r.Message, "adversary_test.go", name)
	}
}

func TestAnOptionalPowerThatBlocksStopsNothing(t *testing.T) {
	for name, build := range powers(func() { select {} }) {
		r := sim.Run(t, build, parse(t, nudging), sim.KeepEvents())
		require.NotContains(t, []sim.Outcome{sim.Crashed, sim.Stalled}, r.Outcome, name)
		var phases, hangs []string
		for _, e := range r.Events {
			if e.Kind == trace.Phase {
				phases = append(phases, e.Name)
			}
			if e.Kind == trace.Probe && e.Name == "hang" {
				hangs = append(hangs, e.Code)
			}
		}
		require.Contains(t, phases, "teardown", name)
		if name != "trigger" {
			require.Equal(t, []string{"Hang"}, hangs, name)
		}
	}
}

// A handler may outlive its caller, and never return. A crash must not tell the caller of it twice: the sidecar would make two
// calls at a time, and forget an attachment twice.
func TestHandlersThatIgnoreTheirContextsAreNoFaultOfTheHarness(t *testing.T) {
	never := func(context.Context, sim.PublishRequest) error { select {} }
	exits := func(context.Context, sim.PublishRequest) error { runtime.Goexit(); return nil }
	for seed := range uint64(30) {
		for _, publish := range []func(context.Context, sim.PublishRequest) error{never, exits} {
			r := sim.Run(t, build(func(s *toy) { s.publish = publish }), scenarios.Chaos(choice.Seeded(seed)), sim.Seed(seed))
			require.NotContains(t, []sim.Outcome{sim.Crashed, sim.Stalled}, r.Outcome)
		}
	}
}

// A driver may delete what the harness made.
func TestASystemMayDeleteAttachmentsAndNodes(t *testing.T) {
	greedy := build(func(s *toy) {
		s.run = func(ctx context.Context) error {
			for ctx.Err() == nil {
				attachments, nodes := s.env.Client.StorageV1().VolumeAttachments(), s.env.Client.CoreV1().Nodes()
				if l, err := attachments.List(ctx, metav1.ListOptions{}); err == nil {
					for _, a := range l.Items {
						a.Finalizers = nil
						_, _ = attachments.Update(ctx, &a, metav1.UpdateOptions{})
						_ = attachments.Delete(ctx, a.Name, metav1.DeleteOptions{})
					}
				}
				if l, err := nodes.List(ctx, metav1.ListOptions{}); err == nil && len(l.Items) > 1 {
					_ = nodes.Delete(ctx, l.Items[0].Name, metav1.DeleteOptions{})
				}
				s.env.Clock.Sleep(5 * time.Second)
			}
			return nil
		}
	})
	for seed := range uint64(10) {
		r := sim.Run(t, greedy, scenarios.Chaos(choice.Seeded(seed)), sim.Seed(seed))
		require.NotContains(t, []sim.Outcome{sim.Crashed, sim.Stalled}, r.Outcome)
	}
}

// Every run counts anew: what the run before has left behind hides nothing.
func TestALeakIsFoundInEveryRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as in a worker: nothing ends between two runs by itself
	stays := build(func(s *toy) { s.run = func(context.Context) error { select {} } })
	for seed := range uint64(4) {
		l8, _ := sim.Run(t, stays, parse(t, nudging), sim.Seed(seed)).Verdict.Lookup("L8")
		require.Equal(t, "violated", string(l8.Outcome))
		require.Contains(t, l8.Message, "1 goroutines are left")
	}
}

// After a crash a loop that retries without pause would never let the run be still.
func TestALoopOfADeadProcessIsNoStall(t *testing.T) {
	tireless := build(func(s *toy) {
		s.run = func(context.Context) error {
			for {
				if _, err := s.env.Client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{}); err == nil {
					s.env.Clock.Sleep(time.Minute)
				}
			}
		}
	})
	require.NotEqual(t, sim.Stalled, sim.Run(t, tireless, parse(t, moving)).Outcome)
}

// Metrics are registered whenever and by whomever, and some are no numbers: the race detector and the trace stay quiet.
func TestMetricsOfAnyKindLeaveAReadableTrace(t *testing.T) {
	busy := build(func(s *toy) {
		odd := prometheus.NewGauge(prometheus.GaugeOpts{Name: "odd"})
		s.env.Metrics.MustRegister(odd)
		s.run = func(ctx context.Context) error {
			var all sync.WaitGroup
			for i := range 3 {
				odd.Set([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}[i])
				all.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						c := prometheus.NewCounter(prometheus.CounterOpts{Name: fmt.Sprintf("c%d_%d", i, n)})
						_ = s.env.Metrics.Register(c)
						s.env.Metrics.Unregister(c)
						s.env.Clock.Sleep(10 * time.Second)
					}
				})
			}
			all.Wait()
			return nil
		}
	})
	var out bytes.Buffer
	r := sim.Run(t, busy, parse(t, moving), sim.TraceTo(&out))
	_, events, err := trace.Read("t", &out)
	require.NoError(t, err)
	require.Equal(t, r.TraceHash, trace.Hash(events))
}

// A timer may be stopped right after it fired: for the race detector.
func TestATickerMayBeStoppedAtOnce(t *testing.T) {
	hasty := build(func(s *toy) {
		s.run = func(ctx context.Context) error {
			for ctx.Err() == nil {
				tick := s.env.Clock.NewTicker(10 * time.Second)
				select {
				case <-tick.C():
				case <-ctx.Done():
				}
				tick.Stop()
			}
			return nil
		}
	})
	require.NotEqual(t, sim.Crashed, sim.Run(t, hasty, parse(t, moving)).Outcome)
}

// A lost answer of the system itself is a fault like others: a replay repeats it.
func TestAReplayRepeatsLostAnswersOfTheSystem(t *testing.T) {
	text := strings.Replace(moving, "{verb: grant}", "{}", 1)
	lost := 0
	for seed := range uint64(10) {
		first := sim.Run(t, build(nil), parse(t, text), sim.Seed(seed), sim.KeepEvents())
		for _, e := range first.Events {
			if e.Lost {
				lost++
			}
		}
		replay := sim.Run(t, build(nil), parse(t, text), sim.Seed(seed), sim.Replay(first.Events))
		require.Empty(t, replay.Diverged)
		require.Equal(t, first.TraceHash, replay.TraceHash)
	}
	require.Greater(t, lost, 5)
}

// An outage that begins during another one ends last.
func TestAnOutageEndsWhenTheLastOneEnds(t *testing.T) {
	text := strings.Replace(moving, "  - {at: 51s,", "  - {at: 50s, outage: {for: 20s}}\n  - {at: 90s, trigger: {}}\n  - {at: 51s,", 1)
	var ends []time.Duration
	for _, e := range sim.Run(t, build(nil), parse(t, text), sim.KeepEvents()).Events {
		if e.Verb == "outageEnd" && e.Kind == trace.Trouble {
			ends = append(ends, e.At)
		}
	}
	require.Equal(t, []time.Duration{70 * time.Second}, ends)
}

// status is an error as gRPC makes them, without gRPC.
type (
	status   struct{ code grpcCode }
	proto    struct{ code grpcCode }
	grpcCode int
)

func (s *status) Error() string      { return "status" }
func (s *status) GRPCStatus() *proto { return &proto{s.code} }
func (p *proto) Code() grpcCode      { return p.code }
func (c grpcCode) String() string    { return map[grpcCode]string{5: "NotFound", 10: "Aborted"}[c] }

func TestCodeOfAGRPCStatus(t *testing.T) {
	require.Equal(t, "Aborted", sim.CodeOf(&status{10}))
	require.Equal(t, "NotFound", sim.CodeOf(fmt.Errorf("publish: %w", &status{5})))
}
