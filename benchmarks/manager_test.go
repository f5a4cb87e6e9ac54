package benchmarks_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/benchmarks/load"
)

// tracked is a Manager in memory with n volumes on n/10 nodes.
func tracked(b *testing.B, n int) *attachment.Manager {
	b.Helper()
	m, err := load.Filled(n)
	require.NoError(b, err)
	return m
}

func sizes(b *testing.B, run func(b *testing.B, n int)) {
	for _, n := range to(10_000) {
		b.Run(fmt.Sprintf("attachments=%d", n), func(b *testing.B) { run(b, n) })
	}
}

// BenchmarkTrackUntrack is one pair of attach and detach beside n others, nothing persisted.
func BenchmarkTrackUntrack(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		m, ctx := tracked(b, n), context.Background()
		b.ReportAllocs()
		for b.Loop() {
			if err := m.TrackAttachment(ctx, "volume", load.Node(1, n)); err != nil {
				b.Fatal(err)
			}
			if err := m.UntrackAttachment(ctx, "volume"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkListAttachments is what a full pass reads.
func BenchmarkListAttachments(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		m := tracked(b, n)
		b.ReportAllocs()
		for b.Loop() {
			if len(m.ListAttachments()) != n {
				b.Fatal("attachments are missing")
			}
		}
	})
}
