package load_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-sim/holdfast/benchmarks/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLoad(t *testing.T, s load.Shape) *load.Load {
	l, err := load.New(s)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

func TestNothingStaleNothingAsked(t *testing.T) {
	l := newLoad(t, load.Shape{Attachments: 1000})
	l.Calls()
	l.Pass()
	l.Pass()
	l.Event()
	l.Event()
	require.Zero(t, l.Calls())
	require.Equal(t, 1000, l.Held())
}

func TestWhatIsStaleIsCleared(t *testing.T) {
	l := newLoad(t, load.Shape{Attachments: 1000, Stale: 0.1})
	for range 3 {
		l.Calls()
		l.Clear()
		require.Equal(t, 900, l.Held())
		require.Equal(t, 10, l.Calls(), "one live read of each node")
		require.NoError(t, l.Restore())
	}
	require.Equal(t, 1000, l.Held())
}

func TestAllStale(t *testing.T) {
	l := newLoad(t, load.Shape{Attachments: 50, Stale: 1})
	l.Clear()
	require.Zero(t, l.Held())
}

func TestANodeIsLostAndRegained(t *testing.T) {
	l := newLoad(t, load.Shape{Attachments: 1000})
	for i := range 5 {
		l.Calls()
		l.Lose(i)
		require.Equal(t, 990, l.Held())
		require.Equal(t, 2, l.Calls(), "a live read in each of two passes")
		require.NoError(t, l.Regain(i))
		require.Equal(t, 1000, l.Held())
	}
}

func TestOneNode(t *testing.T) {
	l := newLoad(t, load.Shape{Attachments: 3, Stale: 0.001})
	l.Clear()
	require.Zero(t, l.Held())
}

func TestNoSuchLoad(t *testing.T) {
	for _, s := range []load.Shape{{}, {Attachments: 1, Stale: 2}, {Attachments: 1, Stale: -1}} {
		_, err := load.New(s)
		require.Error(t, err)
	}
}
