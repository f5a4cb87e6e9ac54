package shrink_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/shrink"
)

// system stands for engine and system: broken says what a scenario breaks, "" if nothing.
type system struct {
	broken func(s *scenarios.Scenario) string
	turns  []scenarios.Turn // of each run that breaks something
	runs   int
}

func (y *system) run(_ context.Context, candidates []*scenarios.Scenario) ([]shrink.Trial, error) {
	var trials []shrink.Trial
	for _, c := range candidates {
		y.runs++
		t := shrink.Trial{Run: report.Run{Outcome: report.Held}}
		if what := y.broken(c.Defaults()); what != "" {
			t.Run.Outcome, t.Run.Turns = report.Violated, y.turns
			t.Run.Verdict.Results = []model.Result{{Invariant: what, Outcome: model.Violated, Step: 1}}
		}
		trials = append(trials, t)
	}
	return trials, nil
}

func (y *system) minimize(t *testing.T, s *scenarios.Scenario, width, budget int) shrink.Result {
	t.Helper()
	r, err := shrink.Minimize(context.Background(), shrink.Config{Run: y.run, Width: width, Breaks: "S3", Budget: budget}, s)
	require.NoError(t, err)
	require.NoError(t, r.Scenario.Validate())
	return r
}

// story is a long scenario in which a volume is published on a node, and the node is deleted.
func story(t *testing.T, seed uint64) *scenarios.Scenario {
	t.Helper()
	s := scenarios.Chaos(choice.Seeded(seed), scenarios.Profile{StepsMin: 30}).Defaults()
	s.Spec.Resolved = &scenarios.Resolved{Seed: seed, Strategy: "random"}
	return s
}

// after reports whether a volume is published on a node, and the node deleted later.
func after(s *scenarios.Scenario) bool {
	for i, step := range s.Spec.Timeline {
		if step.Publish == nil {
			continue
		}
		if slices.ContainsFunc(s.Spec.Timeline[i:], func(x scenarios.Step) bool { return x.DeleteNode != nil && x.DeleteNode.Node == step.Publish.Node }) {
			return true
		}
	}
	return false
}

func stories(t *testing.T, fits func(*scenarios.Scenario) bool) (found []*scenarios.Scenario) {
	for seed := uint64(1); len(found) < 20; seed++ {
		if s := story(t, seed); fits(s) {
			found = append(found, s)
		}
	}
	return found
}

func TestMinimize_LeavesWhatIsNeeded(t *testing.T) {
	for _, s := range stories(t, after) {
		y := &system{broken: func(s *scenarios.Scenario) string {
			if after(s) {
				return "S3"
			}
			return ""
		}}
		r := y.minimize(t, s, 1, 0)
		require.Equal(t, y.runs, r.Runs)
		require.False(t, r.Spent)
		require.Equal(t, `apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata:
  name: chaos
spec:
  nodes: 1
  volumes:
  - {name: disk-1, accessMode: ReadWriteOnce}
  timeline:
  - {at: 0s, publish: {volume: disk-1, node: node-1}}
  - {at: 0s, deleteNode: {node: node-1}}
  resolved: {seed: 0x1}
`, string(scenarios.Format(r.Scenario)))
		for _, width := range []int{2, 5} {
			require.Equal(t, r.Scenario, y.minimize(t, s, width, 0).Scenario, "the width changes nothing but the time")
		}
	}
}

// It never slips to another invariant, which a smaller scenario breaks.
func TestMinimize_KeepsTheInvariant(t *testing.T) {
	faulty := func(s *scenarios.Scenario) bool {
		return after(s) && slices.ContainsFunc(s.Spec.Faults, func(f scenarios.Fault) bool { return f.Effect == "error" })
	}
	for _, s := range stories(t, faulty) {
		y := &system{broken: func(s *scenarios.Scenario) string {
			if faulty(s) {
				return "S3"
			}
			return "L6"
		}}
		r := y.minimize(t, s, 2, 0)
		require.Len(t, r.Scenario.Spec.Timeline, 2)
		require.Len(t, r.Scenario.Spec.Faults, 1)
		require.Equal(t, "S3", r.Trial.Run.First().Invariant)
	}
}

// A finding that needs two turns out of order ends with these two.
func TestMinimize_Turns(t *testing.T) {
	needed := []scenarios.Turn{{Take: "b", Before: "a"}, {Take: "d", Before: "c"}}
	y := &system{turns: []scenarios.Turn{{Take: "x", Before: "y"}, needed[0], {Take: "y", Before: "z"}, {Take: "p", Before: "q"}, needed[1]}}
	y.broken = func(s *scenarios.Scenario) string {
		drawn := s.Spec.Resolved.Strategy == "random"
		if drawn || slices.Contains(s.Spec.Turns, needed[0]) && slices.Contains(s.Spec.Turns, needed[1]) {
			return "S3"
		}
		return ""
	}
	r := y.minimize(t, story(t, 1), 1, 0)
	require.Empty(t, r.Scenario.Spec.Resolved.Strategy)
	require.Equal(t, needed, r.Scenario.Spec.Turns)
	require.Empty(t, r.Scenario.Spec.Timeline)
}

// What the turns do not tell keeps its seed and its strategy.
func TestMinimize_KeepsADrawnOrder(t *testing.T) {
	y := &system{broken: func(s *scenarios.Scenario) string {
		if s.Spec.Resolved.Strategy == "random" && s.Spec.Resolved.Seed == 3 {
			return "S3"
		}
		return ""
	}}
	require.Equal(t, &scenarios.Resolved{Seed: 3, Strategy: "random"}, y.minimize(t, story(t, 3), 1, 0).Scenario.Spec.Resolved)
}

func TestMinimize_Budget(t *testing.T) {
	y := &system{broken: func(s *scenarios.Scenario) string {
		if after(s) {
			return "S3"
		}
		return ""
	}}
	s := stories(t, after)[0]
	r := y.minimize(t, s, 1, 5)
	require.True(t, r.Spent)
	require.Equal(t, 5, r.Runs)
	require.True(t, after(r.Scenario), "what it ends with breaks the invariant")
}

func TestMinimize_Held(t *testing.T) {
	y := &system{broken: func(*scenarios.Scenario) string { return "" }}
	_, err := shrink.Minimize(context.Background(), shrink.Config{Run: y.run, Breaks: "S3"}, story(t, 1))
	require.ErrorIs(t, err, shrink.ErrHeld)
}

func TestMinimize_Interrupted(t *testing.T) {
	y := &system{broken: func(*scenarios.Scenario) string { return "S3" }}
	runs := 0
	r, err := shrink.Minimize(context.Background(), shrink.Config{Breaks: "S3", Run: func(ctx context.Context, c []*scenarios.Scenario) ([]shrink.Trial, error) {
		if runs++; runs > 3 {
			return nil, context.Canceled
		}
		return y.run(ctx, c)
	}}, story(t, 1))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 3, r.Runs)
	require.Equal(t, report.Violated, r.Trial.Run.Outcome)
}
