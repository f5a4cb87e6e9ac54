package attachment

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

// The tests of this file are those that mutants of the package asked for: each fails for one that all others let live.

// A document of exactly the most bytes is written and read; one byte more is neither.
func TestRecordAtItsBound(t *testing.T) {
	r := record{mode: ReadWriteOnce, epoch: 1, holders: []holder{{node: "n", epoch: 1, at: noon, state: Held}}}
	text, err := encode(r, time.Time{})
	require.NoError(t, err)
	r.holders[0].node += strings.Repeat("n", documentBytesMax-len(text))
	text, err = encode(r, time.Time{})
	require.NoError(t, err)
	require.Len(t, text, documentBytesMax)
	_, _, err = decode(text)
	require.NoError(t, err)
	r.holders[0].node += "n"
	_, err = encode(r, time.Time{})
	require.Error(t, err)
	_, _, err = decode(text + " ")
	require.ErrorIs(t, err, ErrRecord)
}

// A rebuild under way is a turn in use.
func TestSizesOfARebuild(t *testing.T) {
	w := newWorld(t)
	var turns int
	w.client.PrependReactor("list", "persistentvolumes", func(k8stesting.Action) (bool, runtime.Object, error) {
		turns = w.m.Sizes()["turns"]
		return false, nil, nil
	})
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, 1, turns)
	require.Zero(t, w.m.Sizes()["turns"])
}

// The duration of a migration is the time from its start to its end.
func TestMigrationDuration(t *testing.T) {
	w := newWorld(t, "v")
	w.clock.Step(time.Hour) // a clock that has run for a while
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", time.Minute))
	w.clock.Step(20 * time.Second)
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n1"))
	families, err := w.metrics.Gather()
	w.must(err)
	var sum float64
	for _, f := range families {
		if f.GetName() == "holdfast_migration_duration_seconds" {
			sum = f.GetMetric()[0].GetHistogram().GetSampleSum()
		}
	}
	require.Equal(t, 20.0, sum)
}

// Version never goes back, or two changes could look like none.
func TestVersionGrows(t *testing.T) {
	w := newWorld(t, "v")
	grows := func(do func()) {
		t.Helper()
		before := w.m.Version()
		do()
		require.Greater(t, w.m.Version(), before)
	}
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", time.Minute))
	w.clock.Step(time.Hour)
	grows(w.m.ExpireMigrations)
	grows(func() { require.Error(t, w.m.TrackAttachmentWithMode(ctx, "v", "n3", ReadWriteMany)) }) // a conflict is counted
	grows(func() { w.must(w.m.UntrackAttachment(ctx, "v")) })
	grows(func() { w.m.ClearDetachTimestamp("v") })
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	w.must(w.m.UntrackAttachment(ctx, "v"))
	w.clock.Step(time.Hour)
	grows(func() { w.must(w.m.Repair(ctx)) })
}

// What is about to be granted is no orphan, though nobody has a wish for it.
func TestReservationIsNoOrphan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		turn, err := w.m.Begin(ctx, "v")
		w.must(err)
		_, err = turn.Reserve(ctx, Claim{Node: "n1", Mode: ReadWriteOnce})
		w.must(err)
		turn.End()
		require.Equal(t, []string{"n1=uncertain"}, w.holders("v"))
		require.Empty(t, w.m.Orphans())
	})
}

// Whoever had a wish when memory was rebuilt is an orphan when that is gone, in doubt or not.
func TestOrphanAfterARebuild(t *testing.T) {
	for _, wished := range []bool{true, false} {
		t.Run("wished="+strconv.FormatBool(wished), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.createPV("pv-v", "v", `{"version":1,"mode":"ReadWriteOnce","epoch":7,"instances":[{"node":"n1","epoch":6,"state":"held","attachedAt":"2026-01-31T11:00:00Z"}]}`)
				if wished {
					w.wish("pv-v", "n1", "attached")
				}
				defer w.lead(t)()
				w.must(w.m.Rebuild(ctx))
				if wished {
					require.Empty(t, w.m.Orphans())
					w.must(w.client.StorageV1().VolumeAttachments().Delete(ctx, "va-pv-v-n1", metav1.DeleteOptions{}))
				}
				synctest.Wait()
				require.Len(t, w.m.Orphans(), 1)
			})
		})
	}
}

// What a VolumeAttachment asked for that is deleted is an orphan, until a publish asks for it anew. One that was attached after
// the deletion had begun is another's.
func TestOrphanOfADeletedWish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		w.wish("pv-v", "n1", "attached")
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		require.Empty(t, w.m.Orphans())
		remove := func() {
			w.must(w.client.StorageV1().VolumeAttachments().Delete(ctx, "va-pv-v-n1", metav1.DeleteOptions{}))
			synctest.Wait()
		}
		remove()
		require.Equal(t, []Instance{w.instance("v", "n1")}, w.m.Orphans())
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		require.Empty(t, w.m.Orphans(), "it is wanted again")

		for age, orphans := range map[time.Duration]int{-time.Second: 1, -time.Second - 1: 0} {
			w.must(w.m.UntrackAttachment(ctx, "v"))
			w.must(w.m.TrackAttachment(ctx, "v", "n1"))
			a, _ := w.m.GetAttachment("v")
			deleted := metav1.NewTime(a.Entries[0].AttachedAt.Add(age))
			w.m.abandon(w.m.informers.Load(), cache.DeletedFinalStateUnknown{Obj: &storagev1.VolumeAttachment{
				ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deleted},
				Spec:       storagev1.VolumeAttachmentSpec{Attacher: driver, NodeName: "n1", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: new("pv-v")}},
			}})
			require.Len(t, w.m.Orphans(), orphans, age)
		}
	})
}

// A wish that says nothing does not hide the next one.
func TestRebuildWithoutRecordSkipsIdleWishes(t *testing.T) {
	w := newWorld(t, "v")
	w.wish("pv-v", "n1")
	w.wish("pv-v", "n2", "attached")
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, []string{"n2=held"}, w.holders("v"))
}

// What is asked for again is not read again.
func TestReserveAgainCostsNothing(t *testing.T) {
	w := newWorld(t, "v")
	for range 2 {
		turn, err := w.m.Begin(ctx, "v")
		w.must(err)
		_, err = turn.Reserve(ctx, Claim{Node: "n1", UID: "u1", Mode: ReadWriteOnce})
		w.must(err)
		turn.End()
		w.calls()
	}
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	defer turn.End()
	_, err = turn.Reserve(ctx, Claim{Node: "n1", UID: "u1", Mode: ReadWriteOnce})
	w.must(err)
	require.Empty(t, w.calls())
}

// A volume under suspicion loses its PersistentVolume, and then the watch: neither is a reason to die of.
func TestSuspectGoes(t *testing.T) {
	const foreign = `{"version":1,"mode":"ReadWriteOnce","epoch":9,"instances":[{"node":"n9","epoch":9,"state":"held","attachedAt":"2026-01-31T11:00:00Z"}]}`
	suspect := func(t *testing.T) (w *world, stop func()) {
		w = newWorld(t, "v")
		stop = w.lead(t)
		w.must(w.m.Rebuild(ctx))
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.setRecord("pv-v", foreign)
		synctest.Wait()
		require.Equal(t, 1, w.m.Sizes()["suspects"])
		return w, stop
	}
	for name, look := range map[string]func(w *world) error{
		"repair":  func(w *world) error { return w.m.Repair(ctx) },
		"rebuild": func(w *world) error { return w.m.Rebuild(ctx) },
	} {
		t.Run("deleted, then a "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, stop := suspect(t)
				defer stop()
				w.deletePV("pv-v")
				synctest.Wait()
				w.must(look(w))
				require.Equal(t, []string{"n1=held"}, w.holders("v"))
			})
		})
	}
	t.Run("no longer watched", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, stop := suspect(t)
			stop()
			w.must(w.m.Repair(ctx))
			require.ErrorIs(t, w.m.TrackAttachment(ctx, "v", "n2"), ErrAttachedElsewhere)
		})
	})
}

// What is known of a write whose reply was lost is not forgotten because the watch shows the write.
func TestDoubtOutlivesSuspicion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		w.effects = []effect{{err: errReset, lost: true}}
		require.Error(t, w.m.TrackAttachment(ctx, "v", "n1"))
		synctest.Wait()
		require.Equal(t, []string{"n1"}, w.named("pv-v"))
		w.must(w.m.Repair(ctx))
		require.Empty(t, w.holders("v"), "nobody was told that it succeeded")
		require.Empty(t, w.named("pv-v"))
	})
}

// A volume in use, and one that cannot be read, keep no other from its repair.
func TestRepairGoesOn(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	for _, v := range []string{"a", "b", "c"} {
		w.effects = []effect{{err: errReset}}
		require.Error(t, w.m.TrackAttachment(ctx, v, "n1"))
	}
	w.setRecord("pv-b", "garbage")
	require.True(t, w.m.turns.try("a"))
	require.ErrorIs(t, w.m.Repair(ctx), ErrRecord)
	w.m.turns.release("a")
	require.Equal(t, []string{"a", "b"}, sortedKeys(w.m.dirty))
}

// A change that came after a rebuild's list stays under suspicion.
func TestRebuildKeepsNewerSuspicion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		defer w.lead(t)()
		w.must(w.m.Rebuild(ctx))
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		synctest.Wait()
		w.m.mu.Lock()
		w.m.suspects["v"] = "1000" // the watch was ahead of the list
		w.m.mu.Unlock()
		w.must(w.m.Rebuild(ctx))
		require.Equal(t, 1, w.m.Sizes()["suspects"])
		w.m.mu.Lock()
		w.m.suspects["v"] = "1"
		w.m.mu.Unlock()
		w.must(w.m.Rebuild(ctx))
		require.Zero(t, w.m.Sizes()["suspects"])
	})
}

// Only while nobody else has written since is the record our own.
func TestOwnEndsWithAnothersWrite(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	defer turn.End()
	_, err = turn.look(ctx)
	w.must(err)
	require.True(t, turn.cell.place.own)
	w.edit("pv-v", func(*corev1.PersistentVolume) {})
	_, err = turn.look(ctx)
	w.must(err)
	require.False(t, turn.cell.place.own)
}

// Another manager's holder comes in, though the record names ours first.
func TestAnothersHolderBesideOurs(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.setRecord("pv-v", fmt.Sprintf(`{"version":1,"mode":"ReadWriteMany","epoch":%d,"instances":[`+
		`{"node":"n1","epoch":%d,"state":"held","attachedAt":"2026-01-31T12:00:00Z"},`+
		`{"node":"n2","epoch":%d,"state":"held","attachedAt":"2026-01-31T12:00:00Z"}]}`, first+1, first, first+1))
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	defer turn.End()
	_, err = turn.look(ctx)
	w.must(err)
	require.Equal(t, []string{"n1=held", "n2=uncertain"}, w.holders("v"))
}

// What other drivers have does not hide what comes after it.
func TestRebuildAfterForeignObjects(t *testing.T) {
	w := newWorld(t)
	w.createPV("pv-a", "a", "")
	w.edit("pv-a", func(pv *corev1.PersistentVolume) { pv.Spec.CSI.Driver = "other" })
	w.createPV("pv-v", "v", "")
	w.wish("pv-a", "n1", "attached") // of ours by its attacher, of another driver by its volume
	w.wish("pv-v", "n1", "attached")
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, []string{"n1=held"}, w.holders("v"))
	require.Empty(t, w.holders("a"))
}

// The epoch that secures what an earlier leader wrote is used up.
func TestSecuringUsesUpAnEpoch(t *testing.T) {
	w := newWorld(t)
	w.createPV("pv-v", "v", `{"version":1,"mode":"ReadWriteMany","epoch":5,"instances":[{"node":"n1","uid":"u1","epoch":5,"state":"uncertain","attachedAt":"2026-01-31T11:00:00Z"}]}`)
	w.must(w.m.Rebuild(ctx))
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	defer turn.End()
	_, err = turn.Reserve(ctx, Claim{Node: "n1", UID: "u1", Mode: ReadWriteMany})
	w.must(err)
	require.EqualValues(t, 6, turn.Epoch())
	e, err := turn.Reserve(ctx, Claim{Node: "n2", UID: "u2", Mode: ReadWriteMany})
	w.must(err)
	require.EqualValues(t, 7, e.Epoch)
}

// To doubt what has gone meanwhile changes nothing.
func TestDoubtOfWhatIsGone(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	defer turn.End()
	gone := w.instance("v", "n1")
	_, err = turn.Remove(ctx, Detached, gone)
	w.must(err)
	turn.Doubt(gone)
	require.Empty(t, w.holders("v"))
}
