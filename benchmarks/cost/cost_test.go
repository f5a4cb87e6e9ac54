package cost_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryRowHasEveryRound(t *testing.T) {
	last := 0
	p := cost.Plan{Sizes: []int{50, 200}, Stale: []float64{0.1, 1}, Rounds: 3, Least: time.Microsecond, Each: func(done, of int) {
		last++
		require.Equal(t, last, done)
		require.Equal(t, 3*2*9, of)
	}}
	rows, err := p.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, 3*2*9, last)
	require.Len(t, rows, 2*(4*3+4*5))
	for _, r := range rows {
		require.Len(t, r.Values, 3, r)
		if r.Unit == cost.UnitCalls && r.Name == cost.Pass {
			require.Equal(t, []float64{0, 0, 0}, r.Values)
		}
		if r.Unit == cost.UnitCalls && r.Name == cost.Clear+"/stale=0.1" {
			nodes := float64(r.Size) / 10
			require.Equal(t, nodes/10+over(nodes/10), r.Values[0], r)
		}
	}
	_, err = study.Grow(of(rows, cost.Pass, cost.UnitTime))
	require.NoError(t, err)
}

// over is what a tenth of few nodes is rounded up by.
func over(nodes float64) float64 {
	if nodes < 1 {
		return 1 - nodes
	}
	return 0
}

func of(rows []study.Row, name, unit string) (some []study.Row) {
	for _, r := range rows {
		if r.Name == name && r.Unit == unit {
			some = append(some, r)
		}
	}
	return some
}

func TestItEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p := cost.Plan{Sizes: []int{10}, Rounds: 1000, Least: time.Microsecond, Each: func(int, int) { cancel() }}
	_, err := p.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	_, err = p.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestWhatCannotBe(t *testing.T) {
	_, err := cost.Plan{Sizes: []int{0}, Rounds: 1}.Run(context.Background())
	require.Error(t, err)
	_, err = cost.Plan{Sizes: []int{1}, Stale: []float64{2}, Rounds: 1}.Run(context.Background())
	require.Error(t, err)
}
