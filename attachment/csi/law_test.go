package csi_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/csi"
)

// fate is what becomes of one request.
type fate string

const (
	fine      fate = "fine"
	failed    fate = "failed"    // no effect, and an error that leaves that open
	replyLost fate = "replyLost" // effect, and the same error
	refused   fate = "refused"   // no effect, for certain
)

// lossy is a client whose patches of PersistentVolumes meet a fate.
type lossy struct {
	kubernetes.Interface
	fate func() fate
}

func (c *lossy) IsWatchListSemanticsUnSupported() bool { return true }
func (c *lossy) CoreV1() typedcore.CoreV1Interface     { return lossyCore{c.Interface.CoreV1(), c} }

type lossyCore struct {
	typedcore.CoreV1Interface
	c *lossy
}

func (l lossyCore) PersistentVolumes() typedcore.PersistentVolumeInterface {
	return lossyVolumes{l.CoreV1Interface.PersistentVolumes(), l.c}
}

type lossyVolumes struct {
	typedcore.PersistentVolumeInterface
	c *lossy
}

func (l lossyVolumes) Patch(ctx context.Context, name string, pt types.PatchType, data []byte, o metav1.PatchOptions, sub ...string) (*corev1.PersistentVolume, error) {
	f := l.c.fate()
	switch f {
	case failed:
		return nil, errDown
	case refused:
		return nil, errForbidden
	}
	pv, err := l.PersistentVolumeInterface.Patch(ctx, name, pt, data, o, sub...)
	if f == replyLost {
		return nil, errDown
	}
	return pv, err
}

// step is one thing that happens, and the fates of the requests that it makes.
type step struct {
	what, node string
	fates      []fate
}

// The law of order, for a volume of one writer and a backend that fences, under any sequence of calls, crashes, deletions
// and lost or refused requests: at most one node is granted, and whoever is granted is on record. What a call says is true.
// And once nothing fails any more, everything can be ended, and nothing is left.
func TestLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				rapid.SampledFrom([]string{"publish", "publish", "unpublish", "forget", "replace", "restart", "sweep", "pass"}).Draw(rt, "what"),
				rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "node"),
				rapid.SliceOfN(rapid.SampledFrom([]fate{fine, fine, failed, replyLost, refused}), 0, 4).Draw(rt, "fates"),
			}
		}), 1, 15).Draw(rt, "steps")
		rapid.SyncTest(rt, func(rt *rapid.T) {
			w := newLossyWorld(rt)
			for _, s := range steps {
				w.do(s)
			}
			for _, n := range []string{"a", "b", "c"} {
				w.do(step{what: "unpublish", node: n})
			}
			require.Empty(rt, w.believed())
			require.NotContains(rt, w.persisted(), `"node"`)
			require.Empty(rt, w.backend.granted())
			w.do(step{what: "publish", node: "a"})
			require.Equal(rt, []string{"id-a"}, w.backend.granted())
			w.depose()
		})
	})
}

type lossyWorld struct {
	*world
	fates []fate
	lives int
}

func newLossyWorld(t tb) *lossyWorld {
	w := &lossyWorld{world: newWorld(t, csi.EvictFencing, "a", "b", "c")}
	w.start()
	w.run()
	return w
}

// start starts a process whose requests meet the fates of the step.
func (w *lossyWorld) start() {
	w.world.start()
	client := &lossy{w.client, w.next}
	var err error
	w.manager, err = attachment.NewManager(client)
	require.NoError(w.t, err)
	w.Controller, err = csi.New(csi.Config{Manager: w.manager, Client: client, Backend: w.backend, Eviction: csi.EvictFencing})
	require.NoError(w.t, err)
	w.backend.hook = func(_ context.Context, verb, _, _ string, _ uint64) (bool, error) {
		if w.mustHold(); verb == "exists" {
			return true, nil
		}
		switch w.next() {
		case failed:
			return false, errDown
		case replyLost:
			return true, errDown
		case refused:
			return false, refusal("FailedPrecondition")
		}
		return true, nil
	}
}

func (w *lossyWorld) next() fate {
	if len(w.fates) == 0 {
		return fine
	}
	f := w.fates[0]
	w.fates = w.fates[1:]
	return f
}

func (w *lossyWorld) do(s step) {
	w.fates = s.fates
	switch s.what {
	case "publish":
		if w.ending(s.node) {
			break // its unpublish comes first
		}
		w.wish(s.node)
		if w.publish(s.node, rwo) == nil {
			require.Equal(w.t, []string{"id-" + s.node}, w.backend.granted())
			require.Len(w.t, w.believed(), 1)
			require.True(w.t, strings.HasPrefix(w.believed()[0], s.node+" ") && strings.HasSuffix(w.believed()[0], " held"), w.believed())
			w.attached(s.node)
		}
	case "unpublish":
		w.end(s.node)
		if w.unpublish(s.node) == nil {
			require.NotContains(w.t, w.backend.granted(), "id-"+s.node)
			require.False(w.t, slices.ContainsFunc(w.believed(), func(b string) bool { return strings.HasPrefix(b, s.node+" ") }))
			w.unwish(s.node)
		}
	case "forget": // somebody took the finalizer off
		w.unwish(s.node)
	case "replace": // the machine stays: only a fence protects. The pods of the old node, and their wishes, end with it
		w.unwish(s.node)
		w.deleteNode(s.node)
		w.lives++
		w.createNode(s.node, s.node+strings.Repeat("'", w.lives))
	case "restart":
		w.depose()
		time.Sleep(time.Millisecond) // of the bubble's clock, which gives the epochs: no process starts in the microsecond in which one ended
		w.start()
		w.run()
	case "sweep":
		_ = w.Sweep(context.Background())
	case "pass":
		_ = w.manager.Repair(context.Background())
	}
	synctest.Wait()
	w.fates = nil
	w.mustHold()
}

func (w *lossyWorld) mustHold() {
	granted := w.backend.granted()
	require.LessOrEqual(w.t, len(granted), 1, "one writer")
	for _, id := range granted {
		require.Contains(w.t, w.persisted(), `"nodeID":"`+id+`"`, "who is granted is on record")
	}
}

var vas = storagev1.SchemeGroupVersion.WithResource("volumeattachments")

func (w *lossyWorld) wish(node string) {
	if _, err := w.client.Tracker().Get(vas, "", "va-v-"+node); err != nil {
		w.va("v", node, false)
		synctest.Wait()
	}
}

// end ends the wish: its VolumeAttachment is being deleted from now on.
func (w *lossyWorld) end(node string) {
	if o, err := w.client.Tracker().Get(vas, "", "va-v-"+node); err == nil {
		va := o.(*storagev1.VolumeAttachment).DeepCopy()
		va.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		require.NoError(w.t, w.client.Tracker().Update(vas, va, ""))
		synctest.Wait()
	}
}

func (w *lossyWorld) ending(node string) bool {
	o, err := w.client.Tracker().Get(vas, "", "va-v-"+node)
	return err == nil && o.(*storagev1.VolumeAttachment).DeletionTimestamp != nil
}

func (w *lossyWorld) attached(node string) {
	w.unwish(node)
	w.va("v", node, true)
}

func (w *lossyWorld) unwish(node string) {
	_ = w.client.Tracker().Delete(vas, "", "va-v-"+node)
}
