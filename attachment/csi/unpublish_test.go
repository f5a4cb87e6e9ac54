package csi_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/attachment/csi"
)

func TestUnpublish_Invalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting)
		w.code(csi.InvalidArgument, w.Unpublish(context.Background(), "", "id-a"))
	})
}

// The backend revokes, then the record goes.
func TestUnpublish_Order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		w.ok(w.publish("a", rwo))
		w.events()
		epoch := w.epoch("a")
		looked := false
		w.backend.hook = func(_ context.Context, _, _, _ string, up uint64) (bool, error) {
			looked = true
			require.Equal(t, epoch, up)
			require.Contains(t, w.persisted(), `"node":"a"`)
			require.Len(t, w.believed(), 1)
			return true, nil
		}
		w.ok(w.unpublish("a"))
		require.True(t, looked)
		require.Empty(t, w.believed())
		require.NotContains(t, w.persisted(), `"node"`)
		require.Empty(t, w.backend.granted())
		require.Equal(t, 1.0, w.metric("holdfast_detach_total", "kind=full"))
		require.Equal(t, []string{"VolumeDetached"}, w.events())
	})
}

func TestUnpublish_NodeAware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		defer w.depose()
		w.ok(w.publish("a", rwo))
		w.ok(w.unpublish("a"))
		w.ok(w.publish("b", rwo))
		w.backend.calls()
		w.events()
		w.ok(w.unpublish("a")) // late, and twice
		w.ok(w.unpublish("a"))
		require.Equal(t, []string{"b b-uid held"}, w.believed())
		require.Equal(t, []string{"id-b"}, w.backend.granted())
		require.Equal(t, []string{"revoke id-a", "revoke id-a"}, w.backend.calls(), "made although no record names the node")
		require.Equal(t, 1.0, w.metric("holdfast_detach_total"), "and counts nothing")
		require.Empty(t, w.events())
		w.ok(w.unpublish("b"))
		w.ok(w.publish("a", rwo)) // its epoch was not revoked in advance
		require.Equal(t, []string{"id-a"}, w.backend.granted())
	})
}

func TestUnpublish_OneOfTwo(t *testing.T) {
	for left, result := range map[string]string{"a": "result=aborted", "b": "result=completed"} {
		t.Run("leaves "+left, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a", "b")
				defer w.depose()
				w.ok(w.publish("a", rwx))
				w.ok(w.publish("b", rwx))
				gone := map[string]string{"a": "b", "b": "a"}[left]
				w.ok(w.unpublish(gone))
				require.Equal(t, []string{left + " " + left + "-uid held"}, w.believed())
				require.Equal(t, []string{"id-" + left}, w.backend.granted())
				require.Equal(t, 1.0, w.metric("holdfast_detach_total", "kind=partial"))
				require.Equal(t, 1.0, w.metric("holdfast_migrations_total", result))
			})
		})
	}
}

func TestUnpublish_EveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		defer w.depose()
		w.ok(w.publish("a", rwx))
		w.ok(w.publish("b", rwx))
		w.backend.calls()
		failing := w.backend.on("revoke", false, errDown)
		w.code(csi.Unavailable, w.unpublish(""))
		require.Equal(t, []string{"a a-uid uncertain", "b b-uid uncertain"}, w.believed())
		failing.Store(false)
		w.ok(w.unpublish(""))
		require.Empty(t, w.believed())
		require.Empty(t, w.backend.granted())
		w.ok(w.unpublish(""))
		require.Zero(t, w.metric("holdfast_detach_total"), "uncertain ones count neither way")
	})
}

// What the backend has granted and no record names (the PersistentVolume is gone, and the process was restarted).
func TestUnpublish_PersistentVolumeGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		w.ok(w.publish("a", rwo))
		require.NoError(t, w.client.CoreV1().PersistentVolumes().Delete(context.Background(), "pv-v", metav1.DeleteOptions{}))
		w.restart()
		defer w.depose()
		require.Empty(t, w.believed())
		w.ok(w.unpublish("a"))
		require.Empty(t, w.backend.granted())
		require.Zero(t, w.metric("holdfast_detach_total"))
	})
}

func TestUnpublish_Fails(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(w *world) *atomic.Bool
		code   string
	}{
		"backend down":       {func(w *world) *atomic.Bool { return w.backend.on("revoke", false, errDown) }, csi.Unavailable},
		"answer lost":        {func(w *world) *atomic.Bool { return w.backend.on("revoke", true, refusal("Unavailable")) }, csi.Unavailable},
		"refused by backend": {func(w *world) *atomic.Bool { return w.backend.on("revoke", false, refusal("FailedPrecondition")) }, csi.Unavailable},
		"record not written": {func(w *world) *atomic.Bool { return w.fail("patch", "persistentvolumes", errForbidden) }, csi.Unavailable},
		"write lost":         {func(w *world) *atomic.Bool { return w.fail("patch", "persistentvolumes", errDown) }, csi.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a", "b")
				defer w.depose()
				w.ok(w.publish("a", rwo))
				failing := c.breaks(w)
				w.code(c.code, w.unpublish("a"))
				require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
				failing.Store(false)
				w.code(csi.FailedPrecondition, w.publish("b", rwo))
				w.ok(w.unpublish("a"))
				require.Empty(t, w.believed())
				w.ok(w.publish("b", rwo))
			})
		})
	}
}

// The CSINode goes with the Node. An unpublish that comes later, even to another process, still finds the instance, by the
// id that was kept with it.
func TestUnpublish_AfterTheNodeIsGone(t *testing.T) {
	for name, restart := range map[string]bool{"same process": false, "another process": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a", "b")
				w.va("v", "a", true)
				w.ok(w.publish("a", rwo))
				w.deleteNode("a")
				if restart {
					w.restart()
				}
				defer func() { w.depose() }()
				require.Equal(t, []string{"a a-uid held"}, w.believed())
				w.ok(w.unpublish("a"))
				require.Empty(t, w.believed())
				require.Empty(t, w.backend.granted())
			})
		})
	}
}

// An attachment from before there were records, whose node went before this process could learn its id: an unpublish cannot
// be told to mean it. It is ended all the same when its VolumeAttachment goes, even if a new node has the name by then.
func TestUnpublish_OfAnIDThatNobodyTells(t *testing.T) {
	for name, c := range map[string]struct {
		deleting, restart bool
		state             string
	}{
		"attached": {state: "held"}, "being detached": {deleting: true, state: "uncertain"},
		"attached, recorded since": {restart: true, state: "held"}, "being detached, recorded since": {true, true, "uncertain"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, csi.EvictTrusting, "a", "b")
				w.va("v", "a", true)
				if c.deleting {
					w.deleting("v", "a")
				}
				w.deleteNode("a")
				w.run()
				if c.restart {
					w.ok(w.manager.Repair(context.Background()))
					w.restart()
				}
				defer func() { w.depose() }()
				w.ok(w.unpublish("b"))
				require.Equal(t, []string{"a  " + c.state}, w.believed(), "id-b is b's")
				w.ok(w.unpublish("a"))
				require.Equal(t, []string{"a  uncertain"}, w.believed())
				w.ok(w.Sweep(context.Background()))
				require.Equal(t, []string{"a  uncertain"}, w.believed(), "its VolumeAttachment is there still")
				require.NoError(t, w.client.StorageV1().VolumeAttachments().Delete(context.Background(), "va-v-a", metav1.DeleteOptions{}))
				w.createNode("a", "another-uid")
				synctest.Wait()
				w.backend.calls()
				w.ok(w.Sweep(context.Background()))
				require.Equal(t, []string{"revoke id-a"}, w.backend.calls())
				require.Empty(t, w.believed())
				w.ok(w.publish("b", rwo))
			})
		})
	}
}

// Attachments from before there were records have no id of their own; the CSINode tells it.
func TestUnpublish_WithoutAKeptID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a", "b")
		w.narrow("v")
		w.va("v", "a", true)
		w.run()
		defer w.depose()
		require.Equal(t, []string{"a  held"}, w.believed())
		w.ok(w.unpublish("b"))
		require.Equal(t, []string{"a  held"}, w.believed())
		w.ok(w.publish("a", rwo))
		require.Empty(t, w.backend.granted(), "held already, with a uid that equals any")
		w.ok(w.unpublish("a"))
		require.Empty(t, w.believed())
	})
}
