package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/reconciler"
)

// What is known of a node, by its cache and by a live read.
const (
	same   = "same"  // the node that had the volumes
	other  = "other" // one of the same name
	absent = "absent"
	unread = "unread" // the read fails
)

// views are what cache and API server say of a node, for as long as the test goes.
type views struct{ cached, live string }

// claim is an attachment: a volume on a node, the fence of which may fail.
type claim struct {
	volume, node string
	uid          string // "" is unknown
	stuck        bool
}

// quorum is what the list of the guard says.
type quorum string

const (
	listAgrees quorum = "agrees"
	listEmpty  quorum = "empty"
	listFails  quorum = "fails"
	listDiffer quorum = "has one that a read did not find"
)

// passCase is all that a pass can see.
type passCase struct {
	nodes  map[string]views
	claims []claim
	list   quorum
}

func drawPass(t *rapid.T) passCase {
	c := passCase{nodes: map[string]views{}}
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		c.nodes[n] = views{
			cached: rapid.SampledFrom([]string{same, same, absent, other}).Draw(t, n+" cached"),
			live:   rapid.SampledFrom([]string{same, same, absent, absent, other, unread}).Draw(t, n+" live"),
		}
	}
	for i := range rapid.IntRange(1, 14).Draw(t, "volumes") {
		n := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "node")
		c.claims = append(c.claims, claim{
			volume: fmt.Sprint("v", i), node: n, uid: rapid.SampledFrom([]string{n + "-uid", n + "-uid", ""}).Draw(t, "uid"),
			stuck: rapid.IntRange(0, 7).Draw(t, "stuck") == 7,
		})
	}
	c.list = rapid.SampledFrom([]quorum{listAgrees, listAgrees, listEmpty, listFails, listDiffer}).Draw(t, "list")
	return c
}

// shows reports whether a view has the claim's node: name, and uid if that is known.
func (c claim) shows(view string) bool { return view == same || view == other && c.uid == "" }

// suspects are the names that SPEC.md section 3 lets a pass ask the API server about.
func (c passCase) suspects() (names []string) {
	for _, a := range c.claims {
		if !a.shows(c.nodes[a.node].cached) && !slices.Contains(names, a.node) {
			names = append(names, a.node)
		}
	}
	return names
}

// due are the claims whose grace ends at one instant: on a suspect name, and missing by a live answer.
func (c passCase) due() (due []claim) {
	for _, a := range c.claims {
		if live := c.nodes[a.node].live; slices.Contains(c.suspects(), a.node) && live != unread && !a.shows(live) {
			due = append(due, a)
		}
	}
	return due
}

// cleared are the volumes that go when grace is over, and whether the guard keeps them all.
func (c passCase) cleared() (volumes []string, guarded bool) {
	due := c.due()
	if len(due) >= 3 && 4*len(due) > len(c.claims) && c.list != listAgrees {
		return nil, true
	}
	for _, a := range due {
		if !a.stuck {
			volumes = append(volumes, a.volume)
		}
	}
	return volumes, false
}

// The law of a pass, for anything that cache and API server may say: with the grace period's last instant, and not a
// nanosecond before, exactly those attachments go that SPEC.md section 3 lets go; one that is stuck holds up no other; and
// no pass asks more than twice per suspect, and four times.
func TestPass_Law(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawPass(rt)
		rapid.SyncTest(rt, func(rt *rapid.T) {
			w, started := c.world(rt)
			defer w.Stop()
			w.start()
			started.Store(true)
			w.pass()
			keep := func(when string, gone []string) {
				for _, a := range c.claims {
					require.Equal(rt, slices.Contains(gone, a.volume), len(w.holders(a.volume)) == 0, "%s on %s, %s", a.volume, a.node, when)
				}
			}
			bound := 2*len(c.suspects()) + 4
			w.forget()
			w.pass()
			require.LessOrEqual(rt, len(w.client.Actions()), bound)
			keep("just begun", nil)

			w.after(grace - 1)
			w.forget()
			w.pass()
			require.LessOrEqual(rt, len(w.client.Actions()), bound)
			keep("a nanosecond before the end of grace", nil)

			w.forget()
			w.after(1)
			require.LessOrEqual(rt, len(w.client.Actions()), bound)
			gone, guarded := c.cleared()
			keep("at the end of grace", gone)
			require.Equal(rt, guarded, w.metric("holdfast_mass_clear_guard_total") > 0)
			require.Equal(rt, c.doubts(), w.metric("holdfast_fail_open_total") > 0)

			w.after(time.Minute)
			keep("and nothing more", gone)
		})
	})
}

// doubts reports whether anybody is kept because a read fails, or because the cache contradicts one.
func (c passCase) doubts() bool {
	return slices.ContainsFunc(c.claims, func(a claim) bool {
		v := c.nodes[a.node]
		return slices.Contains(c.suspects(), a.node) && (v.live == unread || a.shows(v.live) && !a.shows(v.cached))
	})
}

// world makes what the case says. Until started is set, lists are the cache's; from then on they are the guard's.
func (c passCase) world(rt *rapid.T) (w *world, started *atomic.Bool) {
	started = &atomic.Bool{}
	f := &fencer{fails: func(volume string) error {
		if slices.ContainsFunc(c.claims, func(a claim) bool { return a.volume == volume && a.stuck }) {
			return errors.New("the fence is stuck")
		}
		return nil
	}}
	w = newWorld(rt, []string{"z"}, func(cfg *reconciler.Config) {
		cfg.Fencer, cfg.NodeID, cfg.Interval = f, func(n string) string { return "id-" + n }, 24*time.Hour
	})
	f.w = w
	for n, v := range c.nodes {
		if uid := uidOf(n, v.cached); uid != "" {
			require.NoError(rt, w.client.Tracker().Add(node(n, uid)))
		}
	}
	for _, a := range c.claims {
		w.attachUID(a.volume, a.node, a.uid)
	}
	w.nodes.hook = func(_ context.Context, verb, name string) error {
		if verb == "get" && c.nodes[name].live == unread || verb == "list" && c.list == listFails && started.Load() {
			return errors.New("down")
		}
		return nil
	}
	w.react("get", func(a clienttesting.Action) (bool, runtime.Object, error) {
		name := a.(clienttesting.GetAction).GetName()
		if uid := uidOf(name, c.nodes[name].live); uid != "" {
			return true, node(name, uid), nil
		}
		return true, nil, notFound(name)
	})
	w.react("list", func(clienttesting.Action) (bool, runtime.Object, error) {
		if !started.Load() {
			return false, nil, nil
		}
		return true, c.quorum(), nil
	})
	return w, started
}

// quorum is what a list of all nodes says.
func (c passCase) quorum() *corev1.NodeList {
	l := &corev1.NodeList{}
	if c.list == listEmpty {
		return l
	}
	l.Items = append(l.Items, *node("z", "z-uid"))
	for n, v := range c.nodes {
		if uid := uidOf(n, v.live); uid != "" {
			l.Items = append(l.Items, *node(n, uid))
		}
	}
	if due := c.due(); c.list == listDiffer && len(due) > 0 {
		l.Items = append(l.Items, *node(due[0].node, due[0].node+"-uid"))
	}
	return l
}

// uidOf is the uid that a view shows; "" if there is no node.
func uidOf(name, view string) string {
	switch view {
	case same:
		return name + "-uid"
	case other:
		return strings.ToUpper(name) + "-uid"
	}
	return ""
}
