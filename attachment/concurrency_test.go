package attachment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Many callers at once, with writes that fail and rebuilds in between: nobody sees two holders of a volume of one writer, and
// in the end memory and record agree. The race detector looks on.
func TestConcurrentCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		volumes := []string{"a", "b", "c"}
		w := newWorld(t, volumes...)
		for i := range 200 {
			w.effects = append(w.effects, []effect{{}, {}, {err: errReset, lost: true}, {err: errReset}, {err: errDenied}}[i%5])
		}
		stop := w.lead(t)
		w.must(w.m.Rebuild(ctx))
		var callers sync.WaitGroup
		for i := range 8 {
			callers.Go(func() {
				random := rand.New(rand.NewPCG(7, uint64(i)))
				for range 60 {
					v, n := volumes[random.IntN(3)], fmt.Sprint("n", random.IntN(3))
					impatient, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(3))*time.Second)
					switch random.IntN(8) {
					case 0, 1, 2:
						_ = w.m.TrackAttachment(impatient, v, n)
					case 3, 4:
						_ = w.m.RemoveNodeAttachment(impatient, v, n)
					case 5:
						_ = w.m.Rebuild(impatient)
						w.m.ExpireMigrations()
					case 6:
						_ = w.m.Repair(impatient)
						w.m.NextDeadline()
					case 7:
						if a, ok := w.m.GetAttachment(v); ok {
							_, _ = w.m.ClearStale(impatient, a.Entries[0].Instance)
						}
						w.m.ClearDetachTimestamp(v)
						w.m.IsWithinGracePeriod(v, time.Second)
						w.m.GetDetachTimestamp(v)
						w.m.Sizes()
						w.m.Version()
						w.m.Orphans()
					}
					cancel()
					for _, a := range w.m.ListAttachments() {
						if len(a.Entries) > 1 {
							t.Errorf("%s has two holders: %v", a.Volume, a.Entries)
						}
					}
				}
			})
		}
		callers.Wait()
		w.effects = nil
		synctest.Wait()
		w.must(w.m.Repair(ctx))
		for _, v := range volumes {
			require.Len(t, w.named("pv-"+v), len(w.holders(v)))
			w.must(w.m.UntrackAttachment(ctx, v))
		}
		w.clock.Step(time.Hour)
		synctest.Wait()
		w.must(w.m.Repair(ctx))
		stop()
		for table, size := range w.m.Sizes() {
			require.Zero(t, size, table)
		}
		require.NotContains(t, w.counts(), "tracked_attachments")
	})
}

// Of two Managers that attach at once, on different nodes, one wins, whatever they knew before.
func TestTwoManagersRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			w := newWorld(t, "v")
			one := w.m
			w.restart()
			two := w.m
			errs := make([]error, 2)
			var both sync.WaitGroup
			for i, m := range []*Manager{one, two} {
				both.Go(func() { errs[i] = m.TrackAttachment(ctx, "v", fmt.Sprint("n", i)) })
			}
			both.Wait()
			winner := 0
			if errs[0] != nil {
				winner = 1
			}
			require.NoError(t, errs[winner])
			require.ErrorIs(t, errs[1-winner], ErrAttachedElsewhere)
			require.Equal(t, []string{fmt.Sprint("n", winner)}, w.named("pv-v"))
		}
	})
}

// A pass leaves a volume alone that somebody is at work on.
func TestRepairLeavesBusyVolumes(t *testing.T) {
	w := newWorld(t, "v")
	w.effects = []effect{{err: errReset}}
	require.Error(t, w.m.TrackAttachment(ctx, "v", "n1"))
	require.True(t, w.m.turns.try("v"))
	w.calls()
	w.must(w.m.Repair(ctx))
	require.Empty(t, w.calls())
	w.m.turns.release("v")
	w.must(w.m.Repair(ctx))
	require.Len(t, w.calls(), 2)
}

var errDenied = apierrors.NewForbidden(pvResource.GroupResource(), "", errors.New("no"))
