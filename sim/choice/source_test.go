package choice_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/sim/choice"
)

func draw(s choice.Source, label string, n, count int) []int {
	out := make([]int, count)
	for i := range out {
		out[i] = s.Choose(label, n)
	}
	return out
}

func TestSameSeedSameAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, label := rapid.Uint64().Draw(t, "seed"), rapid.String().Draw(t, "label")
		require.Equal(t, draw(choice.Seeded(seed), label, 1000, 20), draw(choice.Seeded(seed), label, 1000, 20))
	})
}

// A new consumer under another label shifts nobody's answers.
func TestLabelsAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		disturbed := choice.Seeded(seed)
		var got []int
		for range 20 {
			disturbed.Choose("other", 7)
			got = append(got, disturbed.Choose("mine", 1000))
		}
		require.Equal(t, draw(choice.Seeded(seed), "mine", 1000, 20), got)
	})
}

func TestAnswersCoverTheRangeEvenly(t *testing.T) {
	const n, draws = 10, 20_000
	for _, seed := range []uint64{0, 1, 2, 1 << 63} {
		counts := make([]int, n)
		s := choice.Seeded(seed)
		for range draws {
			counts[s.Choose("die", n)]++
		}
		for face, c := range counts {
			require.InDelta(t, draws/n, c, 200, "seed %d face %d", seed, face)
		}
	}
}

func TestSeedsAndLabelsDiffer(t *testing.T) {
	const n = 1 << 30
	require.NotEqual(t, draw(choice.Seeded(1), "a", n, 4), draw(choice.Seeded(2), "a", n, 4))
	require.NotEqual(t, draw(choice.Seeded(1), "a", n, 4), draw(choice.Seeded(1), "b", n, 4))
}

func TestOneOrNone(t *testing.T) {
	require.Zero(t, choice.Seeded(9).Choose("only", 1))
	require.PanicsWithValue(t, "choice: none: nothing to choose from", func() { choice.Seeded(9).Choose("none", 0) })
}
