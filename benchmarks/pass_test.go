package benchmarks_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/benchmarks/load"
)

// to is every power of ten from 100 up to a size.
func to(largest int) (all []int) {
	for n := 100; n <= largest; n *= 10 {
		all = append(all, n)
	}
	return all
}

// loaded runs a benchmark on loads of many sizes.
func loaded(b *testing.B, largest int, stale float64, run func(b *testing.B, l *load.Load)) {
	for _, n := range to(largest) {
		b.Run(fmt.Sprintf("attachments=%d", n), func(b *testing.B) {
			l, err := load.New(load.Shape{Attachments: n, Stale: stale})
			require.NoError(b, err)
			defer l.Close()
			l.Calls()
			b.ReportAllocs()
			run(b, l)
		})
	}
}

// passing runs a benchmark of an operation that leaves the load as it was.
func passing(b *testing.B, do func(*load.Load)) {
	loaded(b, 1_000_000, 0, func(b *testing.B, l *load.Load) {
		for b.Loop() {
			do(l)
		}
		b.ReportMetric(float64(l.Calls())/float64(b.N), "calls/op")
	})
}

// BenchmarkPass is a whole pass in which nothing has changed.
func BenchmarkPass(b *testing.B) { passing(b, (*load.Load).Pass) }

// BenchmarkEvent is a node event that concerns no attachment, and the pass that it begins.
func BenchmarkEvent(b *testing.B) { passing(b, (*load.Load).Event) }

// BenchmarkClear is the pass in which the grace periods end of what is stale.
func BenchmarkClear(b *testing.B) {
	for _, stale := range []float64{0.001, 0.01, 0.1, 1} {
		b.Run(fmt.Sprintf("stale=%g", stale), func(b *testing.B) {
			loaded(b, 100_000, stale, func(b *testing.B, l *load.Load) {
				calls := 0
				for b.Loop() {
					l.Calls()
					l.Clear()
					b.StopTimer()
					calls += l.Calls()
					require.NoError(b, l.Restore())
					b.StartTimer()
				}
				b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
				b.ReportMetric(float64(l.Stale()), "cleared/op")
			})
		})
	}
}

// BenchmarkLoseNode is what a deleted node with ten attachments costs: the pass that finds it missing, and the one that clears.
func BenchmarkLoseNode(b *testing.B) {
	loaded(b, 1_000_000, 0, func(b *testing.B, l *load.Load) {
		calls := 0
		for b.Loop() {
			l.Calls()
			l.Lose(0)
			b.StopTimer()
			calls += l.Calls()
			require.NoError(b, l.Regain(0))
			b.StartTimer()
		}
		b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
	})
}
