package report

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
)

func rowOf(t *testing.T, g faultGrid, site string) gridRow {
	t.Helper()
	i := slices.IndexFunc(g.Sites, func(r gridRow) bool { return r.Site == site })
	require.GreaterOrEqual(t, i, 0, site)
	return g.Sites[i]
}

func TestGrid(t *testing.T) {
	g := newGrid(model.Reach{
		"run get nodes": 7, "run get nodes/error": 2, "run get nodes/staleRead": 1,
		"publish grant backend": 3, "process/crash": 1, "watch of nodes/lag": 4,
	})
	read := rowOf(t, g, "run get nodes")
	require.Equal(t, 7, read.Calls)
	require.Equal(t, map[string]int{"error": 2, "staleRead": 1}, read.Reached)
	require.NotContains(t, read.Missing, "conflict", "a read meets none")
	require.NotContains(t, read.Missing, "error")
	require.Contains(t, read.Missing, "crashAfter")

	grant := rowOf(t, g, "publish grant backend")
	require.Empty(t, grant.Reached)
	require.NotContains(t, grant.Missing, "throttled", "a backend does not throttle")
	require.Equal(t, []string{"coalesced", "disconnect", "replay"}, rowOf(t, g, "watch of nodes").Missing)
	require.Len(t, rowOf(t, g, "process").Missing, 6)

	reached, possible := 0, 0
	for _, r := range g.Sites {
		reached += len(r.Reached)
		possible += len(r.Reached) + len(r.Missing)
	}
	require.Equal(t, []int{reached, possible}, []int{g.Reached, g.Possible})
	require.Equal(t, 4, g.Reached)
}

func TestGrid_Text(t *testing.T) {
	var s Summary
	s.Add(Run{Outcome: Held, Reach: model.Reach{"run get nodes": 1, "run get nodes/error": 1}})
	s.Add(Run{Outcome: Held, Reach: model.Reach{"run get nodes": 1, "run get nodes/hang": 1}})
	var short, whole bytes.Buffer
	grid(&short, &s, false)
	grid(&whole, &s, true)
	require.Contains(t, short.String(), "FAULT GRID: 2 of ")
	require.NotContains(t, short.String(), "not simulated")
	require.Contains(t, whole.String(), "not simulated: the election itself")
	require.Regexp(t, `run get nodes +2 of 12 +never: unreachable throttled timeout `, whole.String())
}
