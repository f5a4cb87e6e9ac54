package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/reconciler"
)

func notFound(name string) error { return apierrors.NewNotFound(nodeResource, name) }

// fencer is a backend that can fence. It notes what it is told, and who has the volume by then.
type fencer struct {
	w     *world
	mu    sync.Mutex
	log   []string
	fails func(volume string) error
}

func (f *fencer) Fence(ctx context.Context, volume, nodeID string, epoch uint64) error {
	f.mu.Lock()
	f.log = append(f.log, fmt.Sprintf("%s on %s up to %d, held by %v", volume, nodeID, epoch, f.w.holders(volume)))
	f.mu.Unlock()
	if f.fails != nil {
		return f.fails(volume)
	}
	return ctx.Err()
}

// calls drains the log.
func (f *fencer) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = nil
	return log
}

func newFencedWorld(t testing.TB, names ...string) (*world, *fencer) {
	f := &fencer{}
	f.w = newWorld(t, names, func(c *reconciler.Config) {
		c.Fencer = f
		c.NodeID = func(n string) string { return "id-" + n }
	})
	return f.w, f
}

func TestClear_FencesFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, f := newFencedWorld(t, "z")
		w.attach("v", "z", "a")
		w.start()
		defer w.Stop()
		epoch := epochOf(t, w, "v", "a")
		w.after(grace)
		require.Equal(t, []string{fmt.Sprintf("v on id-a up to %d, held by [z a]", epoch)}, f.calls())
		require.Equal(t, []string{"z"}, w.holders("v"))
	})
}

// The id that was kept with the attachment is better than any that is told now.
func TestClear_FencesByTheKeptID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, f := newFencedWorld(t, "z")
		turn, err := w.manager.Begin(context.Background(), "v")
		require.NoError(t, err)
		e, err := turn.Reserve(context.Background(), attachment.Claim{Node: "a", UID: "a-uid", NodeID: "kept", Mode: attachment.ReadWriteOnce})
		require.NoError(t, err)
		turn.End()
		w.start()
		defer w.Stop()
		w.after(grace)
		require.Equal(t, []string{fmt.Sprintf("v on kept up to %d, held by [a]", e.Epoch)}, f.calls())
		require.Empty(t, w.holders("v"))
	})
}

func TestClear_FailedFence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, f := newFencedWorld(t, "z")
		var down atomic.Bool
		down.Store(true)
		f.fails = func(volume string) error {
			if volume == "v1" && down.Load() {
				return errors.New("the backend is down")
			}
			return nil
		}
		w.attach("v1", "a")
		w.attach("v2", "a")
		w.start()
		defer w.Stop()
		w.after(grace)
		a, ok := w.manager.GetAttachment("v1")
		require.True(t, ok)
		require.Equal(t, attachment.Uncertain, a.Entries[0].State, "it may be fenced, or may not")
		require.Empty(t, w.holders("v2"), "the others go on")
		down.Store(false)
		w.after(500 * time.Millisecond)
		require.Empty(t, w.holders("v1"), "tried again soon")
	})
}

// What is due is compared once more in the volume's turn: what has changed meanwhile is left alone.
func TestClear_ComparesAndClears(t *testing.T) {
	for name, meanwhile := range map[string]func(w *world){
		"gone":              func(w *world) { require.NoError(w.t, w.manager.UntrackAttachment(context.Background(), "v")) },
		"attached again":    func(w *world) { reattach(w, "a") },
		"attached to other": func(w *world) { reattach(w, "z") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w, f := newFencedWorld(t, "z")
				w.attach("v", "a")
				w.attach("u", "a") // cleared before v, and that is when it happens
				f.fails = func(volume string) error {
					if volume == "u" {
						meanwhile(w)
					}
					return nil
				}
				w.start()
				defer w.Stop()
				w.after(grace - 1)
				f.calls()
				w.after(1)
				want := w.holders("v")
				if name != "gone" {
					require.Len(t, want, 1)
				}
				require.Len(t, f.calls(), 1, "v is not fenced")
			})
		})
	}
}

func reattach(w *world, node string) {
	require.NoError(w.t, w.manager.UntrackAttachment(context.Background(), "v"))
	w.attach("v", node)
}

// A volume whose turn somebody has is waited for, but not for ever, and not by the others.
func TestClear_BusyVolume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.attach("v1", "a")
		w.attach("v2", "a")
		w.start()
		defer w.Stop()
		turn, err := w.manager.Begin(context.Background(), "v1")
		require.NoError(t, err)
		w.after(grace + reconciler.DefaultCallTimeout)
		require.Equal(t, []string{"a"}, w.holders("v1"))
		require.Empty(t, w.holders("v2"))
		turn.End()
		w.after(time.Second)
		require.Empty(t, w.holders("v1"))
	})
}

// A removal that cannot be persisted leaves the instance there, uncertain, and is tried again.
func TestClear_FailedRemoval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		w.attach("v1", "a")
		persisted, err := attachment.NewManager(w.client)
		require.NoError(t, err)
		_, err = w.client.CoreV1().PersistentVolumes().Create(context.Background(), pv("v2"), createOptions)
		require.NoError(t, err)
		require.NoError(t, persisted.TrackAttachmentWithMode(context.Background(), "v2", "a", attachment.ReadWriteOnce, attachment.WithUID("a-uid")))
		var broken atomic.Bool
		broken.Store(true)
		w.client.PrependReactor("patch", "persistentvolumes", func(clienttesting.Action) (bool, runtime.Object, error) {
			return broken.Load(), nil, apierrors.NewForbidden(nodeResource, "v2", errors.New("no"))
		})
		cfg := w.cfg
		cfg.Manager, cfg.Metrics = persisted, nil
		r, err := reconciler.New(cfg)
		require.NoError(t, err)
		require.NoError(t, r.Start(context.Background()))
		defer r.Stop()
		w.after(grace)
		a, ok := persisted.GetAttachment("v2")
		require.True(t, ok)
		require.Equal(t, attachment.Uncertain, a.Entries[0].State)
		broken.Store(false)
		w.after(time.Second)
		_, ok = persisted.GetAttachment("v2")
		require.False(t, ok)
	})
}

func TestGuard(t *testing.T) {
	lie := func(nodes ...corev1.Node) func(clienttesting.Action) (bool, runtime.Object, error) {
		return func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, &corev1.NodeList{Items: nodes}, nil
		}
	}
	for _, c := range []struct {
		name    string
		due, of int
		min     int
		share   float64
		list    func(clienttesting.Action) (bool, runtime.Object, error) // nil: the truth
		lists   bool
		cleared bool
	}{
		{name: "two of two", due: 2, of: 2, cleared: true},
		{name: "three of twelve", due: 3, of: 12, cleared: true},
		{name: "three of eleven, list agrees", due: 3, of: 11, lists: true, cleared: true},
		{name: "three of three, list agrees", due: 3, of: 3, lists: true, cleared: true},
		{name: "three of three, empty list", due: 3, of: 3, list: lie(), lists: true},
		{name: "three of three, failed list", due: 3, of: 3, lists: true,
			list: func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") }},
		{name: "three of three, list has one", due: 3, of: 3, list: lie(*node("z", "z-uid"), *node("gone1", "gone1-uid")), lists: true},
		{name: "three of three, list has the name only", due: 3, of: 3, list: lie(*node("z", "z-uid"), *node("gone1", "other")), lists: true, cleared: true},
		{name: "configured min", due: 1, of: 2, min: 1, list: lie(), lists: true},
		{name: "configured share", due: 3, of: 3, share: 1, list: lie(), cleared: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, []string{"z"}, func(cfg *reconciler.Config) { cfg.GuardMin, cfg.GuardShare = c.min, c.share })
				for i := range c.of {
					if i < c.due {
						w.attach("v"+strconv.Itoa(i), "gone"+strconv.Itoa(i))
					} else {
						w.attach("v"+strconv.Itoa(i), "z")
					}
				}
				var lying atomic.Bool // from the first pass on
				w.react("list", func(a clienttesting.Action) (bool, runtime.Object, error) {
					if c.list == nil || !lying.Load() {
						return false, nil, nil
					}
					return c.list(a)
				})
				w.start()
				defer w.Stop()
				lying.Store(true)
				w.forget()
				w.after(grace)
				require.Equal(t, c.lists, w.calls("list") > 0)
				left := c.of
				if c.cleared {
					left -= c.due
				}
				require.Len(t, w.manager.ListAttachments(), left)
				require.Equal(t, !c.cleared, w.metric("holdfast_mass_clear_guard_total") > 0)
			})
		})
	}
}

// A pass that the guard stopped is tried again soon, and clears once the list agrees.
func TestGuard_TriesAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"z"})
		var empty atomic.Bool
		for _, n := range []string{"a", "b", "c"} {
			w.attach("v-"+n, n)
		}
		w.react("list", func(clienttesting.Action) (bool, runtime.Object, error) { return empty.Load(), &corev1.NodeList{}, nil })
		w.start()
		defer w.Stop()
		empty.Store(true)
		w.after(grace)
		require.Equal(t, 1.0, w.metric("holdfast_mass_clear_guard_total"))
		w.after(500 * time.Millisecond)
		require.Equal(t, 2.0, w.metric("holdfast_mass_clear_guard_total"))
		empty.Store(false)
		w.after(time.Second)
		require.Empty(t, w.manager.ListAttachments())
	})
}

// One empty list during an outage makes all nodes suspect, and no more.
func TestGuard_EmptyRelist(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b", "c", "d"})
		for _, n := range []string{"a", "b", "c", "d"} {
			w.attach("v-"+n, n)
		}
		w.react("list", func(clienttesting.Action) (bool, runtime.Object, error) { return true, &corev1.NodeList{}, nil })
		w.start()
		defer w.Stop()
		w.after(time.Hour)
		require.Len(t, w.manager.ListAttachments(), 4)
		require.Zero(t, w.metric("holdfast_mass_clear_guard_total"), "the reads were enough")
	})
}

func epochOf(t testing.TB, w *world, volume, node string) uint64 {
	a, _ := w.manager.GetAttachment(volume)
	for _, e := range a.Entries {
		if e.Node == node {
			return e.Epoch
		}
	}
	t.Fatalf("%s is not on %s", volume, node)
	return 0
}
