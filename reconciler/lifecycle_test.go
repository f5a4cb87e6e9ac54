package reconciler_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/reconciler"
)

// works proves that the reconciler is fully alive: deletions, ticks and triggers lead to passes.
func (w *world) works() {
	before := w.metric("holdfast_reconcile_passes_total")
	w.after(w.GetInterval())
	require.Equal(w.t, before+1, w.metric("holdfast_reconcile_passes_total"), "the tick")
	w.pass()
}

func TestStart_Twice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.start()
		defer w.Stop()
		require.ErrorIs(t, w.Start(context.Background()), reconciler.ErrRunning)
		w.works()
	})
}

func TestStart_EndedContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, w.Start(ctx), context.Canceled)
		w.start()
		w.works()
		w.Stop()
	})
}

func TestStart_AfterStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for range 3 {
			w.start()
			w.works()
			w.Stop()
		}
	})
}

func TestStart_AfterContextEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		require.NoError(t, w.Start(ctx))
		synctest.Wait()
		cancel()
		require.NoError(t, w.Start(context.Background()), "at once, while the first loop is still on its way out")
		synctest.Wait()
		w.works()
		w.Stop()
	})
}

// slowContext is one whose end reaches the contexts derived from it a little later, as with any context that is not of the
// standard library.
type slowContext struct {
	context.Context
	done chan struct{}
	mu   sync.Mutex
	err  error
}

func (c *slowContext) Done() <-chan struct{} { return c.done }

func (c *slowContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *slowContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = context.Canceled
	close(c.done)
}

func TestStart_AfterEndOfForeignContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx := &slowContext{Context: context.Background(), done: make(chan struct{})}
		require.NoError(t, w.Start(ctx))
		ctx.end()
		require.NoError(t, w.Start(context.Background()))
		synctest.Wait()
		w.works()
		w.Stop()
	})
}

func TestStop_BeforeTheLoopWasScheduled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for range 100 {
			require.NoError(t, w.Start(context.Background()))
			w.Stop()
		}
		w.start()
		w.works()
		w.Stop()
	})
}

func TestStop_WithoutStart(t *testing.T) {
	newWorld(t, nil).Stop()
}

func TestStop_FromSeveralGoroutines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.start()
		var stopping sync.WaitGroup
		for range 8 {
			stopping.Go(w.Stop)
		}
		stopping.Wait()
		w.start()
		w.works()
		w.Stop()
	})
}

func TestStop_DuringHungCall(t *testing.T) {
	for _, verb := range []string{"get", "list", "relist"} {
		t.Run(verb, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, []string{"z"})
				calls := 0
				w.nodes.hook = func(ctx context.Context, v, _ string) error {
					if v == verb {
						calls++
						return hang(ctx)
					}
					return nil
				}
				for _, n := range []string{"a", "b", "c", "d"} { // all missing; after grace, enough for the guard to list
					w.attach("v-"+n, n)
				}
				w.start()
				if verb == "list" {
					w.after(grace)
				}
				require.Equal(t, 1, calls, "the call hangs")
				began := time.Now()
				w.Stop()
				require.Zero(t, time.Since(began))
				require.Len(t, w.manager.ListAttachments(), 4)
				w.after(time.Hour)
				require.Equal(t, 1, calls, "nothing happens after Stop")
			})
		})
	}
}

// A pass looks at Stop between nodes and between volumes: none is asked about, or cleared, after it.
func TestStop_BetweenVolumes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.nodes.hook = func(ctx context.Context, verb, name string) error {
			if verb == "get" && name == "b" {
				go w.Stop()
				return hang(ctx)
			}
			return nil
		}
		for _, n := range []string{"a", "b", "c"} {
			w.attach("v-"+n, n)
		}
		w.start()
		require.Equal(t, 1, w.calls("get"), "b's read found its context ended, and c's was not made")
		require.Zero(t, w.metric("holdfast_fail_open_total"), "a stopped pass doubts nothing")
	})
}

func TestStop_BetweenClears(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, f := newFencedWorld(t, "z")
		f.fails = func(string) error { go w.Stop(); synctest.Wait(); return nil }
		w.attach("v1", "a")
		w.attach("v2", "a")
		w.start()
		time.Sleep(grace + 1)
		w.Stop()
		require.Len(t, f.calls(), 1)
		require.Equal(t, []string{"a"}, w.holders("v2"))
	})
}

// A burst of deletions is one pass, which begins when the burst has settled.
func TestTrigger_Settles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b", "c"}, func(c *reconciler.Config) { c.SettleTime = time.Second })
		w.start()
		defer w.Stop()
		w.after(time.Second)
		before := w.metric("holdfast_reconcile_passes_total")
		for _, n := range []string{"a", "b", "c"} {
			w.delete(n)
			w.after(300 * time.Millisecond)
		}
		w.after(100*time.Millisecond - 1)
		require.Equal(t, before, w.metric("holdfast_reconcile_passes_total"))
		w.after(1)
		require.Equal(t, before+1, w.metric("holdfast_reconcile_passes_total"))
		w.after(time.Minute)
		require.Equal(t, before+1, w.metric("holdfast_reconcile_passes_total"), "one pass for all three")
	})
}

// A run that ends while a trigger settles begins no pass.
func TestStop_WhileATriggerSettles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil, func(c *reconciler.Config) { c.SettleTime = time.Second })
		w.start()
		w.after(2 * time.Second)
		before := w.metric("holdfast_reconcile_passes_begun_total")
		w.Trigger()
		w.after(time.Second / 2)
		w.Stop()
		w.after(time.Minute)
		require.Equal(t, before, w.metric("holdfast_reconcile_passes_begun_total"))
	})
}

// Stop waits for the informer too.
func TestStop_EndsTheWatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		stream := watch.NewFake()
		w.client.PrependWatchReactor("nodes", clienttesting.DefaultWatchReactor(stream, nil))
		w.start()
		require.False(t, stream.IsStopped())
		w.Stop()
		require.True(t, stream.IsStopped())
	})
}

// There is one loop at most: the next one waits for the last call of the one before.
func TestStart_OneLoopAtMost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.attach("v", "a")
		calls, most := 0, 0
		w.nodes.hook = func(ctx context.Context, verb, _ string) error {
			if verb != "get" {
				return nil
			}
			calls++
			most = max(most, calls)
			err := hang(ctx)
			time.Sleep(time.Second) // it takes its time to end
			calls--
			return err
		}
		for range 3 {
			ctx, cancel := context.WithCancel(context.Background())
			require.NoError(t, w.Start(ctx))
			w.after(100 * time.Millisecond)
			cancel()
		}
		w.Stop()
		require.Zero(t, calls)
		require.Equal(t, 1, most)
	})
}

func TestTrigger_BeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.Trigger()
		w.start()
		require.Equal(t, 1.0, w.metric("holdfast_reconcile_passes_begun_total"))
		w.Stop()
		w.Trigger()
		w.start()
		require.Equal(t, 2.0, w.metric("holdfast_reconcile_passes_begun_total"))
		w.Stop()
	})
}

func TestTrigger_Coalesces(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.attach("v", "a")
		w.nodes.hook = func(_ context.Context, verb, _ string) error {
			if verb == "get" {
				time.Sleep(time.Second)
			}
			return nil
		}
		require.NoError(t, w.Start(context.Background()))
		w.after(100 * time.Millisecond) // in the middle of the first pass
		for range 50 {
			w.Trigger()
		}
		w.after(5 * time.Second)
		require.Equal(t, 2.0, w.metric("holdfast_reconcile_passes_begun_total"), "one pass after the triggers, and no more")
		w.Stop()
	})
}

func TestPass_Overrun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"}, func(c *reconciler.Config) { c.Interval = 5 * time.Second })
		w.attach("v", "a")
		var slow atomic.Bool
		slow.Store(true)
		w.nodes.hook = func(_ context.Context, verb, _ string) error {
			if verb == "get" && slow.Load() {
				time.Sleep(6 * time.Second)
			}
			return nil
		}
		require.NoError(t, w.Start(context.Background()))
		w.after(6 * time.Second)
		slow.Store(false)
		require.Equal(t, 1.0, w.metric("holdfast_reconcile_overruns_total"))
		require.Equal(t, 2.0, w.metric("holdfast_reconcile_passes_begun_total"), "the next one does not wait")
		w.Stop()
		require.Equal(t, 2.0, w.metric("holdfast_reconcile_duration_seconds"), "each pass is measured")
	})
}

// Whatever is called in whatever order, there is one loop at most, and it works if the last word was Start.
func TestLifecycle_Law(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"start", "stop", "cancel", "trigger", "settle"}), 1, 20).Draw(rt, "steps")
		rapid.SyncTest(rt, func(rt *rapid.T) {
			w := newWorld(rt, []string{"z"})
			running, cancel := false, func() {}
			for _, s := range steps {
				switch s {
				case "start":
					var ctx context.Context
					ctx, stop := context.WithCancel(context.Background())
					err := w.Start(ctx)
					require.Equal(rt, running, err != nil)
					if err == nil {
						running, cancel = true, stop
					} else {
						stop()
					}
				case "stop":
					w.Stop()
					running = false
				case "cancel":
					cancel()
					running = false
				case "trigger":
					w.Trigger()
				case "settle":
					synctest.Wait()
				}
			}
			synctest.Wait()
			begun := w.metric("holdfast_reconcile_passes_begun_total")
			require.Equal(rt, begun, w.metric("holdfast_reconcile_passes_total"), "what began has ended")
			w.after(w.GetInterval())
			ticks := 0.0
			if running {
				ticks = 1
			}
			require.Equal(rt, begun+ticks, w.metric("holdfast_reconcile_passes_begun_total"))
			w.Stop()
			cancel()
		})
	})
}
