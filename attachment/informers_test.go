package attachment

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

// In the steady case an attach and a detach cost one patch each, and so do they when others write to the PersistentVolume.
func TestCallsOfALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v", "w")
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		w.calls()
		for _, v := range []string{"v", "w", "v"} {
			w.must(w.m.TrackAttachment(ctx, v, "n1"))
			w.edit("pv-"+v, func(pv *corev1.PersistentVolume) { pv.Status.Phase = corev1.VolumeBound })
			synctest.Wait()
			w.must(w.m.Repair(ctx))
			w.must(w.m.UntrackAttachment(ctx, v))
			require.Equal(t, []string{"patch persistentvolumes", "patch persistentvolumes"}, w.calls())
			synctest.Wait()
			w.clock.Step(2 * time.Minute) // the stamp, and with it the volume, is forgotten
		}
		require.Len(t, w.records, 6)
		w.must(w.m.Repair(ctx))
		require.Empty(t, w.calls(), "a steady pass costs nothing")
	})
}

// A cache that lags behind our own writes does not cause conflicts, and its word that somebody has a volume is not taken for it.
func TestLaggingCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		indexer := w.m.informers.Load().pvs.GetIndexer()
		lag := func() { // what is cached now is cached again after do
			old := indexer.List()[0]
			synctest.Wait()
			require.NoError(t, indexer.Update(old))
		}
		w.calls()
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		lag()
		w.must(w.m.UntrackAttachment(ctx, "v"))
		lag()
		w.must(w.m.TrackAttachment(ctx, "v", "n2"))
		require.Equal(t, []string{"patch persistentvolumes", "patch persistentvolumes", "patch persistentvolumes"}, w.calls())
		synctest.Wait()
		attached := indexer.List()[0]
		w.must(w.m.UntrackAttachment(ctx, "v"))
		synctest.Wait()
		w.clock.Step(time.Hour)
		w.must(w.m.Repair(ctx))
		require.Zero(t, w.m.Sizes()["volumes"])

		require.NoError(t, indexer.Update(attached))
		w.calls()
		w.must(w.m.TrackAttachment(ctx, "v", "n3"))
		require.Equal(t, []string{"get persistentvolumes", "patch persistentvolumes"}, w.calls())
		require.Equal(t, first+2, w.instance("v", "n3").Epoch)
	})
}

// What a deposed leader's last write did, which arrives after the rebuild, is seen, and settled in the next pass.
func TestForeignWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v", "w", "x")
		w.must(w.m.TrackAttachment(ctx, "w", "n1"))
		w.wish("pv-w", "n1", "attached")
		w.restart()
		defer w.lead(t)()
		require.Equal(t, []string{"w"}, sortedKeys(w.m.suspects), "nobody has read it yet")
		w.must(w.m.Rebuild(ctx))
		require.Empty(t, w.m.suspects)
		w.calls()

		w.setRecord("pv-v", `{"version":1,"mode":"ReadWriteOnce","epoch":1,"instances":[{"node":"n9","epoch":1,"state":"uncertain","attachedAt":"2026-01-31T11:00:00Z"}]}`)
		w.setRecord("pv-w", fmt.Sprintf(`{"version":1,"epoch":%d}`, w.instance("w", "n1").Epoch))
		w.setRecord("pv-x", `{"version":1,"epoch":1}`)
		synctest.Wait()
		require.Equal(t, []string{"v", "w"}, sortedKeys(w.m.suspects), "of x there is nothing to know")
		w.must(w.m.Repair(ctx))
		require.Equal(t, []string{"get persistentvolumes", "get persistentvolumes"}, w.calls())
		require.Equal(t, []string{"n9=uncertain"}, w.holders("v"))
		require.Empty(t, w.holders("w"))
		require.Equal(t, []Instance{{"v", "n9", "", 1}}, w.m.Orphans())
		w.must(w.m.Repair(ctx))
		require.Empty(t, w.calls())
		require.Zero(t, w.m.Sizes()["suspects"])
		require.Zero(t, w.m.Sizes()["dirty"])
	})
}

// A watch may show our own write before its reply comes: there is nothing to look at, unless it shows another one still.
func TestOwnWriteIsSeenBeforeItsReply(t *testing.T) {
	for ahead, want := range []int{0: 0, 1: 1} {
		w := newWorld(t, "v")
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.effects = []effect{{do: func() {
			pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-v", ResourceVersion: strconv.Itoa(w.version + 1 + ahead)}}
			pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "v"}
			w.m.observe(pv)
			require.Equal(t, 1, w.m.Sizes()["suspects"])
		}}}
		w.must(w.m.UntrackAttachment(ctx, "v"))
		require.Equal(t, want, w.m.Sizes()["suspects"])
	}
}

// A PersistentVolume that comes after the attach gets the record in the next pass.
func TestPersistentVolumeComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.calls()
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		require.Equal(t, []string{"list persistentvolumes"}, w.calls(), "what will not be persisted is looked for live")
		pv := &corev1.PersistentVolume{}
		pv.Name, pv.ResourceVersion = "pv-v", "100"
		pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "v"}
		w.version = 100
		w.must(w.client.Tracker().Create(pvResource, pv, ""))
		synctest.Wait()
		w.must(w.m.Repair(ctx))
		require.Equal(t, []string{"n1"}, w.named("pv-v"))
		require.Equal(t, []string{"n1=held"}, w.holders("v"))
	})
}

// Orphans are the controller's until a VolumeAttachment for the node appears.
func TestOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "b", "a")
		for _, v := range []string{"b", "a"} {
			w.must(w.m.TrackAttachmentWithMode(ctx, v, "n1", ReadWriteMany, WithUID("u")))
			w.must(w.m.AddSecondaryAttachment(ctx, v, "n2", 0))
		}
		w.wish("pv-a", "n2", "attached")
		w.restart()
		w.must(w.m.Rebuild(ctx))
		require.Empty(t, w.m.Orphans(), "nobody knows while there is no informer")
		stop := w.lead(t)
		w.must(w.m.Rebuild(ctx))
		want := []Instance{w.instance("a", "n1"), w.instance("b", "n1"), w.instance("b", "n2")}
		require.Equal(t, want, w.m.Orphans())
		w.calls()
		live, err := w.m.LiveOrphans(ctx)
		w.must(err)
		require.Equal(t, want, live)
		require.Equal(t, []string{"list volumeattachments"}, w.calls())

		turn, err := w.m.Begin(ctx, "a")
		w.must(err)
		turn.Doubt(want[0])
		turn.End()
		require.Equal(t, want, w.m.Orphans(), "an unpublish that failed is tried again")
		turn, err = w.m.Begin(ctx, "a")
		w.must(err)
		removed, err := turn.Remove(ctx, Detached, want[0])
		w.must(err)
		require.True(t, removed)
		turn.End()
		require.Equal(t, want[1:], w.m.Orphans())
		w.client.PrependReactor("list", "volumeattachments", func(k8stesting.Action) (bool, runtime.Object, error) {
			var list storagev1.VolumeAttachmentList
			for _, at := range [][2]string{{"pv-a", "n2"}, {"pv-b", "n1"}} {
				list.Items = append(list.Items, storagev1.VolumeAttachment{Spec: storagev1.VolumeAttachmentSpec{
					Attacher: driver, NodeName: at[1], Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &at[0]},
				}})
			}
			return true, &list, nil
		})
		live, err = w.m.LiveOrphans(ctx)
		w.must(err)
		require.Equal(t, want[2:], live, "the cache does not show the VolumeAttachment yet")
		w.client.PrependReactor("list", "volumeattachments", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, errReset })
		_, err = w.m.LiveOrphans(ctx)
		require.ErrorIs(t, err, errReset)

		w.wish("pv-b", "n1")
		synctest.Wait()
		require.Equal(t, want[2:], w.m.Orphans(), "the sidecar sees to it")
		w.must(w.m.AddSecondaryAttachment(ctx, "b", "n2", 0))
		require.Empty(t, w.m.Orphans(), "confirmed")
		w.calls()
		live, err = w.m.LiveOrphans(ctx)
		w.must(err)
		require.Empty(t, live)
		require.Empty(t, w.calls(), "nobody is asked")
		stop()
	})
}

// Start without a client has nothing to run; with one, wait returns when its context has ended, and nothing runs after that.
func TestStart(t *testing.T) {
	m, err := NewManager(nil)
	require.NoError(t, err)
	wait, err := m.Start(ctx)
	require.NoError(t, err)
	wait()
	require.NoError(t, m.TrackAttachment(ctx, "v", "n1"))
	turn, err := m.Begin(ctx, "v")
	require.NoError(t, err)
	pv, err := turn.PersistentVolume(ctx)
	require.NoError(t, err)
	require.Nil(t, pv)
	turn.End()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		for range 2 { // a leadership may come again
			stop := w.lead(t)
			require.NotNil(t, w.m.synced())
			stop()
			require.Nil(t, w.m.synced())
		}
	})
}

// The caller's PersistentVolume comes from the informer, and live if that has none.
func TestTurnPersistentVolume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		look := func(volume string) (*corev1.PersistentVolume, error) {
			turn, err := w.m.Begin(ctx, volume)
			w.must(err)
			defer turn.End()
			w.calls()
			return turn.PersistentVolume(ctx)
		}
		pv, err := look("v")
		w.must(err)
		require.Equal(t, "pv-v", pv.Name)
		require.Equal(t, []string{"list persistentvolumes"}, w.calls())
		defer w.lead(t)()
		pv, err = look("v")
		w.must(err)
		require.Equal(t, "pv-v", pv.Name)
		require.Empty(t, w.calls())
		pv, err = look("unknown")
		w.must(err)
		require.Nil(t, pv)
		require.Equal(t, []string{"list persistentvolumes"}, w.calls())
	})
}

// The indexes take what they are given.
func TestIndexes(t *testing.T) {
	for _, o := range []any{nil, "text", cache.DeletedFinalStateUnknown{}, &corev1.PersistentVolume{}} {
		for _, index := range []cache.IndexFunc{indexHandle, indexNode} {
			keys, err := index(o)
			require.NoError(t, err)
			require.Empty(t, keys)
		}
	}
	m, err := NewManager(nil)
	require.NoError(t, err)
	m.observe("text")
	m.observe(&corev1.PersistentVolume{})
	require.Zero(t, m.Sizes()["suspects"])
}

// A volume that hangs in a call holds up nobody else, and its own readers least of all.
func TestHungCallHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v", "w")
		hang := make(chan struct{})
		w.client.PrependReactor("patch", "persistentvolumes", func(a k8stesting.Action) (bool, runtime.Object, error) {
			if a.(k8stesting.PatchAction).GetName() == "pv-v" {
				w.client.Unlock() // the fake holds it while reactors run
				<-hang
				w.client.Lock()
			}
			return false, nil, nil
		})
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		hung := make(chan error)
		go func() { hung <- w.m.TrackAttachment(ctx, "v", "n1") }()
		synctest.Wait()

		w.must(w.m.TrackAttachment(ctx, "w", "n1"))
		require.Empty(t, w.holders("v"), "reserved, but not on record: nobody sees it")
		require.Len(t, w.m.ListAttachments(), 1)
		w.must(w.m.Repair(ctx))
		w.must(w.m.Rebuild(ctx))
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		err := w.m.TrackAttachment(impatient, "v", "n2")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "track v on n2: wait for another call: context deadline exceeded")
		close(hang)
		w.must(<-hung)
		require.Equal(t, []string{"n1=held"}, w.holders("v"))
	})
}

// Suspicion of what cannot be read, or is ambiguous, ends in a refusal.
func TestSuspectsThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v", "w")
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.must(w.m.TrackAttachment(ctx, "w", "n1"))
		synctest.Wait()
		w.setRecord("pv-v", "garbage")
		synctest.Wait()
		require.ErrorIs(t, w.m.Repair(ctx), ErrRecord)
		require.ErrorIs(t, w.m.UntrackAttachment(ctx, "v"), ErrRecord)

		twin := &corev1.PersistentVolume{}
		twin.Name, twin.ResourceVersion = "pv-w-too", "1000"
		twin.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "w"}
		w.must(w.client.Tracker().Create(pvResource, twin, ""))
		synctest.Wait()
		w.must(w.m.UntrackAttachment(ctx, "w"), "memory knows its place")
		turn, err := w.m.Begin(ctx, "w")
		w.must(err)
		_, err = turn.PersistentVolume(ctx)
		require.ErrorIs(t, err, ErrAmbiguous)
		turn.End()
	})
}

// If the API server does not answer, a volume that memory does not know has no turn.
func TestUnknownVolumeInAnOutage(t *testing.T) {
	w := newWorld(t, "v")
	w.client.PrependReactor("list", "*", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewServiceUnavailable("away")
	})
	err := w.m.UntrackAttachment(ctx, "v")
	require.True(t, apierrors.IsServiceUnavailable(err))
	require.EqualError(t, err, "untrack v: read the record: list persistent volumes: away")
	require.Zero(t, w.m.Sizes()["turns"])
}

// Without a claim, events are on the PersistentVolume; without a recorder, nowhere.
func TestEventsWithoutClaim(t *testing.T) {
	w := newWorld(t, "v")
	w.edit("pv-v", func(pv *corev1.PersistentVolume) { pv.Spec.ClaimRef = nil })
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	require.Equal(t, []string{"PersistentVolume/pv-v Normal VolumeAttached volume v attached to n1"}, w.events.take())

	m, err := NewManager(w.client, WithDriver(driver))
	require.NoError(t, err)
	require.NoError(t, m.UntrackAttachment(ctx, "v"))
	require.Empty(t, w.named("pv-v"))
}

// What a rebuild cannot use is told to the log, for no caller gets it as an error.
func TestRebuildLogs(t *testing.T) {
	var lines []string
	w := newWorld(t, "v")
	w.restart(WithLogger(funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})))
	w.setRecord("pv-v", "{}")
	w.must(w.m.Rebuild(ctx))
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "rebuild v: persistent volume pv-v: attachment record: version 0, not 1")
}

// A volume that cannot be looked for is not attached unpersisted.
func TestReserveNeedsALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.lead(t)()
		w.client.PrependReactor("list", "persistentvolumes", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, errReset })
		require.ErrorIs(t, w.m.TrackAttachment(ctx, "v", "n1"), errReset)
		require.Empty(t, w.holders("v"))
	})
}
