package sched_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// strategies make each strategy for a seed.
var strategies = map[string]func(seed uint64) sched.Strategy{
	"random":      func(seed uint64) sched.Strategy { return sched.Random(choice.Seeded(seed)) },
	"pct":         func(seed uint64) sched.Strategy { return sched.NewPCT(choice.Seeded(seed), 3, 40) },
	"pos":         func(seed uint64) sched.Strategy { return sched.POS(choice.Seeded(seed)) },
	"round-robin": func(uint64) sched.Strategy { return sched.RoundRobin() },
	"in-order":    func(uint64) sched.Strategy { return sched.NewInOrder(nil) },
}

func TestEveryStrategyRepeatsItself(t *testing.T) {
	for name, build := range strategies {
		distinct := map[string]bool{}
		for seed := range uint64(50) {
			s := build(seed)
			require.Equal(t, name, s.Name())
			a, b := traceOf(t, seed, s), traceOf(t, seed, build(seed))
			require.Equal(t, trace.Hash(a), trace.Hash(b), "%s, seed %d", name, seed)
			distinct[trace.Hash(a)] = true
		}
		if name != "round-robin" && name != "in-order" {
			require.Greater(t, len(distinct), 40, name)
		}
	}
}

// readAndWriteBack is the textbook's lost update: two actors read a number and write it back, one larger. It needs one change of
// the actor between a read and its write.
func readAndWriteBack(t *testing.T, s sched.Strategy, actors, rounds int) (lost bool) {
	bubble(t, func() {
		w := newWorld(1, s)
		var number atomic.Int64
		var wg sync.WaitGroup
		for i := range actors {
			ctx := sched.WithActor(context.Background(), fmt.Sprintf("actor-%d", i))
			wg.Go(func() {
				for range rounds {
					_, _ = w.call(ctx, "read")
					was := number.Load()
					_, _ = w.call(ctx, "write")
					number.Store(was + 1)
				}
			})
		}
		w.run()
		wg.Wait()
		lost = number.Load() != int64(actors*rounds)
	})
	return lost
}

func TestPCTFindsABugOfItsDepthAsOftenAsItPromises(t *testing.T) {
	const runs = 300
	found, promised := 0, 1.0
	for seed := range uint64(runs) {
		s := sched.NewPCT(choice.Seeded(seed), 2, 20)
		if readAndWriteBack(t, s, 2, 2) {
			found++
		}
		b := s.Bound()
		require.Equal(t, sched.Bound{Probability: b.Probability, Actors: 2, Horizon: 20, Depth: 2}, b)
		promised = min(promised, b.Probability)
	}
	require.InDelta(t, 1.0/(2*20), promised, 1e-9)
	require.GreaterOrEqual(t, float64(found), promised*runs, "of %d runs", runs)
}

func TestPCTOfDepthOneLetsOneActorGoOn(t *testing.T) {
	for seed := range uint64(50) {
		require.False(t, readAndWriteBack(t, sched.NewPCT(choice.Seeded(seed), 1, 100), 3, 3), "no change, no lost update")
	}
}

func TestPCTPromisesNothingBeyondItsHorizon(t *testing.T) {
	s := sched.NewPCT(choice.Seeded(1), 3, 5)
	require.Equal(t, sched.Bound{Horizon: 5, Depth: 3}, s.Bound())
	traceOf(t, 1, s)
	require.Equal(t, sched.Bound{Actors: 4, Horizon: 5, Depth: 3}, s.Bound())
}

func TestRoundRobinLetsActorsTakeTurns(t *testing.T) {
	var order []string
	for _, e := range traceOf(t, 1, sched.RoundRobin()) {
		if e.Kind == trace.Call && e.At < time.Second {
			order = append(order, e.Actor)
		}
	}
	require.Equal(t, []string{"actor-0", "actor-1", "actor-2", "actor-3"}, order)
}

func TestPOSFindsALostUpdate(t *testing.T) {
	found := 0
	for seed := range uint64(50) {
		if readAndWriteBack(t, sched.POS(choice.Seeded(seed)), 2, 2) {
			found++
		}
	}
	require.Greater(t, found, 25)
}
