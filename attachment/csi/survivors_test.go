package csi_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/csi"
)

// The tests of this file are those that mutants of the package asked for: each fails for one that all others let live.

// It does not matter which driver a CSINode names first.
func TestNodeID_OfTheFirstDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting)
		w.create("csinodes", &storagev1.CSINode{
			ObjectMeta: metav1.ObjectMeta{Name: "a"},
			Spec:       storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: driver, NodeID: "id-a"}, {Name: "other", NodeID: "x"}}},
		})
		w.run()
		defer w.depose()
		require.Equal(t, "id-a", w.NodeID("a"))
	})
}

// A Manager that somebody else has rebuilt is not yet a controller that serves.
func TestLead_RebuiltBeforeItServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a")
		w.fail("list", "csinodes", errDown)
		w.run()
		defer w.depose()
		w.ok(w.manager.Rebuild(context.Background()))
		w.code(csi.Unavailable, w.publish("a", rwo))
	})
}

// A call that waits for the turn when leadership ends is told so at once.
func TestLead_EndsWhileACallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		turn, err := w.manager.Begin(context.Background(), "v")
		w.ok(err)
		result := make(chan error)
		go func() { result <- w.publish("a", rwo) }()
		synctest.Wait()
		began := time.Now()
		w.depose()
		w.code(csi.Unavailable, <-result)
		require.Zero(t, time.Since(began))
		turn.End()
		require.Zero(t, w.manager.Sizes()["turns"])
	})
}

// A wish that appears, and is not fulfilled yet, while the sweep waits for the volume's turn.
func TestSweep_AnUnfulfilledWishMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := orphan(t, "v")
		defer w.depose()
		turn, err := w.manager.Begin(context.Background(), "v")
		w.ok(err)
		swept := make(chan error)
		go func() { swept <- w.Sweep(context.Background()) }()
		synctest.Wait()
		w.va("v", "a", false)
		synctest.Wait()
		turn.End()
		w.ok(<-swept)
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		require.Empty(t, w.backend.calls())
	})
}

// Of two uncertain nodes the sweep ends the one that nobody wishes for.
func TestSweep_OneOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		w.backend.on("grant", true, errDown)
		for _, n := range []string{"a", "b"} {
			w.code(csi.Unavailable, w.publishWith(csi.PublishRequest{Volume: "v", NodeID: "id-" + n, Mode: attachment.ReadWriteMany}))
		}
		w.backend.hook = nil
		w.va("v", "a", false)
		w.restart()
		defer w.depose()
		w.backend.calls()
		w.ok(w.Sweep(context.Background()))
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		require.Equal(t, []string{"revoke id-b"}, w.backend.calls())
	})
}

// An entry whose id was kept is not doubted because of an id that nobody tells.
func TestUnpublish_OfAnUnknownIDBesideAKeptOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		defer w.depose()
		w.ok(w.publish("a", rwo))
		w.deleteNode("a")
		w.ok(w.Unpublish(context.Background(), "v", "id-nobody"))
		require.Equal(t, []string{"a a-uid held"}, w.believed())
	})
}
