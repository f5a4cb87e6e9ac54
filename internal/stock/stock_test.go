package stock_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/scenarios/incident"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// held fails the test with everything that was found, unless nothing was.
func held(t *testing.T, r *sim.Result) {
	t.Helper()
	for _, v := range r.Verdict.Violations() {
		t.Errorf("%s seed %#x step %d: %s", r.Scenario, r.Seed, v.Step, v)
	}
	require.Equal(t, sim.Held, r.Outcome, "%s seed %#x: %s", r.Scenario, r.Seed, r.Message)
	require.Zero(t, r.Clashes, "%s seed %#x: points that cannot be told apart", r.Scenario, r.Seed)
}

func TestLibraryHolds(t *testing.T) {
	for _, s := range scenarios.Library() {
		t.Run(s.Metadata.Name, func(t *testing.T) {
			for seed := range uint64(5) {
				held(t, sim.Run(t, stock.Builder, s, sim.Seed(seed)))
			}
		})
	}
}

// Every new seed runs twice: the same bytes, whatever GOMAXPROCS the environment asks for.
func TestChaosHoldsAndIsDeterministic(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 20
	}
	distinct := map[string]bool{}
	for seed := uint64(1); seed <= seeds; seed++ {
		s := scenarios.Chaos(choice.Seeded(seed))
		first := sim.Run(t, stock.Builder, s, sim.Seed(seed))
		held(t, first)
		was := runtime.GOMAXPROCS(4)
		again := sim.Run(t, stock.Builder, s, sim.Seed(seed))
		require.Equal(t, 4, runtime.GOMAXPROCS(was), "Run puts GOMAXPROCS back")
		require.Equal(t, first.TraceHash, again.TraceHash, "seed %#x", seed)
		distinct[first.TraceHash] = true
	}
	require.Len(t, distinct, int(seeds))
}

// What a run is at when it is out of steps is broken off, and that is nobody's fault.
func TestARunThatIsCutShortHasNoFinding(t *testing.T) {
	for seed := range uint64(100) {
		r := sim.Run(t, stock.Builder, scenarios.Chaos(choice.Seeded(seed)), sim.Seed(seed), sim.MaxSteps(20+5*int(seed)))
		require.Contains(t, []sim.Outcome{sim.Inconclusive, sim.Held}, r.Outcome, "seed %#x: %v", seed, r.Verdict)
	}
}

// whole is the system without the power to tell what has changed.
type whole struct{ *stock.System }

func (whole) Changes() {}

// A large memory is read in parts, and the trace is what it is if all of it is read each time.
func TestALargeMemoryIsReadInParts(t *testing.T) {
	s := scenarios.Chaos(choice.Seeded(3), scenarios.Profile{StepsMin: 40})
	s.Spec.Volumes, s.Spec.Timeline = nil, nil
	nodes := s.Spec.Nodes
	for i := range 150 {
		v := fmt.Sprintf("v%d", i)
		at := scenarios.Duration(time.Duration(i) * 100 * time.Millisecond)
		s.Spec.Volumes = append(s.Spec.Volumes, scenarios.Volume{Name: v, AccessMode: "ReadWriteOnce"})
		s.Spec.Timeline = append(s.Spec.Timeline,
			scenarios.Step{At: at, Publish: &scenarios.Attachment{Volume: v, Node: nodes[i%len(nodes)].Name}},
			scenarios.Step{At: at + scenarios.Duration(time.Minute), Unpublish: &scenarios.Attachment{Volume: v, Node: nodes[i%len(nodes)].Name}})
	}
	r := sim.Run(t, stock.Builder, s)
	held(t, r)
	other := sim.Run(t, func(env sim.Env) (sim.System, error) {
		sys, err := stock.Builder(env)
		if err != nil {
			return nil, err
		}
		return whole{sys.(*stock.System)}, nil
	}, s)
	held(t, other)
	require.Equal(t, other.TraceHash, r.TraceHash)
}

func TestReplayRepeatsARun(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		var out bytes.Buffer
		first := sim.Run(t, stock.Builder, scenarios.Chaos(choice.Seeded(seed)), sim.Seed(seed), sim.TraceTo(&out))
		header, events, err := trace.Read("x.trace", &out)
		require.NoError(t, err)
		s, err := scenarios.Parse("x.trace", bytes.NewReader([]byte(header.Source)))
		require.NoError(t, err)
		again := sim.Run(t, stock.Builder, s, sim.Seed(header.Seed), sim.Replay(events))
		require.Empty(t, again.Diverged, "seed %#x", seed)
		require.Equal(t, first.TraceHash, again.TraceHash, "seed %#x", seed)
	}
}

func TestRecordingsHoldAndEveryAttachmentIsInTheAccount(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/incident/testdata/*.gz")
	require.NoError(t, err)
	require.Len(t, files, 5)
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := os.Open(name)
			require.NoError(t, err)
			defer f.Close()
			rec, err := incident.Import(name, f)
			require.NoError(t, err)
			r := sim.Run(t, stock.Builder, rec.Scenario, sim.KeepEvents())
			held(t, r)
			for _, e := range r.Events {
				rec.Account.Observe(e)
			}
			require.NotEmpty(t, rec.Account.Attachments)
			for _, a := range rec.Account.Attachments {
				require.NotNil(t, a.Simulated, "%s was never seen in the simulation", a.Name)
			}
		})
	}
}

func TestDirectCallsReachTheManager(t *testing.T) {
	s, err := scenarios.Lookup("live-migration")
	require.NoError(t, err)
	r := sim.Run(t, stock.Builder, s, sim.KeepEvents())
	codes := map[string]string{}
	for _, e := range r.Events {
		if e.Kind == trace.Return && e.Volume == "seed-disk" {
			codes[e.Verb] = e.Code
		}
	}
	require.Equal(t, map[string]string{
		"trackAttachment": "OK", "untrackAttachment": "OK", "isWithinGracePeriod": "OK", "clearDetachTimestamp": "OK", "getAttachment": "OK",
	}, codes)
}

func TestAnUnknownMethodIsAnError(t *testing.T) {
	s := &scenarios.Scenario{}
	s.Spec.Timeline = []scenarios.Step{{Call: &scenarios.Call{Method: "NoSuchMethod"}}}
	r := sim.Run(t, stock.Builder, s, sim.KeepEvents())
	var said string
	for _, e := range r.Events {
		if e.Kind == trace.Return && e.Verb == "noSuchMethod" {
			said = e.Message
		}
	}
	require.Equal(t, "the Manager has no method NoSuchMethod", said)
}

func TestPairsAreJudgedForSoundnessAlone(t *testing.T) {
	for seed := range uint64(5) {
		r := sim.Run(t, stock.Builder, scenarios.Chaos(choice.Seeded(seed)), sim.Seed(seed), sim.Strategy("pairs"), sim.KeepEvents())
		require.Equal(t, sim.Held, r.Outcome, r.Message)
		for _, i := range r.Verdict.Results {
			require.Equal(t, i.Invariant == "S20", i.Outcome != model.NotJudged, i.String())
		}
		points := make(map[int]int)
		for _, e := range r.Events {
			if e.Label != "" {
				points[e.Step]++
			}
		}
		two := 0
		for _, n := range points {
			require.LessOrEqual(t, n, 2)
			two += n / 2
		}
		require.Greater(t, two, len(points)/10, "many steps have two points")
	}
}
