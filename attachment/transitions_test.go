package attachment

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// Each row is a history; after it stand who has the volume, what was counted, and which events were recorded.
func TestTransitions(t *testing.T) {
	track := func(node string) func(*world) error {
		return func(w *world) error { return w.m.TrackAttachment(ctx, "v", node) }
	}
	many := func(node string, mode Mode, o ...TrackOption) func(*world) error {
		return func(w *world) error { return w.m.TrackAttachmentWithMode(ctx, "v", node, mode, o...) }
	}
	second := func(node string) func(*world) error {
		return func(w *world) error { return w.m.AddSecondaryAttachment(ctx, "v", node, time.Minute) }
	}
	remove := func(node string) func(*world) error {
		return func(w *world) error { return w.m.RemoveNodeAttachment(ctx, "v", node) }
	}
	untrack := func(w *world) error { return w.m.UntrackAttachment(ctx, "v") }
	clear := func(node string) func(*world) error {
		return func(w *world) error {
			cleared, err := w.m.ClearStale(ctx, w.instance("v", node))
			require.True(w.t, cleared)
			return err
		}
	}
	wait := func(d time.Duration) func(*world) error {
		return func(w *world) error { w.clock.Step(d); return nil }
	}
	expire := func(w *world) error { w.m.ExpireMigrations(); return nil }
	turn := func(do func(*world, *Turn) error) func(*world) error {
		return func(w *world) error {
			tn, err := w.m.Begin(ctx, "v")
			require.NoError(w.t, err)
			defer tn.End()
			return do(w, tn)
		}
	}
	reserve := func(node string, mode Mode) func(*world) error {
		return turn(func(w *world, tn *Turn) error { _, err := tn.Reserve(ctx, Claim{Node: node, Mode: mode}); return err })
	}
	confirm := func(node string) func(*world) error {
		return turn(func(w *world, tn *Turn) error { tn.Confirm(w.instance("v", node)); return nil })
	}
	doubted := func(node string) func(*world) error {
		return turn(func(w *world, tn *Turn) error { tn.Doubt(w.instance("v", node)); return nil })
	}
	removeFor := func(why Cause, node string) func(*world) error {
		return turn(func(w *world, tn *Turn) error { _, err := tn.Remove(ctx, why, w.instance("v", node)); return err })
	}
	type steps []func(*world) error
	type counts map[string]float64
	const (
		attached  = "Normal VolumeAttached volume v attached to "
		detached  = "Normal VolumeDetached volume v detached from "
		conflict  = "Warning AttachmentConflict volume v wanted on "
		cleared   = "Warning StaleAttachmentCleared volume v "
		migration = " migration of v from n1 to n2 "
	)
	rwx := ReadWriteMany
	for _, row := range []struct {
		name    string
		do      steps
		err     error // of the last step
		holders []string
		counts  counts
		events  []string
	}{{
		name: "attach", do: steps{track("n1")}, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "attach twice is once", do: steps{track("n1"), track("n1")}, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "single writer", do: steps{track("n1"), track("n2")}, err: ErrAttachedElsewhere, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1, "conflict_total": 1},
		events: []string{attached + "n1", conflict + "n2 is attached to n1"},
	}, {
		name: "another mode", do: steps{track("n1"), many("n1", rwx)}, err: ErrModeMismatch, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "no mode", do: steps{many("n1", "ReadMostly")}, err: ErrModeMismatch,
	}, {
		name: "another many-node mode", do: steps{many("n1", ReadOnlyMany), many("n2", rwx)}, err: ErrModeMismatch, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "the same name with another uid is another node", do: steps{many("n1", ReadWriteOnce, WithUID("a")), many("n1", ReadWriteOnce, WithUID("b"))},
		err: ErrAttachedElsewhere, holders: []string{"n1/a=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1, "conflict_total": 1},
		events: []string{attached + "n1", conflict + "n1 is attached to n1"},
	}, {
		name: "an unknown uid equals any", do: steps{many("n1", ReadWriteOnce, WithUID("a")), track("n1")}, holders: []string{"n1/a=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "one machine in two lives is no migration", do: steps{many("n1", rwx, WithUID("a")), many("n1", rwx, WithUID("b"))},
		holders: []string{"n1/a=held", "n1/b=held"},
		counts:  counts{"attach_total": 2, "tracked_attachments": 2}, events: []string{attached + "n1", attached + "n1"},
	}, {
		name: "remove ends every uid of the name", do: steps{many("n1", rwx, WithUID("a")), many("n1", rwx, WithUID("b")), remove("n1")},
		counts: counts{"attach_total": 2, "detach_total full": 2}, events: []string{attached + "n1", attached + "n1", detached + "n1", detached + "n1"},
	}, {
		name: "too many holders", do: steps{many("n1", rwx), many("n2", rwx), many("n3", rwx)}, err: ErrTooManyHolders, holders: []string{"n1=held", "n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 2, "conflict_total": 1, "migrations_total started": 1, "active_migrations": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", conflict + "n3 is attached to n1"},
	}, {
		name: "read-only is unbounded and never migrates", do: steps{many("n1", ReadOnlyMany), many("n2", ReadOnlyMany), second("n3"), remove("n1")},
		holders: []string{"n2=held", "n3=held"},
		counts:  counts{"attach_total": 3, "tracked_attachments": 2, "detach_total partial": 1},
		events:  []string{attached + "n1", attached + "n2", attached + "n3", detached + "n1"},
	}, {
		name: "a secondary of nothing", do: steps{second("n2")}, err: ErrNotTracked,
	}, {
		name: "a secondary of a single writer", do: steps{track("n1"), second("n2")}, err: ErrModeMismatch, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "a secondary twice is once", do: steps{many("n1", rwx), second("n2"), second("n2")}, holders: []string{"n1=held", "n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 2, "migrations_total started": 1, "active_migrations": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started"},
	}, {
		name: "target kept is completed", do: steps{many("n1", rwx), second("n2"), remove("n1")}, holders: []string{"n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 1, "detach_total partial": 1, "migrations_total started": 1,
			"migrations_total completed": 1, "migration_duration_seconds": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", detached + "n1",
			"Normal MigrationCompleted" + migration + "completed"},
	}, {
		name: "source kept is aborted", do: steps{many("n1", rwx), second("n2"), remove("n2")}, holders: []string{"n1=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 1, "detach_total partial": 1, "migrations_total started": 1,
			"migrations_total aborted": 1, "migration_duration_seconds": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", detached + "n2",
			"Warning MigrationAborted" + migration + "aborted"},
	}, {
		name: "two to none is aborted", do: steps{many("n1", rwx), second("n2"), untrack},
		counts: counts{"attach_total": 2, "detach_total full": 2, "migrations_total started": 1, "migrations_total aborted": 1, "migration_duration_seconds": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", detached + "n1", detached + "n2",
			"Warning MigrationAborted" + migration + "aborted"},
	}, {
		name: "an empty node is every node", do: steps{many("n1", rwx), second("n2"), remove("")},
		counts: counts{"attach_total": 2, "detach_total full": 2, "migrations_total started": 1, "migrations_total aborted": 1, "migration_duration_seconds": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", detached + "n1", detached + "n2",
			"Warning MigrationAborted" + migration + "aborted"},
	}, {
		name: "removing what is not there", do: steps{track("n1"), remove("n2"), remove("n1"), remove("n1"), untrack},
		counts: counts{"attach_total": 1, "detach_total full": 1}, events: []string{attached + "n1", detached + "n1"},
	}, {
		name: "clearing the source completes", do: steps{many("n1", rwx), second("n2"), clear("n1")}, holders: []string{"n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 1, "stale_cleared_total": 1, "migrations_total started": 1,
			"migrations_total completed": 1, "migration_duration_seconds": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", cleared + "cleared from n1, which is gone",
			"Normal MigrationCompleted" + migration + "completed"},
	}, {
		name: "evicted by publish", do: steps{track("n1"), removeFor(Evicted, "n1")},
		counts: counts{"attach_total": 1, "evicted_total": 1}, events: []string{attached + "n1", cleared + "taken from n1, which is gone, for another node"},
	}, {
		name: "timed out counts as nothing else", do: steps{many("n1", rwx), second("n2"), wait(time.Minute), expire, expire, remove("n1")}, holders: []string{"n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 1, "detach_total partial": 1, "migrations_total started": 1, "migrations_total timed_out": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started",
			"Warning MigrationTimedOut" + migration + "has not ended within 1m0s", detached + "n1"},
	}, {
		name: "timed out before anybody looked", do: steps{many("n1", rwx), second("n2"), wait(time.Minute), remove("n1")}, holders: []string{"n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 1, "detach_total partial": 1, "migrations_total started": 1, "migrations_total timed_out": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", detached + "n1",
			"Warning MigrationTimedOut" + migration + "has not ended within 1m0s"},
	}, {
		name: "a nanosecond before the timeout", do: steps{many("n1", rwx), second("n2"), wait(time.Minute - 1), expire, remove("n1")}, holders: []string{"n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 1, "detach_total partial": 1, "migrations_total started": 1,
			"migrations_total completed": 1, "migration_duration_seconds": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", detached + "n1",
			"Normal MigrationCompleted" + migration + "completed"},
	}, {
		name: "a reservation counts nothing", do: steps{reserve("n1", rwx)}, holders: []string{"n1=uncertain"}, counts: counts{"tracked_attachments": 1},
	}, {
		name: "a reserved target is no migration yet", do: steps{many("n1", rwx), reserve("n2", rwx), wait(time.Hour), expire}, holders: []string{"n1=held", "n2=uncertain"},
		counts: counts{"attach_total": 1, "tracked_attachments": 2}, events: []string{attached + "n1"},
	}, {
		name: "a migration starts with its target, not with its source", do: steps{reserve("n1", rwx), reserve("n2", rwx), confirm("n1")},
		holders: []string{"n1=held", "n2=uncertain"}, counts: counts{"attach_total": 1, "tracked_attachments": 2}, events: []string{attached + "n1"},
	}, {
		name: "a refused target leaves no trace", do: steps{many("n1", rwx), reserve("n2", rwx), removeFor(Refused, "n2")}, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "a source that goes before its target is confirmed", do: steps{many("n1", rwx), reserve("n2", rwx), remove("n1"), confirm("n2")}, holders: []string{"n2=held"},
		counts: counts{"attach_total": 2, "tracked_attachments": 1, "detach_total partial": 1}, events: []string{attached + "n1", detached + "n1", attached + "n2"},
	}, {
		name: "confirmed twice is once", do: steps{reserve("n1", rwx), confirm("n1"), confirm("n1")}, holders: []string{"n1=held"},
		counts: counts{"attach_total": 1, "tracked_attachments": 1}, events: []string{attached + "n1"},
	}, {
		name: "an uncertain one that ends is no detach", do: steps{track("n1"), doubted("n1"), doubted("n1"), remove("n1")},
		counts: counts{"attach_total": 1}, events: []string{attached + "n1"},
	}, {
		name: "a stale uncertain one is cleared", do: steps{reserve("n1", rwx), clear("n1")},
		counts: counts{"stale_cleared_total": 1}, events: []string{cleared + "cleared from n1, which is gone"},
	}, {
		name: "a target in doubt is still a migration", do: steps{many("n1", rwx), second("n2"), doubted("n2"), confirm("n2")}, holders: []string{"n1=held", "n2=held"},
		counts: counts{"attach_total": 3, "tracked_attachments": 2, "migrations_total started": 1, "active_migrations": 1},
		events: []string{attached + "n1", attached + "n2", "Normal MigrationStarted" + migration + "started", attached + "n2"},
	}} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, "v")
			var err error
			for i, do := range row.do {
				if err = do(w); i < len(row.do)-1 {
					require.NoError(t, err, "step %d", i)
				}
			}
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.holders, w.holders("v"))
			if row.counts == nil {
				row.counts = counts{}
			}
			require.Equal(t, map[string]float64(row.counts), w.counts())
			var want []string
			for _, e := range row.events {
				want = append(want, "PersistentVolumeClaim/claim-v "+e)
			}
			require.Equal(t, want, w.events.take())
			require.Len(t, w.named("pv-v"), len(row.holders), "the record names them too")
		})
	}
}

// The migration that the books show is the one that is under way.
func TestMigrationIsShown(t *testing.T) {
	for _, row := range []struct{ ask, want time.Duration }{
		{0, 5 * time.Minute}, {-1, 5 * time.Minute}, {time.Second, 30 * time.Second}, {2 * time.Minute, 2 * time.Minute}, {24 * time.Hour, time.Hour},
	} {
		w := newWorld(t, "v")
		w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
		w.clock.Step(time.Second)
		w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n2", ReadWriteMany, WithMigrationTimeout(row.ask)))
		a, _ := w.m.GetAttachment("v")
		require.Equal(t, &Migration{StartedAt: noon.Add(time.Second), Timeout: row.want, Source: "n1", Target: "n2"}, a.Migration)
		at, ok := w.m.NextDeadline()
		require.True(t, ok)
		require.Equal(t, time.Second+row.want, at)

		w.clock.Step(row.want)
		w.clock.jump(-time.Hour) // changes nothing
		w.m.ExpireMigrations()
		_, ok = w.m.NextDeadline()
		require.False(t, ok, "it acts once")
		require.EqualValues(t, 1, w.counts()["migrations_total timed_out"])
		require.EqualValues(t, 1, w.counts()["active_migrations"], "it goes on")
		w.must(w.m.RemoveNodeAttachment(ctx, "v", "n2"))
		a, _ = w.m.GetAttachment("v")
		require.Nil(t, a.Migration)
	}
}

// A third holder neither starts a migration nor restarts that of the first two; either side of it ends it.
func TestMigrationAmongThree(t *testing.T) {
	w := newWorld(t, "v")
	w.restart(WithMaxHolders(0))
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", time.Minute))
	w.clock.Step(time.Second)
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n3", time.Hour))
	a, _ := w.m.GetAttachment("v")
	require.Equal(t, &Migration{StartedAt: noon, Timeout: time.Minute, Source: "n1", Target: "n2"}, a.Migration)
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n1"))
	w.must(w.m.RemoveNodeAttachment(ctx, "v", "n2"))
	require.Equal(t, map[string]float64{"attach_total": 3, "tracked_attachments": 1, "detach_total partial": 2, "migrations_total started": 1,
		"migrations_total completed": 1, "migration_duration_seconds": 1}, w.counts())
}

// The deadline is that of the migration that ends first.
func TestNextDeadlineIsTheEarliest(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	_, ok := w.m.NextDeadline()
	require.False(t, ok)
	for v, timeout := range map[string]time.Duration{"a": 3 * time.Minute, "b": time.Minute, "c": 2 * time.Minute} {
		w.must(w.m.TrackAttachmentWithMode(ctx, v, "n1", ReadWriteMany))
		w.must(w.m.AddSecondaryAttachment(ctx, v, "n2", timeout))
	}
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute} {
		at, ok := w.m.NextDeadline()
		require.True(t, ok)
		require.Equal(t, want, at)
		w.clock.Step(want - w.m.Elapsed())
		w.m.ExpireMigrations()
	}
	require.EqualValues(t, 3, w.counts()["migrations_total timed_out"])
}

// A detach stamp lives until the next attach is acknowledged: a publish that fails must leave it as it was.
func TestReservationKeepsStamp(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	w.must(w.m.UntrackAttachment(ctx, "v"))
	w.clock.Step(time.Second)

	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	e, err := turn.Reserve(ctx, Claim{Node: "n2", Mode: ReadWriteOnce})
	w.must(err)
	require.Equal(t, noon, w.m.GetDetachTimestamp("v"))
	require.Contains(t, w.record("pv-v"), `"detachedAt":"2026-01-31T12:00:00Z"`)
	removed, err := turn.Remove(ctx, Refused, e.Instance)
	w.must(err)
	require.True(t, removed)
	require.Equal(t, noon, w.m.GetDetachTimestamp("v"), "as if never called")
	require.Equal(t, fmt.Sprintf(`{"version":1,"epoch":%d,"detachedAt":"2026-01-31T12:00:00Z"}`, first+1+leap), w.record("pv-v"), "far above what was refused")

	e, err = turn.Reserve(ctx, Claim{Node: "n2", Mode: ReadWriteOnce})
	w.must(err)
	turn.Confirm(e.Instance)
	require.Zero(t, w.m.GetDetachTimestamp("v"), "a re-attach clears it")
	turn.End()
	turn.End() // does nothing
	w.must(w.m.UntrackAttachment(ctx, "v"))
	require.Equal(t, fmt.Sprintf(`{"version":1,"epoch":%d,"detachedAt":"2026-01-31T12:00:01Z"}`, first+2+leap), w.record("pv-v"))
}

// ClearStale takes exactly the instance that was seen.
func TestClearStaleCompares(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("a")))
	old := w.instance("v", "n1")
	w.must(w.m.UntrackAttachment(ctx, "v"))
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany, WithUID("a")))
	current := w.instance("v", "n1")
	require.Greater(t, current.Epoch, old.Epoch)
	for _, other := range []Instance{
		old,
		{Volume: "v", Node: "n1", UID: "b", Epoch: current.Epoch},
		{Volume: "v", Node: "n2", Epoch: current.Epoch},
		{Volume: "w", Node: "n1", Epoch: current.Epoch},
	} {
		cleared, err := w.m.ClearStale(ctx, other)
		w.must(err)
		require.False(t, cleared, other.String())
	}
	require.Equal(t, []string{"n1/a=held"}, w.holders("v"))
	require.NotContains(t, w.counts(), "stale_cleared_total")
	current.UID = "" // unknown equals any
	cleared, err := w.m.ClearStale(ctx, current)
	w.must(err)
	require.True(t, cleared)
	require.Equal(t, noon, w.m.GetDetachTimestamp("v"))
}

// What is returned is the caller's: scribbling on it changes nothing.
func TestCopiesAreDeep(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0))
	got := w.m.ListAttachments()
	got[0].Entries[0].Node = "scribble"
	got[0].Migration.Source = "scribble"
	one, _ := w.m.GetAttachment("v")
	one.Entries[1].State = "scribble"
	one.Migration.Timeout = 0
	stamps := w.m.DetachTimestamps()
	stamps["v"] = noon
	require.Equal(t, []string{"n1=held", "n2=held"}, w.holders("v"))
	a, _ := w.m.GetAttachment("v")
	require.Equal(t, &Migration{StartedAt: noon, Timeout: 5 * time.Minute, Source: "n1", Target: "n2"}, a.Migration)
	require.Zero(t, w.m.GetDetachTimestamp("v"))
}

// Version moves with every change, and rests otherwise.
func TestVersion(t *testing.T) {
	w := newWorld(t, "v")
	moves := func(want bool, do func()) {
		t.Helper()
		before := w.m.Version()
		do()
		require.Equal(t, want, w.m.Version() != before)
	}
	moves(true, func() { w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany)) })
	moves(false, func() { w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany)) })
	moves(false, func() { w.must(w.m.RemoveNodeAttachment(ctx, "v", "n9")) })
	moves(false, func() { w.m.GetAttachment("v"); w.m.ListAttachments(); w.m.ExpireMigrations() })
	moves(true, func() { require.Error(t, w.m.TrackAttachment(ctx, "v", "n2")) }) // the conflict counts
	moves(true, func() { w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", 0)) })
	w.clock.Step(time.Hour)
	moves(true, func() { w.m.ExpireMigrations() })
	moves(false, func() { w.m.ExpireMigrations() })
	moves(true, func() { w.must(w.m.Rebuild(ctx)) })
	moves(true, func() { w.must(w.m.UntrackAttachment(ctx, "v")) })
	w.clock.Step(time.Hour)
	moves(true, func() { w.must(w.m.Repair(ctx)) }) // the stamp is forgotten
	moves(false, func() { w.must(w.m.Repair(ctx)) })
}

func TestMetricNames(t *testing.T) {
	w := newWorld(t)
	problems, err := testutil.GatherAndLint(w.metrics)
	require.NoError(t, err)
	require.Empty(t, problems)
	families, err := w.metrics.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range families {
		names = append(names, strings.TrimPrefix(f.GetName(), "holdfast_"))
	}
	require.Equal(t, []string{"active_migrations", "attach_total", "conflict_total", "detach_total", "evicted_total", "migration_duration_seconds",
		"migrations_total", "stale_cleared_total", "tracked_attachments"}, names)
}

// Two Managers may count in one registry; what is not the Manager's metric there is an error.
func TestMetricsRegistration(t *testing.T) {
	r := prometheus.NewRegistry()
	for range 2 {
		m, err := NewManager(nil, WithMetrics(r))
		require.NoError(t, err)
		require.NoError(t, m.TrackAttachment(ctx, "v", "n1"))
	}
	require.NoError(t, testutil.GatherAndCompare(r, strings.NewReader(`
		# HELP holdfast_tracked_attachments Attachments in the book, held or uncertain.
		# TYPE holdfast_tracked_attachments gauge
		holdfast_tracked_attachments 2
	`), "holdfast_tracked_attachments"))

	r = prometheus.NewRegistry()
	r.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "holdfast_attach_total", Help: "something else"}))
	_, err := NewManager(nil, WithMetrics(r))
	require.ErrorContains(t, err, "register holdfast_attach_total")
}
