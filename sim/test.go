package sim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Seeds that Test and TestChaos run when the environment does not say otherwise.
const (
	testSeeds      = 50
	testSeedsShort = 10
)

// Test runs a scenario on the system that build makes under many seeds, one subtest each, and fails those that do not hold,
// with the story of the first violation. The trace of a failure lies in the subtest's artifact directory.
//
// HOLDFAST_SEED=0x2a runs one seed, HOLDFAST_SEEDS=1-500 a range; otherwise it is 1-50, and 1-10 with -short. Do not run
// tests in parallel with it: see Run.
func Test(t *testing.T, build Builder, s *scenarios.Scenario, opts ...Option) {
	t.Helper()
	each(t, func(t *testing.T, seed uint64) Outcome { return judge(t, build, s, seed, opts) })
}

// TestChaos is Test with another chaos scenario for each seed.
func TestChaos(t *testing.T, build Builder, opts ...Option) {
	t.Helper()
	each(t, func(t *testing.T, seed uint64) Outcome {
		return judge(t, build, scenarios.Chaos(choice.Seeded(seed)), seed, opts)
	})
}

func each(t *testing.T, run func(t *testing.T, seed uint64) Outcome) {
	t.Helper()
	from, to, err := seedsOf(os.Getenv("HOLDFAST_SEED"), os.Getenv("HOLDFAST_SEEDS"), testing.Short())
	if err != nil {
		t.Fatal(err)
	}
	for seed := from; seed <= to; seed++ {
		var outcome Outcome
		t.Run(fmt.Sprintf("seed=%#x", seed), func(t *testing.T) { outcome = run(t, seed) })
		if outcome == Stalled { // what stalled is still there, and no later run would ever be still
			t.Fatalf("seed %#x stalled, no further seed is run", seed)
		}
	}
}

func judge(t *testing.T, build Builder, s *scenarios.Scenario, seed uint64, opts []Option) Outcome {
	t.Helper()
	var recorded bytes.Buffer
	r := Run(t, build, s, append([]Option{SystemName("go test: " + t.Name())}, append(opts, Seed(seed), TraceTo(&recorded))...)...)
	t.Attr("seed", fmt.Sprintf("%#x", seed))
	if r.Outcome == Held {
		return r.Outcome
	}
	out := report.Run{
		Scenario: r.Scenario, Seed: r.Seed, Strategy: r.Strategy, Outcome: r.Outcome, Verdict: r.Verdict, Message: r.Message,
		Again: fmt.Sprintf("HOLDFAST_SEED=%#x go test -run '%s'", seed, pattern(t.Name())),
	}
	path := filepath.Join(t.ArtifactDir(), "holdfast.trace")
	if err := os.WriteFile(path, recorded.Bytes(), 0o644); err == nil {
		out.Trace = path
	}
	if _, events, err := trace.Read(path, &recorded); err == nil {
		out.Tell(events)
	}
	var text bytes.Buffer
	_ = report.Failure(&text, out) // a bytes.Buffer takes everything
	t.Errorf("\n%s  trace:    %s (kept with go test -artifacts)", text.String(), out.Trace)
	return r.Outcome
}

// pattern is what -run takes to select the test that a subtest belongs to.
func pattern(name string) string {
	top, _, _ := strings.Cut(name, "/seed=")
	return "^" + strings.ReplaceAll(top, "/", "$/^") + "$"
}

// seedsOf reads the environment's wish for seeds.
func seedsOf(one, span string, short bool) (from, to uint64, err error) {
	switch {
	case one != "":
		from, err = strconv.ParseUint(one, 0, 64)
		to = from
	case span != "":
		a, b, found := strings.Cut(span, "-")
		if !found {
			b = a
		}
		if from, err = strconv.ParseUint(a, 0, 64); err == nil {
			to, err = strconv.ParseUint(b, 0, 64)
		}
	case short:
		return 1, testSeedsShort, nil
	default:
		return 1, testSeeds, nil
	}
	if err == nil && to < from {
		err = fmt.Errorf("a range that ends before it begins")
	}
	if err != nil {
		return 0, 0, fmt.Errorf("HOLDFAST_SEED=%q HOLDFAST_SEEDS=%q: %w", one, span, err)
	}
	return from, to, nil
}
