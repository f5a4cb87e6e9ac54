package study_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/benchmarks/study"
)

// powers are rows that grow with an exponent, with noise that is shared by a round and noise of each value.
func powers(exponent, noise float64, rounds int, sizes ...int) []study.Row {
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]study.Row, len(sizes))
	for i, size := range sizes {
		rows[i] = study.Row{Name: "Pass", Size: size, Unit: "ns/op"}
	}
	for range rounds {
		slow := math.Exp(noise * random.NormFloat64())
		for i, size := range sizes {
			rows[i].Values = append(rows[i].Values, 40*math.Pow(float64(size), exponent)*slow*math.Exp(noise*random.NormFloat64()))
		}
	}
	return rows
}

func TestGrowthIsFound(t *testing.T) {
	for _, exponent := range []float64{0, 0.5, 1, 1.5, 2} {
		g, err := study.Grow(powers(exponent, 0.05, 10, 100, 1_000, 10_000, 100_000))
		require.NoError(t, err)
		require.InDelta(t, exponent, g.Exponent.Center, 0.03)
		require.LessOrEqual(t, g.Exponent.Low, g.Exponent.Center)
		require.Less(t, g.Exponent.High-g.Exponent.Low, 0.05)
		require.Zero(t, g.Knee)
		p := g.Predict(10 * g.Largest())
		require.InEpsilon(t, 40*math.Pow(1e6, exponent), p.Center, 0.3)
		require.Less(t, p.Low, p.Center)
	}
}

// In 95 of 100 studies the exponent lies in its interval.
func TestTheIntervalCoversAsOftenAsItSays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	covered, studies := 0, 400
	for range studies {
		rows := make([]study.Row, 4)
		for i := range rows {
			rows[i].Size = int(math.Pow10(i + 2))
			for range 10 {
				rows[i].Values = append(rows[i].Values, float64(rows[i].Size)*math.Exp(0.2*random.NormFloat64()))
			}
		}
		g, err := study.Grow(rows)
		require.NoError(t, err)
		if g.Exponent.Low <= 1 && 1 <= g.Exponent.High {
			covered++
		}
	}
	require.InDelta(t, 0.95, float64(covered)/float64(studies), 0.03)
}

func TestKnee(t *testing.T) {
	rows := powers(1, 0.03, 10, 100, 1_000, 10_000, 100_000)
	for i := range rows[3].Values {
		rows[3].Values[i] *= 4 // out of the cache
	}
	g, err := study.Grow(rows)
	require.NoError(t, err)
	require.Equal(t, 10_000, g.Knee)
}

func TestZerosDoNotGrow(t *testing.T) {
	rows := []study.Row{{Size: 10, Values: make([]float64, 6)}, {Size: 100, Values: make([]float64, 6)}}
	g, err := study.Grow(rows)
	require.NoError(t, err)
	require.Zero(t, g.Exponent)
	require.Zero(t, g.Predict(1000))
	rows[1].Values[3] = 1
	_, err = study.Grow(rows)
	require.ErrorContains(t, err, "zero")
}

func TestGrowthNeedsSizesAndRounds(t *testing.T) {
	_, err := study.Grow(powers(1, 0, 6, 100))
	require.ErrorContains(t, err, "from 1 sizes")
	_, err = study.Grow(powers(1, 0, 1, 100, 1000))
	require.ErrorContains(t, err, "rounds")
	rows := powers(1, 0, 6, 100, 1000)
	rows[1].Values = rows[1].Values[1:]
	_, err = study.Grow(rows)
	require.ErrorContains(t, err, "6 rounds at size 100 and 5 at size 1000")
}

func TestSummaryIsTheMedian(t *testing.T) {
	s := study.Summarize(study.Row{Values: []float64{9, 1, 8, 2, 7, 3, 6, 4, 5, 1000}})
	require.Equal(t, 5.5, s.Center)
	require.Less(t, s.High, 1000.0, "one outlier says nothing")
	require.Empty(t, s.Warnings)
	require.NotEmpty(t, study.Summarize(study.Row{Values: []float64{1, 2, 3}}).Warnings)
}

func TestCompare(t *testing.T) {
	old := powers(1, 0.02, 10, 100, 1000, 10_000)
	same := study.Compare(old, powers(1, 0.02, 10, 100, 1000, 10_000), 0.05, 0.1)
	for _, c := range same {
		require.False(t, c.Worse)
	}
	slow := powers(1, 0.02, 10, 100, 1000)
	for i := range slow[1].Values {
		slow[1].Values[i] *= 1.5
	}
	changes := study.Compare(old, append(slow, study.Row{Name: "New", Size: 1, Unit: "x", Values: []float64{1}}), 0.05, 0.1)
	require.Len(t, changes, 4)
	require.False(t, changes[0].Worse)
	require.True(t, changes[1].Worse)
	require.InDelta(t, 1.5, changes[1].Ratio(), 0.05)
	require.True(t, changes[2].Fresh)
	require.True(t, changes[3].Missing)
	require.False(t, study.Compare(old, slow, 0.05, 0.6)[1].Worse, "below the threshold")
	require.Equal(t, 1.0, study.Change{}.Ratio())
}

// Of many rows in which nothing has changed, none is called worse in nineteen of twenty studies.
func TestManyRowsMakeNoFalseAlarm(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	alarms, studies := 0, 100
	for range studies {
		var old, fresh []study.Row
		for i := range 30 {
			a, b := study.Row{Size: i, Unit: "ns/op"}, study.Row{Size: i, Unit: "ns/op"}
			for range 10 {
				a.Values, b.Values = append(a.Values, random.Float64()), append(b.Values, random.Float64())
			}
			old, fresh = append(old, a), append(fresh, b)
		}
		for _, c := range study.Compare(old, fresh, 0.05, 0) {
			if c.Worse {
				alarms++
				break
			}
		}
	}
	require.LessOrEqual(t, alarms, 10)
}

func TestRatio(t *testing.T) {
	rows := []study.Row{{Name: "Pass", Size: 10, Values: []float64{4, 9}}}
	got, err := study.Ratio("Pass over control", rows, []study.Row{{Size: 10, Values: []float64{2, 3}}})
	require.NoError(t, err)
	require.Equal(t, []study.Row{{Name: "Pass over control", Size: 10, Unit: "ratio", Values: []float64{2, 3}}}, got)
	_, err = study.Ratio("x", rows, nil)
	require.Error(t, err)
}
