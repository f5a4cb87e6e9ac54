package report

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
)

// scene is a state that no mark is about: states are told apart, and that is all.
func scene(n int) model.Scene { return model.Scene(n) << 50 }

// grown is a summary of runs, each of which brings as many new states as it is told.
func grown(runs int, brings func(run int) int) *Summary {
	var s Summary
	seen := 0
	for i := range runs {
		r := Run{Scenario: "chaos", Seed: uint64(i), Outcome: Held, Scenes: []model.Scene{scene(1)}}
		for range brings(i) {
			seen++
			r.Scenes = append(r.Scenes, scene(1+seen))
		}
		s.Add(r)
	}
	return &s
}

func TestGrowthSaysWhenMoreSeedsHardlyPay(t *testing.T) {
	for name, c := range map[string]struct {
		runs   int
		brings func(run int) int
		want   growth
	}{
		"each run brings one":     {200, func(int) int { return 1 }, growth{Seen: 201, New: 20, LastRuns: 20}},
		"only the first ones did": {200, func(run int) int { return max(0, 9-run) }, growth{Seen: 46, New: 0, LastRuns: 20, HardlyPays: true}},
		"just on the line":        {200, func(run int) int { return max(0, run-197) }, growth{Seen: 4, New: 3, LastRuns: 20}},
		"just below it":           {200, func(run int) int { return max(0, run-198) }, growth{Seen: 2, New: 1, LastRuns: 20, HardlyPays: true}},
		"too few to say":          {99, func(int) int { return 0 }, growth{Seen: 1, LastRuns: 9}},
	} {
		require.Equal(t, c.want, grown(c.runs, c.brings).States.Growth(), name)
	}
}

func TestStatesInTheTable(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Table(&b, grown(200, func(int) int { return 1 }), false))
	require.Contains(t, b.String(), "\ndistinct   201       the last 20 runs brought 1 new ones each: more seeds pay (the line is at 0.1)\n")
	require.Regexp(t, `\nmarks +0 of \d+ +never: grace-stop-pending `, b.String())
	b.Reset()
	require.NoError(t, Table(&b, grown(99, func(int) int { return 1 }), false))
	require.NotContains(t, b.String(), "pay")
}

func TestMarksAreCountedByRun(t *testing.T) {
	first := model.Marks()[0]
	in := slices.IndexFunc(allScenes(), first.In)
	var s Summary
	s.Add(Run{Seed: 4, Scenes: []model.Scene{scene(1)}})
	for _, seed := range []uint64{5, 6} {
		s.Add(Run{Seed: seed, Scenes: []model.Scene{allScenes()[in], scene(1)}})
	}
	seed := uint64(5)
	d := NewDocument(&s, nil)
	require.Equal(t, Mark{Name: first.Name, Runs: 2, Seed: &seed}, d.Marks[0])
	require.NotContains(t, s.States.Unreached(), first.Name)
	var b bytes.Buffer
	require.NoError(t, Marks(&b, &s))
	require.Regexp(t, `\n`+first.Name+` +2 +0x5\n`, b.String())
}

// allScenes are those of two flags each.
func allScenes() (all []model.Scene) {
	for i := range 63 {
		for j := range i {
			all = append(all, 1<<i|1<<j)
		}
	}
	return all
}
