package envelope_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/envelope"
)

func TestAxes(t *testing.T) {
	s, err := scenarios.Lookup("node-deleted")
	require.NoError(t, err)
	was := string(scenarios.Format(s))
	seen := map[string]bool{}
	for _, a := range envelope.Axes() {
		require.True(t, slices.IsSorted(a.Values), a.Name)
		for _, v := range a.Values {
			c := a.At(s, v)
			require.NoError(t, c.Validate(), "%s %v", a.Name, v)
			seen[string(scenarios.Format(c))] = true
		}
	}
	require.Equal(t, was, string(scenarios.Format(s)), "the scenario itself is left alone")
	require.Greater(t, len(seen), 24, "each value makes another scenario")
}

func TestHalve(t *testing.T) {
	for _, c := range []struct{ a, b, want time.Duration }{
		{0, time.Second, 500 * time.Millisecond},
		{10 * time.Second, 5 * time.Second, 7500 * time.Millisecond},
	} {
		got, ok := envelope.Halve(c.a, c.b)
		require.True(t, ok)
		require.Equal(t, c.want, got)
	}
	for _, c := range []struct{ a, b time.Duration }{{10 * time.Second, 9100 * time.Millisecond}, {0, time.Millisecond}, {time.Second, time.Second}} {
		_, ok := envelope.Halve(c.a, c.b)
		require.False(t, ok, "%v and %v", c.a, c.b)
	}
}
