package proptest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/examples/buggy"
	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
)

// fixed answers from a list, and then 0.
type fixed []int

func (f *fixed) Choose(_ string, n int) int {
	if len(*f) == 0 || n == 1 {
		return 0
	}
	v := (*f)[0]
	*f = (*f)[1:]
	return v % n
}

func TestTheSameDrawsAreTheSameRun(t *testing.T) {
	for name, build := range map[string]sim.Builder{"ours": stock.Builder, "buggy": buggy.New} {
		c := &checker{t: t, build: build, options: options{profile: scenarios.Profile{StepsMin: 2, StepsMax: 16}}}
		distinct := map[string]bool{}
		for seed := range 20 {
			first, again := rapid.Custom(c.play).Example(seed), rapid.Custom(c.play).Example(seed)
			require.Equal(t, first.TraceHash, again.TraceHash, "%s, seed %d", name, seed)
			require.Equal(t, first.GoString(), again.GoString())
			distinct[first.TraceHash] = true
		}
		require.Greater(t, len(distinct), 15)
	}
}

// What rapid shrinks towards: no step, no fault, no turn out of order, and that holds.
func TestAllZeroIsTheSimplestRun(t *testing.T) {
	zero := &fixed{}
	s := drawScenario(zero, scenarios.Profile{StepsMin: 2, StepsMax: 16})
	c := newChoices(zero)
	require.Empty(t, s.Spec.Timeline)
	require.Empty(t, s.Spec.Faults)
	require.Len(t, s.Spec.Nodes, 1)
	require.Len(t, s.Spec.Volumes, 1)
	r := sim.Run(t, stock.Builder, s, sim.Choices(c))
	require.Equal(t, sim.Held, r.Outcome)
	require.Empty(t, c.turns)
	require.Equal(t, r.Steps, c.steps)
}

// Whatever is left out, the rest is a scenario, and its text is too.
func TestWhatIsLeftIsAScenario(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScenario(Source(rt), scenarios.Profile{StepsMin: 2, StepsMax: 30})
		require.NoError(rt, s.Validate())
		again, err := scenarios.Parse("drawn", bytes.NewReader(scenarios.Format(s)))
		require.NoError(rt, err)
		require.Equal(rt, string(scenarios.Format(s)), string(scenarios.Format(again)))
		tracked, ended := false, false
		for _, step := range s.Spec.Timeline {
			if tracks(step) {
				tracked, ended = true, false
			} else if step.Call != nil && step.Call.Method == "UntrackAttachment" {
				ended = true
			}
		}
		require.Equal(rt, tracked, ended, "what is tracked by hand is untracked in the end")
	})
}

func TestAnswersAreInRangeAndOrdinaryByDefault(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newChoices(Source(rt))
		for _, label := range rapid.SliceOfN(rapid.SampledFrom([]string{"schedule", "fault/error/x", "latency/x#1", "repeat/x", "downtime"}), 1, 50).Draw(rt, "labels") {
			n := rapid.IntRange(1, 1001).Draw(rt, "n")
			got := c.Choose(label, n)
			require.GreaterOrEqual(rt, got, 0)
			require.Less(rt, got, n)
		}
	})
	calm := newChoices(&fixed{})
	for range 1000 {
		require.Zero(t, calm.Choose("schedule", 5))
		require.Zero(t, calm.Choose("latency/x", 1001))
		require.Equal(t, 2, calm.Choose("unpublish from all/v", 3), "only 0 unpublishes from all")
		require.Equal(t, 99, calm.Choose("fault/error/x", 100), "no chance is as large as that")
	}
}

// The answers to what goroutines of the system ask do not depend on which of them asks first.
func TestTheTableKnowsLabelsNotOrder(t *testing.T) {
	answers := func(labels ...string) map[string]int {
		draw := choice.Seeded(7)
		c, got := newChoices(draw), map[string]int{}
		for _, l := range labels {
			got[l] = c.Choose(l, 1001)
		}
		return got
	}
	require.Equal(t, answers("latency/a#1", "latency/b#1", "givenUp/c"), answers("givenUp/c", "latency/b#1", "latency/a#1"))
}

// Turns and faults out of the ordinary come in the order of the draws, and stop for good at a 0.
func TestSparse(t *testing.T) {
	s := sparse{span: 4}
	draw := &fixed{4, 6, 1, 0, 5, 5} // 1 + 4%4 = 1, 1 + 6%4 = 3, 1 + 1%4 = 2, never
	var got []bool
	for range 10 {
		got = append(got, s.now(draw))
	}
	require.Equal(t, []bool{true, false, false, true, false, true, false, false, false, false}, got)
}

func TestSource(t *testing.T) {
	seen := map[int]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		src := Source(rt)
		require.Zero(rt, src.Choose("one", 1))
		for range 40 {
			v := src.Choose("five", 5)
			require.True(rt, v >= 0 && v < 5)
			seen[v] = true
		}
		require.Panics(rt, func() { src.Choose("none", 0) })
	})
	require.Len(t, seen, 5)

	// With no data left every answer is 0, and the draws that were there count.
	rapid.MakeFuzz(func(rt *rapid.T) {
		src := Source(rt)
		require.Equal(t, 3, src.Choose("first", 4))
		for range 100 {
			require.Zero(t, src.Choose("later", 100))
		}
	})(t, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
}

func TestAFindingIsKeptTo(t *testing.T) {
	c := &checker{t: t, build: buggy.New, options: options{profile: scenarios.Profile{StepsMin: 2, StepsMax: 16}}}
	broken := map[string]bool{}
	for seed := range 60 {
		r := rapid.Custom(c.play).Example(seed)
		for _, v := range r.Verdict.Violations() {
			broken[v.Invariant] = true
			what, why := r.finding(func(what string) bool { return what == v.Invariant })
			require.Equal(t, v.Invariant, what)
			require.Contains(t, why, v.Message)
		}
		if r.Outcome == sim.Violated {
			what, _ := r.finding(func(string) bool { return false })
			require.Empty(t, what)
		}
	}
	require.Greater(t, len(broken), 2, "the example breaks more than one thing")
}
