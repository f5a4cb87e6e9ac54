package reconciler_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/reconciler"
)

var nodeResource = schema.GroupResource{Resource: "nodes"}

// The law of grace: with timely events, an instance is cleared at the very instant at which its node (name and uid) has been
// gone for the grace period, whatever happens to nodes meanwhile, and no other instance ever is.
func TestGrace_Law(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type step struct {
			node int
			wait time.Duration
		}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{rapid.IntRange(0, 2).Draw(rt, "node"), rapid.SampledFrom([]time.Duration{0, 1, grace / 2, grace - 1, grace}).Draw(rt, "wait")}
		}), 1, 12).Draw(rt, "steps")
		rapid.SyncTest(rt, func(rt *rapid.T) {
			names := []string{"a", "b", "c"}
			w := newWorld(rt, append(names, "z"), func(c *reconciler.Config) { c.Interval = 24 * time.Hour; c.GuardMin = 100 })
			lives := map[string]int{}
			goneAt := map[string]time.Time{} // of the first life
			for _, n := range names {
				w.attach("v-"+n, n)
			}
			w.start()
			exists := map[string]bool{"a": true, "b": true, "c": true}
			check := func() {
				for _, n := range names {
					at, gone := goneAt[n]
					cleared := gone && time.Since(at) >= grace
					require.Equal(rt, !cleared, len(w.holders("v-"+n)) == 1, "%s, gone for %v", n, time.Since(at))
				}
			}
			for _, s := range steps {
				n := names[s.node]
				if exists[n] {
					w.delete(n)
					if lives[n]++; lives[n] == 1 {
						goneAt[n] = time.Now()
					}
				} else {
					w.create(n, n+"-"+strconv.Itoa(lives[n]))
				}
				exists[n] = !exists[n]
				w.after(s.wait)
				check()
			}
			w.after(grace)
			check()
			w.Stop()
		})
	})
}

func TestPass_SameNameOtherUID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		w.delete("a")
		w.create("a", "another")
		w.attachUID("w", "a", "another")
		w.after(grace)
		require.Empty(t, w.holders("v"), "the machine that had it is gone")
		require.Equal(t, []string{"a"}, w.holders("w"), "the one of the same name is not")
	})
}

// A relist that missed a deletion and a creation shows them as one update.
func TestPass_UpdateOfUID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		require.NoError(t, w.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("nodes"), node("a", "another"), ""))
		synctest.Wait()
		require.Equal(t, 2.0, w.metric("holdfast_reconcile_passes_total"))
		w.after(grace)
		require.Empty(t, w.holders("v"))
	})
}

// emptyList is a list without nodes, but with a version, so that a watch from there shows later changes only.
func emptyList() *corev1.NodeList {
	return &corev1.NodeList{ListMeta: metav1.ListMeta{ResourceVersion: "1000"}}
}

func TestPass_UnknownUID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.attachUID("v", "a", "")
		w.start()
		defer w.Stop()
		w.delete("a")
		w.after(grace - 1)
		w.create("a", "another") // any node of that name is the one
		w.delete("a")            // before a pass could see it
		w.after(grace - 1)
		require.Equal(t, []string{"a"}, w.holders("v"), "missing for G - 1ns since the last time")
		w.after(1)
		require.Empty(t, w.holders("v"))
	})
}

// What another part of the process has read live counts for a node whose uid is not known, and for no other.
func TestPass_SeenByOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.attachUID("v", "a", "")
		w.attachUID("w", "a", "known")
		w.start()
		defer w.Stop()
		w.after(grace - 1)
		w.Seen("a")
		w.after(1)
		require.Equal(t, []string{"a"}, w.holders("v"))
		require.Empty(t, w.holders("w"), "a deleted uid never comes back")
		w.after(grace)
		require.Empty(t, w.holders("v"))
	})
}

func TestPass_UnknownUIDWhileStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.attachUID("v", "a", "")
		w.attachUID("w", "a", "known")
		w.start()
		w.after(grace - 1)
		w.Stop()
		w.start()
		defer w.Stop()
		w.after(1)
		require.Equal(t, []string{"a"}, w.holders("v"), "it may have been there while nobody watched")
		require.Empty(t, w.holders("w"), "a deleted uid never comes back")
		w.after(grace - 1)
		require.Empty(t, w.holders("v"))
	})
}

// A cache that lags says "deleted". The API server's own answer wins.
func TestPass_CacheTooOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		var lag atomic.Bool
		lag.Store(true)
		w.react("list", func(clienttesting.Action) (bool, runtime.Object, error) { return lag.Load(), emptyList(), nil })
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		require.Equal(t, 1.0, w.metric("holdfast_fail_open_total"))
		w.after(time.Hour)
		require.Equal(t, []string{"a"}, w.holders("v"))
		require.Zero(t, w.Sizes()["missingNodes"])
		require.Greater(t, w.metric("holdfast_fail_open_total"), 100.0, "tried again soon, each time")
	})
}

// A read that answers with an old state says "not found" of a node that exists, and starts a clock. Cache and read contradict
// each other, so there is another look soon, and it stops the clock.
func TestPass_ReadTooOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		var lag atomic.Bool
		lag.Store(true)
		w.react("list", func(clienttesting.Action) (bool, runtime.Object, error) { return lag.Load(), emptyList(), nil })
		w.react("get", func(clienttesting.Action) (bool, runtime.Object, error) {
			return lag.Load(), nil, notFound("a")
		})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		require.Equal(t, 1, w.Sizes()["missingNodes"])
		w.after(grace - 1)
		lag.Store(false)
		w.after(1) // the read at the end of grace
		require.Equal(t, []string{"a"}, w.holders("v"))
		require.Zero(t, w.Sizes()["missingNodes"])
		w.after(time.Hour)
		require.Equal(t, []string{"a"}, w.holders("v"))
	})
}

// A name that is suspect for one instance is read once, and the answer counts for every instance that names it: for one of
// an earlier uid too, which an old cache still shows.
func TestPass_AnAnswerCountsForTheWholeName(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.react("get", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, notFound("a") })
		w.attach("v", "a")
		w.attachUID("w", "a", "later-uid")
		w.start()
		defer w.Stop()
		require.Equal(t, 1, w.calls("get"))
		require.Equal(t, 2, w.Sizes()["missingNodes"], "the cache shows a of uid a-uid")
		w.after(grace)
		require.Empty(t, w.holders("w"))
		require.Empty(t, w.holders("v"))
	})
}

// The cache shows a node that reads do not find, and whose clock runs: the read wins again, at the end of grace.
func TestPass_CacheShowsADeletedNode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.react("get", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, notFound("a") })
		w.attach("v", "a")
		w.start()
		require.Zero(t, w.calls("get"), "what the cache shows is not suspect")
		w.Stop()
		var gone atomic.Bool
		gone.Store(true)
		w.react("list", func(clienttesting.Action) (bool, runtime.Object, error) { return gone.Load(), emptyList(), nil })
		w.start()
		w.Stop()
		gone.Store(false)
		w.start() // the cache shows the node again
		defer w.Stop()
		w.after(grace)
		require.Empty(t, w.holders("v"))
	})
}

func TestPass_UnsyncedCache(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		var broken atomic.Bool
		broken.Store(true)
		w.react("list", func(clienttesting.Action) (bool, runtime.Object, error) {
			return broken.Load(), nil, errors.New("down")
		})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		w.after(10 * time.Minute)
		require.Equal(t, []string{"a"}, w.holders("v"))
		require.Positive(t, w.metric("holdfast_fail_open_total"))
		require.Zero(t, w.calls("get"), "without a cache nobody is suspect")
		broken.Store(false)
		w.after(2*time.Minute + grace) // a reflector waits up to a minute before it lists again
		require.Empty(t, w.holders("v"))
	})
}

func TestPass_HungRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		var hung atomic.Bool
		hung.Store(true)
		w.nodes.hook = func(ctx context.Context, verb, name string) error {
			if verb == "get" && name == "a" && hung.Load() {
				return hang(ctx)
			}
			return nil
		}
		w.attach("v-a", "a")
		w.attach("v-b", "b")
		require.NoError(t, w.Start(context.Background()))
		defer w.Stop()
		w.after(reconciler.DefaultCallTimeout + grace + 30*time.Second)
		require.Equal(t, []string{"a"}, w.holders("v-a"))
		require.Empty(t, w.holders("v-b"), "one that hangs does not end the pass for the others")
		hung.Store(false)
		w.after(time.Minute)
		require.Empty(t, w.holders("v-a"))
	})
}

func TestPass_OtherHoldersStay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b", "c"})
		w.attach("v", "a", "b", "c")
		w.start()
		defer w.Stop()
		w.delete("b")
		w.after(grace)
		require.Equal(t, []string{"a", "c"}, w.holders("v"))
	})
}

func TestPass_ADetachStampShieldsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.attach("v", "a")
		require.NoError(t, w.manager.UntrackAttachment(context.Background(), "v"))
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		w.delete("a")
		w.after(grace)
		require.Empty(t, w.holders("v"))
	})
}

func TestPass_SteadyCostsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b"})
		for i := range 50 {
			w.attach("v"+strconv.Itoa(i), []string{"a", "b"}[i%2])
		}
		w.start()
		defer w.Stop()
		w.forget()
		w.after(time.Hour)
		require.Empty(t, w.client.Actions())
		require.Equal(t, 13.0, w.metric("holdfast_reconcile_passes_total"))
	})
}

func TestPass_OneReadPerSuspectNode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "z"})
		for i := range 50 {
			w.attach("v"+strconv.Itoa(i), "z")
			w.attachUID("w"+strconv.Itoa(i), "a", "old")
		}
		w.start()
		defer w.Stop()
		require.Equal(t, 1, w.calls("get"), "only the node that is suspect")
		require.Equal(t, 50.0, w.metric("holdfast_grace_deferred_total"), "once for each attachment that waits")
		w.pass()
		require.Equal(t, 2, w.calls("get"))
		require.Equal(t, 50.0, w.metric("holdfast_grace_deferred_total"))
	})
}

// A node that nobody is attached to any more is forgotten, clock and all.
func TestPass_ForgetsClocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		require.Equal(t, map[string]int{"missingNodes": 1}, w.Sizes())
		require.NoError(t, w.manager.UntrackAttachment(context.Background(), "v"))
		w.pass()
		require.Equal(t, map[string]int{"missingNodes": 0}, w.Sizes())
	})
}

func TestPass_ExpiresMigrations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b"}, func(c *reconciler.Config) { c.Interval = time.Hour })
		w.attach("v", "a")
		require.NoError(t, w.manager.AddSecondaryAttachment(context.Background(), "v", "b", time.Minute))
		_, ok := w.manager.NextDeadline()
		require.True(t, ok)
		w.start()
		defer w.Stop()
		w.after(time.Minute - 1)
		require.Equal(t, 1.0, w.metric("holdfast_reconcile_passes_total"))
		w.after(1)
		require.Equal(t, 2.0, w.metric("holdfast_reconcile_passes_total"), "a pass of its own, not at the next interval")
		_, ok = w.manager.NextDeadline()
		require.False(t, ok, "acted on")
		require.Equal(t, []string{"a", "b"}, w.holders("v"), "nobody is evicted")
	})
}

// stepped is a clock whose wall clock can jump.
type stepped struct {
	clock.RealClock
	start time.Time
	by    atomic.Int64
}

func (c *stepped) Now() time.Time                  { return c.RealClock.Now().Add(time.Duration(c.by.Load())) }
func (c *stepped) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
func (c *stepped) Elapsed() time.Duration          { return c.RealClock.Since(c.start) }

func TestPass_WallClockSteps(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				clk := &stepped{start: time.Now()}
				w := newWorld(t, []string{"a"}, func(c *reconciler.Config) { c.Clock = clk })
				w.attach("v", "a")
				w.start()
				defer w.Stop()
				w.delete("a")
				w.after(grace / 2)
				clk.by.Add(int64(by))
				w.after(grace/2 - 1)
				require.Equal(t, []string{"a"}, w.holders("v"))
				w.after(1)
				require.Empty(t, w.holders("v"))
			})
		})
	}
}

func TestPass_CarriesTheCallersIdentity(t *testing.T) {
	type key struct{}
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		seen := map[string]any{}
		w.nodes.hook = func(ctx context.Context, verb, _ string) error {
			seen[verb] = ctx.Value(key{})
			return nil
		}
		for _, n := range []string{"a", "b", "c"} {
			w.attach("v-"+n, n)
		}
		require.NoError(t, w.Start(context.WithValue(context.Background(), key{}, "run")))
		w.after(grace)
		w.Stop()
		require.Equal(t, map[string]any{"relist": "run", "get": "run", "list": "run"}, seen)
	})
}

func TestVersion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		require.Zero(t, w.Version())
		w.start()
		defer w.Stop()
		v := w.Version()
		require.Positive(t, v)
		synctest.Wait()
		require.Equal(t, v, w.Version())
		w.pass()
		require.Greater(t, w.Version(), v)
	})
}

// failing is a Manager whose repair fails.
type failing struct {
	*attachment.Manager
	repairs int
}

func (f *failing) Repair(context.Context) error { f.repairs++; return errors.New("a record is broken") }

func (f *failing) Clean() bool { return false }

// sweeper counts.
type sweeper struct {
	sweeps int
	err    error
}

func (s *sweeper) Sweep(context.Context) error { s.sweeps++; return s.err }

func TestPass_StepsDoNotEndIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &sweeper{err: errors.New("the backend is down")}
		var m *failing
		w := newWorld(t, []string{"a"}, func(c *reconciler.Config) {
			m = &failing{Manager: c.Manager.(*attachment.Manager)}
			c.Manager, c.Sweeper = m, s
		})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		w.delete("a")
		w.after(grace)
		require.Empty(t, w.holders("v"))
		passes := int(w.metric("holdfast_reconcile_passes_total"))
		require.Equal(t, []int{passes, passes}, []int{m.repairs, s.sweeps}, "each pass")
		require.Greater(t, passes, 3, "a repair that failed is tried again soon")
	})
}

// counting is a Manager that counts the looks at all nodes.
type counting struct {
	*attachment.Manager
	looks atomic.Int64
}

func (c *counting) Nodes(visit func(name, uid string) bool) { c.looks.Add(1); c.Manager.Nodes(visit) }

func TestPass_LooksAtWhatHasChanged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var m *counting
		w := newWorld(t, []string{"a", "b", "c"}, func(c *reconciler.Config) {
			m = &counting{Manager: c.Manager.(*attachment.Manager)}
			c.Manager = m
		})
		w.attach("v", "a")
		w.attach("u", "b")
		w.start()
		defer w.Stop()
		first := m.looks.Load()
		w.delete("c")
		w.delete("a")
		w.after(grace)
		require.Empty(t, w.holders("v"))
		require.Equal(t, first, m.looks.Load(), "events look at the nodes that they name")
		w.Trigger()
		w.after(time.Second)
		require.Equal(t, first+1, m.looks.Load(), "who asks for a pass gets a whole one")
		w.after(2 * reconciler.DefaultInterval)
		require.Greater(t, m.looks.Load(), first+1, "and now and then there is one")
		require.NotEmpty(t, w.holders("u"))
	})
}
