package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfidence(t *testing.T) {
	var s Summary
	s.Add(Run{Outcome: Held, Bound: &Bound{Probability: 0.5, Actors: 2, Horizon: 1, Depth: 3}})
	s.Add(Run{Outcome: Held, Bound: &Bound{Probability: 0.25, Actors: 4, Horizon: 1, Depth: 3}})
	s.Add(Run{Outcome: Held, Bound: &Bound{Actors: 9, Horizon: 1, Depth: 3}}) // too long for the theory
	s.Add(Run{Outcome: Held})
	c := s.Confidence
	require.Equal(t, []int{3, 2, 9}, []int{c.Runs, c.Covered, c.Actors})
	require.Equal(t, []float64{0.25, 0.5}, []float64{c.Least, c.Most})
	require.InDelta(t, 1-0.5*0.75, c.Probability, 1e-12)
	var b bytes.Buffer
	confidence(&b, &s)
	require.Contains(t, b.String(), "0.25 a run and 0.62 in all: 1/(n k^(d-1)) with n <= 9 actors, k = 1 steps, d = 3, over the 2 of 3 runs that are no longer.")
	b.Reset()
	confidence(&b, &Summary{})
	require.Empty(t, b.String())
}
