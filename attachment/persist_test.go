package attachment

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	k8stesting "k8s.io/client-go/testing"
)

// A volume's life on its PersistentVolume, write by write.
func TestRecordOfALife(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u1")))
	w.clock.Step(time.Second)
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", time.Minute))
	w.clock.Step(time.Second)
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n1"))
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n2"))
	require.Equal(t, []string{
		`{"version":1,"mode":"ReadWriteMany","epoch":1,"instances":[{"node":"n1","uid":"u1","epoch":1,"state":"uncertain","attachedAt":"2026-01-31T12:00:00Z"}]}`,
		`{"version":1,"mode":"ReadWriteMany","epoch":2,"instances":[{"node":"n1","uid":"u1","epoch":1,"state":"held","attachedAt":"2026-01-31T12:00:00Z"},` +
			`{"node":"n2","epoch":2,"state":"uncertain","attachedAt":"2026-01-31T12:00:01Z"}],` +
			`"migration":{"startedAt":"2026-01-31T12:00:01Z","timeout":"1m0s","source":"n1","target":"n2"}}`,
		`{"version":1,"mode":"ReadWriteMany","epoch":2,"instances":[{"node":"n2","epoch":2,"state":"held","attachedAt":"2026-01-31T12:00:01Z"}]}`,
		`{"version":1,"epoch":2,"detachedAt":"2026-01-31T12:00:02Z"}`,
	}, counted(w.records...))
}

// counted are texts with the epochs of one world as if they began at 1.
func counted(texts ...string) []string {
	var pairs []string
	for n := range uint64(9) {
		pairs = append(pairs, strconv.FormatUint(first+n, 10), strconv.FormatUint(1+n, 10))
	}
	for i, text := range texts {
		texts[i] = strings.NewReplacer(pairs...).Replace(text)
	}
	return texts
}

func status(code int32, reason metav1.StatusReason) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: reason, Message: string(reason)}}
}

// After an error that is definite, nothing is left of an attach but the epoch at most, and no look at the API server is owed.
func TestDefiniteErrors(t *testing.T) {
	kind := schema.GroupKind{Kind: "PersistentVolume"}
	for _, failure := range []error{
		apierrors.NewInvalid(kind, "pv-v", nil),
		apierrors.NewForbidden(pvResource.GroupResource(), "pv-v", errors.New("no")),
		apierrors.NewUnauthorized("no"),
		apierrors.NewBadRequest("no"),
		apierrors.NewTooManyRequests("later", 1),
		apierrors.NewRequestEntityTooLargeError("no"),
		status(405, metav1.StatusReasonMethodNotAllowed),
	} {
		w := newWorld(t, "v")
		w.effects = []effect{{err: failure}}
		err := w.m.TrackAttachment(ctx, "v", "n1")
		require.ErrorIs(t, err, failure)
		require.ErrorContains(t, err, "track v on n1: patch persistent volume pv-v: ")
		require.Empty(t, w.holders("v"))
		require.Empty(t, w.counts())
		require.Empty(t, w.events.take())
		require.Zero(t, w.m.Sizes()["volumes"])
		require.Zero(t, w.m.Sizes()["turns"])

		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.effects = []effect{{err: failure}}
		require.ErrorIs(t, w.m.UntrackAttachment(ctx, "v"), failure)
		require.Equal(t, []string{"n1=uncertain"}, w.holders("v"), "an unpublish that failed")
		require.Zero(t, w.m.GetDetachTimestamp("v"))
		require.Zero(t, w.m.Sizes()["dirty"])
	}
}

// After an error that is not definite, memory is as after a definite one, and record and memory agree again after the next pass,
// or the next operation: whether the write was applied, or not, or arrives only when its sender has long given up.
func TestUnknownResults(t *testing.T) {
	failures := []error{
		errReset,
		context.DeadlineExceeded,
		context.Canceled,
		apierrors.NewTimeoutError("no answer", 1),
		apierrors.NewServerTimeout(pvResource.GroupResource(), "patch", 1),
		apierrors.NewInternalError(errors.New("etcd: request timed out")),
		apierrors.NewServiceUnavailable("draining"),
	}
	fates := map[string]effect{"applied": {lost: true}, "not applied": {}, "late": {late: true}}
	for name, fate := range fates {
		for _, failure := range failures {
			fate.err = failure
			t.Run(fmt.Sprintf("attach %s %v", name, failure), func(t *testing.T) {
				w := newWorld(t, "v")
				w.effects = []effect{fate}
				require.ErrorIs(t, w.m.TrackAttachment(ctx, "v", "n1"), failure)
				require.Empty(t, w.holders("v"), "nobody sees it")
				require.Equal(t, 1, w.m.Sizes()["dirty"])
				w.calls()
				w.must(w.m.Repair(ctx))
				require.Equal(t, []string{"get persistentvolumes", "patch persistentvolumes"}, w.calls())
				w.arrive()
				require.Empty(t, w.named("pv-v"))
				require.Empty(t, w.holders("v"))
				require.Zero(t, w.m.Sizes()["volumes"])
				w.must(w.m.Repair(ctx))
				require.Empty(t, w.calls(), "once")

				w.must(w.m.TrackAttachment(ctx, "v", "n2"))
				require.Equal(t, first+2, w.instance("v", "n2").Epoch, "no epoch is given out twice")
			})
			t.Run(fmt.Sprintf("detach %s %v", name, failure), func(t *testing.T) {
				w := newWorld(t, "v")
				w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
				w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0))
				w.effects = []effect{fate}
				require.ErrorIs(t, w.m.RemoveNodeAttachment(ctx, "v", "n1"), failure)
				require.Equal(t, []string{"n1=uncertain", "n2=held"}, w.holders("v"))
				w.must(w.m.RemoveNodeAttachment(ctx, "v", "n1"))
				w.arrive()
				require.Equal(t, []string{"n2=held"}, w.holders("v"))
				require.Equal(t, []string{"n2"}, w.named("pv-v"))
				require.EqualValues(t, 1, w.counts()["migrations_total completed"], "once")
				require.NotContains(t, w.counts(), "detach_total partial", "it was uncertain when it ended")
				require.Zero(t, w.m.Sizes()["dirty"])
			})
		}
	}
}

// A clear with an unknown result counts once, when it is known.
func TestClearWithLostReply(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	w.effects = []effect{{err: errReset, lost: true}}
	_, err := w.m.ClearStale(ctx, w.instance("v", "n1"))
	require.ErrorIs(t, err, errReset)
	require.NotContains(t, w.counts(), "stale_cleared_total")
	w.events.take()
	w.clock.Step(time.Second)
	w.must(w.m.Repair(ctx))
	require.Empty(t, w.holders("v"))
	require.EqualValues(t, 1, w.counts()["stale_cleared_total"])
	require.Equal(t, []string{"PersistentVolumeClaim/claim-v Warning StaleAttachmentCleared volume v cleared from n1, which is gone"}, w.events.take())
	require.Equal(t, noon, w.m.GetDetachTimestamp("v"), "when it was tried")
	require.Equal(t, []string{`{"version":1,"epoch":2,"detachedAt":"2026-01-31T12:00:00Z"}`}, counted(w.record("pv-v")))
}

// An operation that was tried in the turn of another that was lost settles it too.
func TestLostReplyWithinOneTurn(t *testing.T) {
	w := newWorld(t, "v")
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	w.effects = []effect{{err: errReset, lost: true}}
	_, err = turn.Reserve(ctx, Claim{Node: "n1", Mode: ReadWriteOnce})
	require.ErrorIs(t, err, errReset)
	e, err := turn.Reserve(ctx, Claim{Node: "n1", Mode: ReadWriteOnce})
	w.must(err)
	require.Equal(t, first+1, e.Epoch)
	require.Equal(t, first+1, turn.Epoch())
	turn.Confirm(e.Instance)
	turn.End()
	require.Equal(t, []string{"n1"}, w.named("pv-v"))
	require.Zero(t, w.m.Sizes()["dirty"])
}

// While a repair fails, the volume stays dirty and gives nobody a turn.
func TestRepairFails(t *testing.T) {
	w := newWorld(t, "v", "w")
	w.effects = []effect{{err: errReset, lost: true}, {err: errReset, lost: true}}
	require.Error(t, w.m.TrackAttachment(ctx, "v", "n1"))
	require.Error(t, w.m.TrackAttachment(ctx, "w", "n1"))

	forbidden := apierrors.NewForbidden(pvResource.GroupResource(), "pv-v", errors.New("no"))
	w.effects = []effect{{err: forbidden}}
	require.ErrorIs(t, w.m.TrackAttachment(ctx, "v", "n2"), forbidden)
	w.effects = []effect{{err: forbidden}}
	err := w.m.Repair(ctx)
	require.ErrorContains(t, err, "repair v: repair the record: patch persistent volume pv-v")
	require.Equal(t, 1, w.m.Sizes()["dirty"], "one volume's failure does not keep the other from its repair")
	require.Empty(t, w.named("pv-w"))

	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, w.m.Repair(ended), context.Canceled)
	for range attemptsMax { // somebody always writes in between
		w.effects = append(w.effects, effect{do: func() { w.edit("pv-v", func(*corev1.PersistentVolume) {}) }})
	}
	err = w.m.Repair(ctx)
	require.True(t, apierrors.IsConflict(err), "%v", err)
	require.ErrorContains(t, err, "others wrote 5 times in between")
	w.must(w.m.Repair(ctx))
	require.Zero(t, w.m.Sizes()["dirty"])

	w.effects = []effect{{err: errReset, lost: true}}
	require.Error(t, w.m.TrackAttachment(ctx, "v", "n1"))
	w.client.PrependReactor("get", "persistentvolumes", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, errReset })
	require.ErrorIs(t, w.m.Repair(ctx), errReset)
}

// Somebody else writes to the PersistentVolume: labels, or the record itself.
func TestConflicts(t *testing.T) {
	t.Run("another field", func(t *testing.T) {
		w := newWorld(t, "v")
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.edit("pv-v", func(pv *corev1.PersistentVolume) { pv.Labels = map[string]string{"a": "b"} })
		w.calls()
		w.must(w.m.UntrackAttachment(ctx, "v"))
		require.Equal(t, []string{"patch persistentvolumes", "get persistentvolumes", "patch persistentvolumes"}, w.calls())
		require.Empty(t, w.named("pv-v"))
		require.EqualValues(t, 1, w.counts()["detach_total full"])
	})
	t.Run("two managers", func(t *testing.T) { // S18
		w := newWorld(t, "v")
		one := w.m
		w.must(one.TrackAttachment(ctx, "v", "n0"))
		w.must(one.UntrackAttachment(ctx, "v"))
		w.restart()
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		err := one.TrackAttachment(ctx, "v", "n2")
		require.ErrorIs(t, err, ErrAttachedElsewhere)
		require.ErrorContains(t, err, `v on n1 (uid "", epoch `+strconv.FormatUint(first+1, 10)+`)`)
		require.Equal(t, []string{"n1"}, w.named("pv-v"))
		a, _ := one.GetAttachment("v")
		require.Equal(t, Uncertain, a.Entries[0].State, "known from the record alone")

		w.must(w.m.UntrackAttachment(ctx, "v"))
		w.must(one.TrackAttachment(ctx, "w", "n2")) // no business of v
		w.must(one.TrackAttachment(ctx, "v", "n1"))
		require.Equal(t, []string{"n1"}, w.named("pv-v"))
		a, _ = one.GetAttachment("v")
		require.Equal(t, first+2, a.Entries[0].Epoch, "the other's entry was not taken for its own")
	})
	t.Run("removed by another manager", func(t *testing.T) {
		w := newWorld(t, "v")
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.setRecord("pv-v", fmt.Sprintf(`{"version":1,"epoch":%d,"detachedAt":"2026-01-31T11:59:50Z"}`, first+8))
		w.must(w.m.UntrackAttachment(ctx, "v"))
		require.Empty(t, w.holders("v"))
		require.NotContains(t, w.counts(), "detach_total full", "the other one counts it")
		require.NotContains(t, w.counts(), "tracked_attachments")
		require.Equal(t, noon.Add(-10*time.Second), w.m.GetDetachTimestamp("v"))
		require.True(t, w.m.IsWithinGracePeriod("v", 11*time.Second))
		require.False(t, w.m.IsWithinGracePeriod("v", 10*time.Second))
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		require.Equal(t, first+9, w.instance("v", "n1").Epoch)
	})
	t.Run("migration ended by another manager", func(t *testing.T) {
		w := newWorld(t, "v")
		w.restart(WithMaxHolders(3))
		w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
		w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0))
		r, _, err := decode(w.record("pv-v"))
		w.must(err)
		text, err := encode(r.without(r.holders[:1]), time.Time{})
		w.must(err)
		w.setRecord("pv-v", text)
		w.must(w.m.AddSecondaryAttachment(ctx, "v", "n3", 0))
		require.Equal(t, []string{"n2=held", "n3=held"}, w.holders("v"))
		a, _ := w.m.GetAttachment("v")
		require.Equal(t, "n3", a.Migration.Target)
		require.Equal(t, map[string]float64{"attach_total": 3, "tracked_attachments": 2, "active_migrations": 1, "migrations_total started": 2}, w.counts())

		w.setRecord("pv-v", `{"version":1,"epoch":9}`)
		w.must(w.m.UntrackAttachment(ctx, "v"))
		w.clock.Step(time.Hour)
		w.m.ExpireMigrations()
		require.Equal(t, map[string]float64{"attach_total": 3, "migrations_total started": 2}, w.counts())
	})
	t.Run("for ever", func(t *testing.T) {
		w := newWorld(t, "v")
		for range attemptsMax {
			w.effects = append(w.effects, effect{do: func() { w.edit("pv-v", func(*corev1.PersistentVolume) {}) }})
		}
		err := w.m.TrackAttachment(ctx, "v", "n1")
		require.True(t, apierrors.IsConflict(err), "%v", err)
		require.Empty(t, w.holders("v"))
		require.Zero(t, w.m.Sizes()["volumes"])
	})
	t.Run("and then an outage", func(t *testing.T) {
		w := newWorld(t, "v")
		w.must(w.m.TrackAttachment(ctx, "v", "n1"))
		w.edit("pv-v", func(*corev1.PersistentVolume) {})
		w.client.PrependReactor("get", "persistentvolumes", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, errReset })
		require.ErrorIs(t, w.m.UntrackAttachment(ctx, "v"), errReset)
		require.Equal(t, []string{"n1=uncertain"}, w.holders("v"))
		require.Zero(t, w.m.Sizes()["dirty"], "nothing was written")
	})
	t.Run("the record is stripped", func(t *testing.T) {
		w := newWorld(t, "v")
		w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
		w.edit("pv-v", func(pv *corev1.PersistentVolume) { pv.Annotations = nil })
		w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0))
		require.Equal(t, []string{"n1", "n2"}, w.named("pv-v"), "memory knows better than nothing")
	})
}

// The PersistentVolume goes, or comes, or another takes its place.
func TestPersistentVolumeComesAndGoes(t *testing.T) {
	w := newWorld(t)
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	first := w.instance("v", "n1").Epoch
	require.EqualValues(t, noon.UnixMicro(), first, "without a record the clock keeps epochs from repeating")
	w.must(w.m.UntrackAttachment(ctx, "v"))
	require.Equal(t, "PersistentVolume/v Normal VolumeAttached volume v attached to n1", w.events.take()[0])

	w.createPV("pv-v", "v", "")
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	require.Equal(t, []string{"n1"}, w.named("pv-v"))
	require.Equal(t, first+1, w.instance("v", "n1").Epoch)

	w.deletePV("pv-v")
	w.must(w.m.UntrackAttachment(ctx, "v"), "the record is gone with it")
	require.Empty(t, w.holders("v"))

	w.must(w.m.TrackAttachment(ctx, "v", "n2"))
	require.Equal(t, first+2, w.instance("v", "n2").Epoch)
	w.createPV("pv-other-name", "v", "")
	w.must(w.m.UntrackAttachment(ctx, "v"))

	w.must(w.m.TrackAttachment(ctx, "v", "n3"))
	require.Equal(t, []string{"n3"}, w.named("pv-other-name"))
	w.deletePV("pv-other-name")
	w.createPV("pv-third-name", "v", "")
	w.must(w.m.UntrackAttachment(ctx, "v"))
	require.Empty(t, w.named("pv-third-name"))
	require.Contains(t, w.record("pv-third-name"), `"detachedAt"`)

	w.edit("pv-third-name", func(pv *corev1.PersistentVolume) { pv.Spec.CSI.VolumeHandle = "x" })
	w.must(w.m.TrackAttachment(ctx, "v", "n3"))
	require.Equal(t, []string{"n3=held"}, w.holders("v"), "that PersistentVolume is another volume's now")
	require.Nil(t, w.named("pv-third-name"))
}

// A restart forgets a volume without a PersistentVolume; the backend does not.
func TestEpochsWithoutPersistentVolume(t *testing.T) {
	w := newWorld(t)
	var last uint64
	for range 3 {
		for range 2 {
			w.must(w.m.TrackAttachment(ctx, "v", "n1"))
			epoch := w.instance("v", "n1").Epoch
			require.Greater(t, epoch, last)
			require.Less(t, epoch, uint64(1)<<53)
			last = epoch
			w.must(w.m.UntrackAttachment(ctx, "v"))
		}
		w.clock.Step(time.Millisecond)
		w.restart()
	}

	// Memory forgets a volume at once if it has no stamp, and the clock may not have moved since.
	for range 3 {
		turn, err := w.m.Begin(ctx, "v")
		w.must(err)
		e, err := turn.Reserve(ctx, Claim{Node: "n1", Mode: ReadWriteOnce})
		w.must(err)
		require.Greater(t, e.Epoch, last)
		last = e.Epoch
		_, err = turn.Remove(ctx, Refused, e.Instance)
		w.must(err)
		turn.End()
		require.Zero(t, w.m.Sizes()["volumes"])
	}
}

// A volume whose record cannot be trusted is refused to everybody.
func TestUnusableRecords(t *testing.T) {
	w := newWorld(t, "v")
	w.createPV("pv-v-too", "v", "")
	err := w.m.TrackAttachment(ctx, "v", "n1")
	require.ErrorIs(t, err, ErrAmbiguous)
	require.ErrorContains(t, err, "track v on n1: read the record: two persistent volumes with one handle: pv-v and pv-v-too")
	w.deletePV("pv-v-too")

	w.setRecord("pv-v", `{"version":2}`)
	require.ErrorIs(t, w.m.TrackAttachment(ctx, "v", "n1"), ErrRecord)
	require.ErrorIs(t, w.m.UntrackAttachment(ctx, "v"), ErrRecord)
	require.Equal(t, `{"version":2}`, w.record("pv-v"), "it is another's")

	w.setRecord("pv-v", `{"version":1,"epoch":5}`)
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	w.setRecord("pv-v", `garbage`)
	require.ErrorIs(t, w.m.UntrackAttachment(ctx, "v"), ErrRecord)
	require.Equal(t, []string{"n1=uncertain"}, w.holders("v"))
}

// The record has room for some hundred holders, and then publish is refused.
func TestRecordIsBounded(t *testing.T) {
	w := newWorld(t, "v")
	var err error
	n := 0
	for ; err == nil && n < 10000; n++ {
		err = w.m.TrackAttachmentWithMode(ctx, "v", fmt.Sprintf("%0250d", n), ReadOnlyMany)
	}
	require.ErrorIs(t, err, ErrRecord)
	require.Greater(t, n, 150, "even with the longest names")
	require.LessOrEqual(t, len(w.record("pv-v")), documentBytesMax)
	require.Len(t, w.holders("v"), n-1)
	w.must(w.m.UntrackAttachment(ctx, "v"))
	require.Len(t, w.record("pv-v"), len(`{"version":1,"epoch":1769860800000123,"detachedAt":"2026-01-31T12:00:00Z"}`))
}

// What is asked with a context that has ended is not done.
func TestEndedContext(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachment(ctx, "w", "n1"))
	ended, cancel := context.WithCancelCause(ctx)
	why := errors.New("deposed")
	cancel(why)
	w.calls()
	require.ErrorIs(t, w.m.TrackAttachment(ended, "v", "n1"), why)
	require.ErrorIs(t, w.m.Rebuild(ended), why)

	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	w.calls()
	_, err = turn.Reserve(ended, Claim{Node: "n1", Mode: ReadWriteOnce})
	require.ErrorIs(t, err, why)
	require.Zero(t, w.m.Sizes()["dirty"], "it was not sent")
	e, err := turn.Reserve(ctx, Claim{Node: "n1", Mode: ReadWriteOnce})
	w.must(err)
	_, err = turn.Remove(ended, Detached, e.Instance)
	require.ErrorIs(t, err, why)
	require.Equal(t, []string{"patch persistentvolumes"}, w.calls())
	turn.End()
}

// Stamps do not decrease, whatever the wall clock does.
func TestStampsDoNotDecrease(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.clock.jump(-time.Hour)
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0))
	a, _ := w.m.GetAttachment("v")
	require.Equal(t, noon, a.Entries[1].AttachedAt)
	require.Equal(t, noon, a.Migration.StartedAt)
	w.must(w.m.UntrackAttachment(ctx, "v"))
	require.Equal(t, noon, w.m.GetDetachTimestamp("v"))
	require.True(t, w.m.IsWithinGracePeriod("v", time.Second))
	w.clock.Step(time.Second)
	require.False(t, w.m.IsWithinGracePeriod("v", time.Second), "its age is by the monotonic clock")
}

// Errors name what was tried on what.
func TestErrorTexts(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u")))
	for _, row := range []struct {
		err  error
		want string
	}{
		{w.m.TrackAttachment(ctx, "v", "n2"), `track v on n2: attached elsewhere: v on n1 (uid "u", epoch 1) has it`},
		{w.m.TrackAttachment(ctx, "v", "n1"), `track v on n1: ReadWriteOnce wanted, attached as ReadWriteMany: access mode mismatch`},
		{w.m.AddSecondaryAttachment(ctx, "x", "n1", 0), `track x on the secondary n1: not tracked`},
	} {
		require.Equal(t, row.want, counted(row.err.Error())[0])
	}
	w.client.PrependReactor("patch", "*", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, errReset })
	for _, row := range []struct {
		err  error
		want string
	}{
		{w.m.RemoveNodeAttachment(ctx, "v", "n1"), `untrack v on n1: patch persistent volume pv-v: connection reset by peer`},
		{w.m.UntrackAttachment(ctx, "v"), `untrack v: repair the record: patch persistent volume pv-v: connection reset by peer`},
	} {
		require.EqualError(t, row.err, row.want)
	}
	_, err := w.m.ClearStale(ctx, Instance{Volume: "v", Node: "n1", Epoch: 1})
	require.True(t, strings.HasPrefix(err.Error(), `clear v on n1 (uid "", epoch 1): `), err)
}

// What the leader before sent may still be on its way when the next one has read the record. Nobody relies on an entry from
// there before a write of his own has put an end to that.
func TestWritesOfAnEarlierLeaderComeTooLate(t *testing.T) {
	w := newWorld(t, "v")
	reserve := func() {
		t.Helper()
		turn, err := w.m.Begin(ctx, "v")
		w.must(err)
		defer turn.End()
		e, err := turn.Reserve(ctx, Claim{Node: "n1", UID: "u1", Mode: ReadWriteOnce})
		w.must(err)
		require.Equal(t, first, e.Epoch, "it is the same reservation")
	}
	reserve()
	w.effects = []effect{{err: errReset, late: true}}
	require.Error(t, w.m.RemoveNodeAttachment(ctx, "v", "n1"), "it will be taken off the record, some time")

	w.restart()
	w.must(w.m.Rebuild(ctx))
	reserve() // and from here on the caller asks the backend
	w.arrive()
	require.Equal(t, []string{"n1"}, w.named("pv-v"))
	writes := len(w.records)
	reserve()
	require.Len(t, w.records, writes, "once is enough")
}

// Two managers may give one epoch. A reservation that one of them was never told of is not the other one's.
func TestAnothersReservationIsNotUndone(t *testing.T) {
	w := newWorld(t, "v")
	first := w.m
	w.effects = []effect{{err: errReset}}
	require.Error(t, first.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u1")))
	w.clock.Step(time.Second)
	w.restart()
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u1")))
	w.must(first.TrackAttachmentWithMode(ctx, "v", "n2", ReadWriteMany, WithUID("u2")))
	require.Equal(t, []string{"n1", "n2"}, w.named("pv-v"))
}

// A reservation whose reply was lost is another manager's once that has written the record with it, whatever it wrote that for.
func TestAReservationThatAnotherHasTakenOverIsNotUndone(t *testing.T) {
	w := newWorld(t, "v")
	first := w.m
	w.must(first.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u1")))
	w.effects = []effect{{err: errReset, lost: true}}
	require.Error(t, first.TrackAttachmentWithMode(ctx, "v", "n2", ReadWriteMany, WithUID("u2")))
	w.clock.Step(time.Second)
	w.restart()
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n1"))
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n2", ReadWriteMany, WithUID("u2")))
	w.must(first.Repair(ctx))
	require.Equal(t, []string{"n2"}, w.named("pv-v"))
}

// Another manager has ended a migration, and begun one between the same nodes the other way round.
func TestAnothersMigrationIsTakenOver(t *testing.T) {
	w := newWorld(t, "v")
	first := w.m
	w.must(first.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("u1")))
	w.must(first.AddSecondaryAttachment(ctx, "v", "n2", time.Minute))
	w.clock.Step(time.Second)
	w.restart()
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n1"))
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n2"))
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n2", ReadWriteMany, WithUID("u2")))
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n1", time.Hour))
	w.must(first.TrackAttachmentWithMode(ctx, "v", "n2", ReadWriteMany, WithUID("u2")))
	a, _ := first.GetAttachment("v")
	require.Equal(t, &Migration{StartedAt: noon.Add(time.Second), Timeout: time.Hour, Source: "n2", Target: "n1"}, a.Migration)
}

// Nothing to take off is said only after a live look: another manager may have put it there.
func TestNothingToRemoveIsVerified(t *testing.T) {
	w := newWorld(t, "v")
	first := w.m
	w.must(first.TrackAttachment(ctx, "v", "n1"))
	w.must(first.UntrackAttachment(ctx, "v"))
	w.restart()
	w.must(w.m.TrackAttachment(ctx, "v", "n2"))
	w.must(first.RemoveNodeAttachment(ctx, "v", "n2"))
	require.Empty(t, w.named("pv-v"))
}
