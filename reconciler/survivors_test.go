package reconciler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/reconciler"
)

// The tests of this file are those that mutants of the package asked for: each fails for one that all others let live.

// A pass is as long as it takes, however long the process has run; one that takes just the interval does not outlast it.
func TestPass_Duration(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"}, func(c *reconciler.Config) { c.Interval = 5 * time.Second })
		var slow atomic.Bool
		w.nodes.hook = func(_ context.Context, verb, _ string) error {
			if verb == "get" && slow.Swap(false) {
				time.Sleep(5 * time.Second)
			}
			return nil
		}
		w.start()
		defer w.Stop()
		w.after(time.Minute)
		require.Zero(t, w.metric("holdfast_reconcile_overruns_total"), "the process is older than the interval, its passes are not")
		slow.Store(true)
		w.attach("v", "a")
		w.after(20 * time.Second)
		require.False(t, slow.Load())
		require.Zero(t, w.metric("holdfast_reconcile_overruns_total"))
	})
}

// That a node lives does not hide the earlier node of its name, which is behind it in the list.
func TestPass_LiveNodeBeforeItsPredecessor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.attach("v", "a")
		w.attachUID("w", "a", "an-earlier-uid")
		w.start()
		defer w.Stop()
		w.after(grace)
		require.Equal(t, []string{"a"}, w.holders("v"))
		require.Empty(t, w.holders("w"))
	})
}

// A migration's deadline wakes the loop at its time, however old the process is.
func TestPass_MigrationDeadlineOfAnOldProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b"}, func(c *reconciler.Config) { c.Interval = time.Hour })
		w.after(10 * time.Minute)
		w.attach("v", "a")
		require.NoError(t, w.manager.AddSecondaryAttachment(context.Background(), "v", "b", time.Minute))
		w.start()
		defer w.Stop()
		w.after(time.Minute - 1)
		_, waits := w.manager.NextDeadline()
		require.True(t, waits)
		w.after(1)
		_, waits = w.manager.NextDeadline()
		require.False(t, waits, "acted on at its time")
	})
}
