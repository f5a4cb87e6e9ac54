package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSeedsOf(t *testing.T) {
	for _, c := range []struct {
		one, span string
		short     bool
		from, to  uint64
		err       string
	}{
		{from: 1, to: 50},
		{short: true, from: 1, to: 10},
		{one: "0x2a", from: 42, to: 42},
		{one: "7", span: "1-3", from: 7, to: 7},
		{span: "3-9", short: true, from: 3, to: 9},
		{span: "0x10", from: 16, to: 16},
		{span: "9-3", err: "ends before it begins"},
		{span: "1-x", err: "invalid syntax"},
		{one: "-1", err: "invalid syntax"},
	} {
		from, to, err := seedsOf(c.one, c.span, c.short)
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []uint64{c.from, c.to}, []uint64{from, to})
	}
}

func TestPattern(t *testing.T) {
	require.Equal(t, "^TestDriver$/^node-deleted$", pattern("TestDriver/node-deleted/seed=0x2a"))
	require.Equal(t, "^TestDriver$", pattern("TestDriver/seed=0x2a"))
}
