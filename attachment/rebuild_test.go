package attachment

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
)

// The table, row by row: what the record says of n1, what the VolumeAttachments say, and what n1 is then.
func TestRebuildTable(t *testing.T) {
	const named = `{"version":1,"mode":"ReadWriteOnce","epoch":7,"instances":[{"node":"n1","uid":"u1","epoch":6,"state":"uncertain","attachedAt":"2026-01-31T11:00:00Z"}]}`
	const other = `{"version":1,"mode":"ReadWriteMany","epoch":7,"instances":[{"node":"n2","epoch":6,"state":"held","attachedAt":"2026-01-31T11:00:00Z"}]}`
	for _, row := range []struct {
		name, record string
		wish         []string // nil: there is none
		want         []string
		orphan       bool
	}{
		{"named, attached", named, []string{"attached"}, []string{"n1/u1=held"}, false},
		{"named, not attached", named, []string{""}, []string{"n1/u1=uncertain"}, false},
		{"named, being deleted", named, []string{"deleting"}, []string{"n1/u1=uncertain"}, false},
		{"named, attached and being deleted", named, []string{"attached", "deleting"}, []string{"n1/u1=uncertain"}, false},
		{"named, no wish", named, nil, []string{"n1/u1=uncertain"}, true},
		{"other, attached", other, []string{"attached"}, []string{"n2=uncertain"}, true},
		{"tombstone, attached", `{"version":1,"epoch":7}`, []string{"attached"}, nil, false},
		{"tombstone, being deleted", `{"version":1,"epoch":7}`, []string{"deleting"}, nil, false},
		{"tombstone, no wish", `{"version":1,"epoch":7}`, nil, nil, false},
		{"no record, attached", "", []string{"attached"}, []string{"n1=held"}, false},
		{"no record, not attached", "", []string{""}, nil, false},
		{"no record, being deleted", "", []string{"deleting"}, []string{"n1=uncertain"}, false},
		{"no record, attached and being deleted", "", []string{"attached", "deleting"}, []string{"n1=uncertain"}, false},
		{"no record, no wish", "", nil, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.createPV("pv-v", "v", row.record)
				if row.wish != nil {
					w.wish("pv-v", "n1", row.wish...)
				}
				stop := w.lead(t)
				defer stop()
				require.False(t, w.m.Rebuilt())
				w.must(w.m.Rebuild(ctx))
				require.True(t, w.m.Rebuilt())
				require.Equal(t, row.want, w.holders("v"))
				require.Equal(t, row.orphan, len(w.m.Orphans()) == 1)
				if len(row.want) > 0 {
					require.Equal(t, map[string]float64{"tracked_attachments": 1}, w.counts(), "what is restored is no transition")
				}
				require.Empty(t, w.events.take())

				// In the end the record says what memory says.
				w.must(w.m.Repair(ctx))
				require.Len(t, w.named("pv-v"), len(row.want))
				w.calls()
				w.must(w.m.Repair(ctx))
				require.Empty(t, w.calls())
			})
		})
	}
}

// lead starts a leadership with its informers, in a bubble. stop ends it.
func (w *world) lead(t *testing.T) (stop func()) {
	leading, depose := context.WithCancel(ctx)
	wait, err := w.m.Start(leading)
	w.must(err)
	synctest.Wait()
	return func() { depose(); wait() }
}

// Everything comes back: mode, order, times, uids, the migration with its start and timeout, epochs and the detach stamp.
func TestRebuildRestoresAll(t *testing.T) {
	w := newWorld(t, "v", "gone", "long-gone")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n2", ReadWriteMany, WithUID("u2")))
	w.clock.Step(time.Second)
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u1"), WithMigrationTimeout(2*time.Minute)))
	w.must(w.m.TrackAttachment(ctx, "long-gone", "n1"))
	last := w.instance("long-gone", "n1").Epoch
	w.must(w.m.UntrackAttachment(ctx, "long-gone"))
	w.clock.Step(50 * time.Second)
	w.must(w.m.TrackAttachment(ctx, "gone", "n1"))
	w.must(w.m.UntrackAttachment(ctx, "gone"))
	w.clock.Step(10 * time.Second)
	w.wish("pv-v", "n1", "attached")
	w.wish("pv-v", "n2", "attached")
	before, stamp := w.m.ListAttachments(), w.m.GetDetachTimestamp("gone")

	w.restart()
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, before, w.m.ListAttachments())
	require.Equal(t, map[string]time.Time{"gone": stamp}, w.m.DetachTimestamps())
	require.True(t, w.m.IsWithinGracePeriod("gone", 11*time.Second))
	require.False(t, w.m.IsWithinGracePeriod("gone", 10*time.Second))
	require.EqualValues(t, 1, w.counts()["active_migrations"])
	at, ok := w.m.NextDeadline()
	require.True(t, ok)
	require.Equal(t, time.Second+2*time.Minute, at)

	w.must(w.m.TrackAttachment(ctx, "long-gone", "n1"))
	require.Equal(t, last+1, w.instance("long-gone", "n1").Epoch)
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n2"))
	require.Equal(t, map[string]float64{"attach_total": 1, "detach_total partial": 1, "migrations_total completed": 1,
		"migration_duration_seconds": 1, "tracked_attachments": 2}, w.counts())
}

// Across a restart ages are between zero and their limit, and what lies in the future counts as now.
func TestRebuildClampsAges(t *testing.T) {
	prepare := func() *world {
		w := newWorld(t, "v", "d")
		w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
		w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", time.Minute))
		w.must(w.m.TrackAttachment(ctx, "d", "n1"))
		w.must(w.m.UntrackAttachment(ctx, "d"))
		return w
	}
	t.Run("from the future", func(t *testing.T) {
		w := prepare()
		w.clock.jump(-time.Hour)
		w.restart()
		w.must(w.m.Rebuild(ctx))
		a, _ := w.m.GetAttachment("v")
		now := noon.Add(-time.Hour)
		require.Equal(t, now, a.Entries[0].AttachedAt)
		require.Equal(t, now, a.Migration.StartedAt)
		require.Equal(t, now, w.m.GetDetachTimestamp("d"))
		require.True(t, w.m.IsWithinGracePeriod("d", grace))
		at, _ := w.m.NextDeadline()
		require.Equal(t, time.Minute, at)
		w.clock.Step(grace)
		require.False(t, w.m.IsWithinGracePeriod("d", grace), "not for an hour")
		w.clock.Step(grace)
		w.m.ExpireMigrations()
		require.EqualValues(t, 1, w.counts()["migrations_total timed_out"])
	})
	t.Run("from long ago", func(t *testing.T) {
		w := prepare()
		w.clock.jump(time.Hour)
		w.restart()
		w.must(w.m.Rebuild(ctx))
		a, _ := w.m.GetAttachment("v")
		require.Equal(t, noon, a.Migration.StartedAt)
		require.Zero(t, w.m.GetDetachTimestamp("d"))
		at, _ := w.m.NextDeadline()
		require.Zero(t, at, "timed out now, not an hour ago")
	})
}

// The process may die after each of its writes. Whatever the record says then is there after the rebuild, and a repetition of
// the whole history ends as it should.
func TestRebuildFromEveryPrefix(t *testing.T) {
	history := []func(m *Manager) error{
		func(m *Manager) error { return m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u1")) },
		func(m *Manager) error { return m.AddSecondaryAttachment(ctx, "v", "n2", time.Minute) },
		func(m *Manager) error { return m.RemoveNodeAttachment(ctx, "v", "n1") },
		func(m *Manager) error { return m.AddSecondaryAttachment(ctx, "v", "n3", time.Minute) },
		func(m *Manager) error { return m.UntrackAttachment(ctx, "v") },
		func(m *Manager) error { return m.TrackAttachment(ctx, "v", "n4") },
	}
	whole := newWorld(t, "v")
	for _, do := range history {
		whole.must(do(whole.m))
		whole.clock.Step(time.Second)
	}
	require.Len(t, whole.records, len(history))
	var last uint64
	for i, text := range append([]string{""}, whole.records...) {
		r, stamp, err := record{}, time.Time{}, error(nil)
		if text != "" {
			r, stamp, err = decode(text)
		}
		require.NoError(t, err)
		require.GreaterOrEqual(t, r.epoch, last, "epochs grow")
		last = r.epoch
		w := newWorld(t)
		w.clock.Step(time.Duration(i) * time.Second)
		w.createPV("pv-v", "v", text)
		w.must(w.m.Rebuild(ctx))
		a, _ := w.m.GetAttachment("v")
		require.Equal(t, r.mode, a.Mode)
		require.Len(t, a.Entries, len(r.holders))
		for i, h := range r.holders {
			require.Equal(t, h.entry("v"), a.Entries[i])
		}
		require.Equal(t, r.migration, a.Migration)
		require.Equal(t, stamp, w.m.GetDetachTimestamp("v"))

		for _, do := range history[min(i, len(history)-1):] {
			w.must(do(w.m), "after %d writes", i)
		}
		require.Equal(t, []string{"n4=held"}, w.holders("v"))
		require.GreaterOrEqual(t, w.instance("v", "n4").Epoch, whole.instance("v", "n4").Epoch, "a rebuild may cost one")
	}
}

// A stamp that a reservation had kept is there again, unless the rebuild finds that the reservation was confirmed.
func TestRebuildOfKeptStamp(t *testing.T) {
	for _, attached := range []bool{true, false} {
		w := newWorld(t)
		w.createPV("pv-v", "v", `{"version":1,"mode":"ReadWriteOnce","epoch":7,"instances":[{"node":"n1","epoch":7,"state":"uncertain","attachedAt":"2026-01-31T12:00:00Z"}],"detachedAt":"2026-01-31T11:59:59Z"}`)
		if attached {
			w.wish("pv-v", "n1", "attached")
		}
		w.must(w.m.Rebuild(ctx))
		require.Equal(t, attached, w.m.GetDetachTimestamp("v").IsZero())
	}
}

// What memory has without a record gives way to a record that does not name it.
func TestRebuildPrefersRecord(t *testing.T) {
	w := newWorld(t)
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0))
	w.createPV("pv-v", "v", `{"version":1,"mode":"ReadWriteMany","epoch":7,"instances":[{"node":"n3","epoch":7,"state":"held","attachedAt":"2026-01-31T12:00:00Z"}]}`)
	w.wish("pv-v", "n3", "attached")
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, []string{"n3=held"}, w.holders("v"))
	require.Equal(t, map[string]float64{"attach_total": 2, "tracked_attachments": 1, "migrations_total started": 1}, w.counts())
	w.clock.Step(time.Hour)
	w.m.ExpireMigrations()
	require.NotContains(t, w.counts(), "migrations_total timed_out")
}

// Without a record, the VolumeAttachments tell who has the volume, since when, and how.
func TestRebuildWithoutRecord(t *testing.T) {
	w := newWorld(t, "v")
	for node, age := range map[string]time.Duration{"n1": time.Minute, "n2": time.Hour, "n3": -time.Hour} {
		va := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: node, CreationTimestamp: metav1.NewTime(noon.Add(-age))}}
		va.Spec = storagev1.VolumeAttachmentSpec{Attacher: driver, NodeName: node}
		name := "pv-v"
		va.Spec.Source.PersistentVolumeName = &name
		va.Status.Attached = true
		w.must(w.client.Tracker().Add(va))
	}
	w.must(w.m.Rebuild(ctx))
	a, _ := w.m.GetAttachment("v")
	require.Equal(t, ReadWriteMany, a.Mode)
	require.Nil(t, a.Migration)
	var nodes []string
	for _, e := range a.Entries {
		nodes = append(nodes, e.Node)
		require.Empty(t, e.UID)
		require.GreaterOrEqual(t, e.Epoch, uint64(noon.UnixMicro()), "no lower than any that was granted before")
		require.False(t, e.AttachedAt.After(noon))
	}
	require.Equal(t, []string{"n2", "n1", "n3"}, nodes)
	require.Equal(t, 1, w.m.Sizes()["dirty"])
	w.must(w.m.Repair(ctx))
	require.ElementsMatch(t, nodes, w.named("pv-v"))
	before := w.m.ListAttachments()
	w.restart()
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, before, w.m.ListAttachments())
}

// What is of other drivers, of no PersistentVolume, or of none that is known, is nobody here.
func TestRebuildIgnoresOthers(t *testing.T) {
	w := newWorld(t, "v")
	w.edit("pv-v", func(pv *corev1.PersistentVolume) {
		pv.Spec.CSI.Driver = "other.dev"
		pv.Annotations = map[string]string{Annotation: "garbage"}
	})
	w.wish("pv-v", "n1", "attached")
	w.wish("pv-unknown", "n1", "attached")
	foreign := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}}
	foreign.Spec = storagev1.VolumeAttachmentSpec{Attacher: "other.dev", NodeName: "n1"}
	foreign.Status.Attached = true
	w.must(w.client.Tracker().Add(foreign))
	empty := foreign.DeepCopy()
	empty.Name, empty.Spec.Attacher = "empty", driver
	w.must(w.client.Tracker().Add(empty))
	w.must(w.client.Tracker().Add(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "hostpath"}}))
	w.must(w.m.Rebuild(ctx))
	require.Empty(t, w.m.ListAttachments())

	inline := foreign.DeepCopy()
	inline.Name, inline.Spec.Attacher = "inline", driver
	inline.Spec.Source.InlineVolumeSpec = &corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
		CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "inline"}}}
	w.must(w.client.Tracker().Add(inline))
	w.restart()
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, []string{"n1=held"}, w.holders("inline"))
	require.Empty(t, w.holders("v"))
}

// A volume that cannot be rebuilt does not keep the others from it. Its own calls are refused until somebody mends it.
func TestRebuildOfUnusableRecord(t *testing.T) {
	w := newWorld(t, "v", "w")
	w.wish("pv-v", "n1", "attached")
	w.setRecord("pv-v", `{"version":2}`)
	w.createPV("pv-a", "twice", "")
	w.createPV("pv-b", "twice", "")
	w.wish("pv-a", "n1", "attached")
	w.wish("pv-b", "n2", "deleting")
	w.must(w.m.Rebuild(ctx))
	require.True(t, w.m.Rebuilt())
	require.Equal(t, []string{"n1=held"}, w.holders("v"))
	require.Len(t, w.holders("twice"), 2)
	w.must(w.m.TrackAttachment(ctx, "w", "n1"))
	err := w.m.Repair(ctx)
	require.ErrorIs(t, err, ErrRecord)
	require.ErrorIs(t, err, ErrAmbiguous)
	require.ErrorIs(t, w.m.TrackAttachment(ctx, "v", "n2"), ErrRecord)
	require.ErrorIs(t, w.m.UntrackAttachment(ctx, "twice"), ErrAmbiguous)

	w.deletePV("pv-b")
	w.setRecord("pv-v", `{"version":1,"mode":"ReadWriteOnce","epoch":7,"instances":[{"node":"n1","uid":"u","epoch":6,"state":"held","attachedAt":"2026-01-31T11:00:00Z"}]}`)
	w.must(w.m.Repair(ctx))
	require.Equal(t, []string{"n1/u=held"}, w.holders("v"), "the record's entry, with what was known of it")
	require.EqualValues(t, 6, w.instance("v", "n1").Epoch)
	require.Equal(t, 2, len(w.named("pv-a")))
}

// A list that fails is a rebuild that fails, and opens nothing.
func TestRebuildFails(t *testing.T) {
	for _, resource := range []string{"persistentvolumes", "volumeattachments"} {
		w := newWorld(t, "v")
		fails := true
		w.client.PrependReactor("list", resource, func(k8stesting.Action) (bool, runtime.Object, error) {
			return fails, nil, apierrors.NewResourceExpired("the provided continue parameter is too old")
		})
		err := w.m.Rebuild(ctx)
		require.True(t, apierrors.IsResourceExpired(err), "%v", err)
		require.False(t, w.m.Rebuilt())
		fails = false
		w.must(w.m.Rebuild(ctx))
		require.True(t, w.m.Rebuilt())
	}
	m, err := NewManager(nil)
	require.NoError(t, err)
	require.NoError(t, m.Rebuild(ctx))
	require.True(t, m.Rebuilt())
}

// Lists come in pages.
func TestRebuildReadsAllPages(t *testing.T) {
	w := newWorld(t)
	var asked []string
	w.client.PrependReactor("list", "persistentvolumes", func(a k8stesting.Action) (bool, runtime.Object, error) {
		o := a.(k8stesting.ListActionImpl).ListOptions
		asked = append(asked, fmt.Sprint(o.Limit, o.Continue))
		l := &corev1.PersistentVolumeList{}
		pv := corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv" + o.Continue, ResourceVersion: "1"}}
		pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "v" + o.Continue}
		pv.Annotations = map[string]string{Annotation: `{"version":1,"mode":"ReadWriteOnce","epoch":1,"instances":[{"node":"n1","epoch":1,"state":"held","attachedAt":"2026-01-31T11:00:00Z"}]}`}
		l.Items = []corev1.PersistentVolume{pv}
		l.Continue = map[string]string{"": "-2", "-2": "-3"}[o.Continue]
		return true, l, nil
	})
	w.must(w.m.Rebuild(ctx))
	require.Equal(t, []string{"500", "500-2", "500-3"}, asked)
	require.Len(t, w.m.ListAttachments(), 3)
}

// Each leadership needs a rebuild of its own, which forgets what the other leader has undone in between.
func TestRebuildIsPerLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v", "w")
		w.must(w.m.Rebuild(ctx))
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.must(w.m.TrackAttachment(ctx, "w", "n1"))
		w.must(w.m.TrackAttachment(ctx, "only-in-memory", "n1"))
		w.wish("pv-v", "n1", "attached")
		w.must(w.m.Rebuild(ctx))
		require.Equal(t, []string{"n1=held"}, w.holders("only-in-memory"), "the API server cannot know")
		require.Equal(t, []string{"n1=uncertain"}, w.holders("w"))

		w.setRecord("pv-v", `{"version":1,"epoch":4,"detachedAt":"2026-01-31T11:59:59Z"}`)
		w.deletePV("pv-w")
		defer w.lead(t)()
		require.False(t, w.m.Rebuilt())
		w.must(w.m.Rebuild(ctx))
		require.True(t, w.m.Rebuilt())
		require.Empty(t, w.m.ListAttachments())
		require.Equal(t, map[string]time.Time{"v": noon.Add(-time.Second)}, w.m.DetachTimestamps())
		require.NotContains(t, w.counts(), "tracked_attachments")
		require.NotContains(t, w.counts(), "detach_total full")
	})
}

// A deposed leader's rebuild opens nothing to the next one.
func TestRebuildOfFormerLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "v")
		w.client.PrependReactor("list", "volumeattachments", func(k8stesting.Action) (bool, runtime.Object, error) {
			w.m.mu.Lock()
			w.m.lead++ // what Start does
			w.m.mu.Unlock()
			return false, nil, nil
		})
		w.must(w.m.Rebuild(ctx))
		require.False(t, w.m.Rebuilt())
	})
}

// What an operation does while a rebuild reads survives it, before or after the rebuild comes to its volume.
func TestRebuildKeepsWhatHappensMeanwhile(t *testing.T) {
	run := func(name string, before, during func(*world), check func(*world)) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "v")
			before(w)
			happened := false
			w.client.PrependReactor("list", "persistentvolumes", func(k8stesting.Action) (bool, runtime.Object, error) {
				if happened { // not in the lists of the operation itself
					return false, nil, nil
				}
				happened = true
				l, _ := w.client.Tracker().List(pvResource, corev1.SchemeGroupVersion.WithKind("PersistentVolume"), "")
				w.client.Unlock() // the fake holds it while reactors run
				during(w)
				w.client.Lock()
				return true, l, nil // as it was before
			})
			w.must(w.m.Rebuild(ctx))
			check(w)
			w.must(w.m.Repair(ctx))
			require.Len(t, w.named("pv-v"), len(w.holders("v")))
			require.Zero(t, w.m.Sizes()["deferred"])
			require.Zero(t, w.m.Sizes()["turns"])
		})
	}
	holders := func(want ...string) func(*world) {
		return func(w *world) { require.Equal(w.t, want, w.holders("v")) }
	}
	nothing := func(*world) {}
	run("attach", nothing, func(w *world) { w.must(w.m.TrackAttachment(ctx, "v", "n1")) }, holders("n1=held"))
	attached := func(w *world) { w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany)) }
	run("detach", attached, func(w *world) { w.must(w.m.UntrackAttachment(ctx, "v")) }, holders([]string(nil)...))
	run("detach, forgotten at once", attached, func(w *world) {
		w.must(w.m.UntrackAttachment(ctx, "v"))
		w.m.ClearDetachTimestamp("v")
	}, holders([]string(nil)...))
	run("second attach", attached, func(w *world) { w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0)) }, holders("n1=held", "n2=held"))
	run("attach beside what only the record knows", func(w *world) {
		attached(w)
		w.wish("pv-v", "n1", "attached")
		w.restart()
	}, func(w *world) {
		w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0))
		require.Equal(w.t, []string{"n1=uncertain", "n2=held"}, w.holders("v"))
	}, holders("n1=held", "n2=held"))
	var turn *Turn
	run("a turn that does not end", func(w *world) {
		attached(w)
		w.wish("pv-v", "n1", "attached")
		w.restart()
	}, func(w *world) {
		var err error
		turn, err = w.m.Begin(ctx, "v")
		w.must(err)
	}, func(w *world) {
		require.True(w.t, w.m.Rebuilt(), "one volume does not hold up all others")
		require.Equal(w.t, []string{"n1=uncertain"}, w.holders("v"))
		require.Equal(w.t, 1, w.m.Sizes()["deferred"])
		_, err := turn.Reserve(ctx, Claim{Node: "n2", Mode: ReadWriteMany})
		w.must(err)
		turn.End()
		require.Equal(w.t, []string{"n1=held", "n2=uncertain"}, w.holders("v"))
	})
}

// Rebuilds wait for each other.
func TestRebuildsTakeTurns(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.rebuilding.acquire(ctx, ""))
	hasty, cancel := context.WithTimeoutCause(ctx, time.Nanosecond, errors.New("hasty"))
	defer cancel()
	require.ErrorContains(t, w.m.Rebuild(hasty), "rebuild: wait for another one: hasty")
	w.m.rebuilding.release("")
	w.must(w.m.Rebuild(ctx))
}

// A rebuild reads the outcome of what was tried before it.
func TestRebuildSettlesDoubt(t *testing.T) {
	w := newWorld(t, "v", "w")
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	w.effects = []effect{{err: errReset, lost: true}, {err: errReset, lost: true}}
	_, err := w.m.ClearStale(ctx, w.instance("v", "n1"))
	require.Error(t, err)
	require.Error(t, w.m.TrackAttachment(ctx, "w", "n1"))
	w.must(w.m.Rebuild(ctx))
	require.Empty(t, w.holders("v"))
	require.EqualValues(t, 1, w.counts()["stale_cleared_total"])
	require.Equal(t, []string{"n1=uncertain"}, w.holders("w"), "the record names it: the table says uncertain")
	require.Equal(t, 2, w.m.Sizes()["dirty"], "what was tried may still be on its way")
	w.must(w.m.Repair(ctx))
	require.Zero(t, w.m.Sizes()["dirty"])
	require.Equal(t, []string{"n1"}, w.named("pv-w"))
}
