package attachment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"
)

const grace = 30 * time.Second

// newTestManager makes a Manager as a user does who knows nothing of the rest: a fake client without PersistentVolumes.
func newTestManager(t *testing.T) (*Manager, *clocktesting.FakeClock) {
	clock := clocktesting.NewFakeClock(noon)
	m, err := NewManager(fake.NewSimpleClientset(), WithClock(clock))
	require.NoError(t, err)
	return m, clock
}

func TestIsWithinGracePeriod_NoDetachTimestamp(t *testing.T) {
	m, _ := newTestManager(t)
	require.False(t, m.IsWithinGracePeriod("vm-disk", grace), "never seen")
	require.NoError(t, m.TrackAttachment(ctx, "vm-disk", "node-1"))
	require.False(t, m.IsWithinGracePeriod("vm-disk", grace), "never detached")
	require.NoError(t, m.UntrackAttachment(ctx, "other"))
	require.False(t, m.IsWithinGracePeriod("other", grace), "an untrack of nothing is no detach")
}

func TestIsWithinGracePeriod_WithinPeriod(t *testing.T) {
	m, clock := newTestManager(t)
	require.NoError(t, m.TrackAttachment(ctx, "vm-disk", "node-1"))
	require.NoError(t, m.UntrackAttachment(ctx, "vm-disk"))
	require.True(t, m.IsWithinGracePeriod("vm-disk", grace), "just now")
	clock.Step(grace - 1)
	require.True(t, m.IsWithinGracePeriod("vm-disk", grace), "a nanosecond to go")
	require.False(t, m.IsWithinGracePeriod("vm-disk", 0), "no grace, no shelter")
	require.False(t, m.IsWithinGracePeriod("vm-disk", -time.Second))
}

func TestIsWithinGracePeriod_OutsidePeriod(t *testing.T) {
	m, clock := newTestManager(t)
	require.NoError(t, m.TrackAttachment(ctx, "vm-disk", "node-1"))
	require.NoError(t, m.UntrackAttachment(ctx, "vm-disk"))
	clock.Step(grace)
	require.False(t, m.IsWithinGracePeriod("vm-disk", grace), "an age of exactly the grace period is outside")
	clock.Step(time.Hour)
	require.False(t, m.IsWithinGracePeriod("vm-disk", grace))
}

func TestGetDetachTimestamp(t *testing.T) {
	m, clock := newTestManager(t)
	require.Zero(t, m.GetDetachTimestamp("vm-disk"))
	require.NoError(t, m.TrackAttachment(ctx, "vm-disk", "node-1"))
	clock.Step(time.Minute)
	require.Zero(t, m.GetDetachTimestamp("vm-disk"))
	require.NoError(t, m.UntrackAttachment(ctx, "vm-disk"))
	require.Equal(t, noon.Add(time.Minute), m.GetDetachTimestamp("vm-disk"))
	clock.Step(time.Second)
	require.NoError(t, m.UntrackAttachment(ctx, "vm-disk"))
	require.Equal(t, noon.Add(time.Minute), m.GetDetachTimestamp("vm-disk"), "the second untrack detaches nothing")
	require.Equal(t, map[string]time.Time{"vm-disk": noon.Add(time.Minute)}, m.DetachTimestamps())
}

func TestClearDetachTimestamp(t *testing.T) {
	m, _ := newTestManager(t)
	require.NoError(t, m.TrackAttachment(ctx, "vm-disk", "node-1"))
	require.NoError(t, m.UntrackAttachment(ctx, "vm-disk"))
	version := m.Version()
	m.ClearDetachTimestamp("vm-disk")
	require.Zero(t, m.GetDetachTimestamp("vm-disk"))
	require.False(t, m.IsWithinGracePeriod("vm-disk", grace))
	require.Greater(t, m.Version(), version)

	version = m.Version()
	m.ClearDetachTimestamp("vm-disk")
	require.Equal(t, version, m.Version(), "nothing was there to be cleared")
}

func TestGracePeriod_LiveMigrationScenario(t *testing.T) {
	m, clock := newTestManager(t)
	require.NoError(t, m.TrackAttachment(ctx, "vm-disk", "worker-1"))
	require.ErrorIs(t, m.TrackAttachment(ctx, "vm-disk", "worker-2"), ErrAttachedElsewhere)

	require.NoError(t, m.UntrackAttachment(ctx, "vm-disk"), "the source lets go")
	require.True(t, m.IsWithinGracePeriod("vm-disk", grace))
	clock.Step(5 * time.Second)
	m.ClearDetachTimestamp("vm-disk")
	require.False(t, m.IsWithinGracePeriod("vm-disk", grace), "the hand-off is acknowledged")

	require.NoError(t, m.TrackAttachment(ctx, "vm-disk", "worker-2"))
	a, ok := m.GetAttachment("vm-disk")
	require.True(t, ok)
	require.Len(t, a.Entries, 1)
	require.Equal(t, "worker-2", a.Entries[0].Node)
	require.Equal(t, Held, a.Entries[0].State)
	require.Equal(t, noon.Add(5*time.Second), a.Entries[0].AttachedAt)
}

// A wall clock that jumps changes no decision about grace.
func TestGraceIgnoresWallClockJumps(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		w := newWorld(t, "vm-disk")
		w.must(w.m.TrackAttachment(ctx, "vm-disk", "node-1"))
		w.must(w.m.UntrackAttachment(ctx, "vm-disk"))
		w.clock.jump(by)
		w.clock.Step(grace - 1)
		require.True(t, w.m.IsWithinGracePeriod("vm-disk", grace), "jump by %v", by)
		w.clock.Step(1)
		require.False(t, w.m.IsWithinGracePeriod("vm-disk", grace), "jump by %v", by)
	}
}

// A stamp is forgotten when no grace period in use protects it, and then nothing of the volume is left in memory.
func TestStampsAreForgotten(t *testing.T) {
	w := newWorld(t, "a", "b")
	epochs := map[string]uint64{}
	for _, v := range []string{"a", "b"} {
		w.must(w.m.TrackAttachment(ctx, v, "node-1"))
		epochs[v] = w.instance(v, "node-1").Epoch
		w.must(w.m.UntrackAttachment(ctx, v))
		w.clock.Step(20 * time.Second)
	}
	require.Equal(t, 2, w.m.Sizes()["volumes"])
	require.Equal(t, 2, w.m.Sizes()["stamps"])
	w.clock.Step(20 * time.Second) // a is 60 s old, the longest grace in use
	w.must(w.m.Repair(ctx))
	require.Equal(t, []string{"b"}, sortedKeys(w.m.DetachTimestamps()))
	w.clock.Step(20 * time.Second)
	w.must(w.m.TrackAttachment(ctx, "c", "node-1")) // any operation will do
	w.must(w.m.UntrackAttachment(ctx, "c"))
	w.m.ClearDetachTimestamp("c")
	w.clock.Step(time.Minute)
	w.must(w.m.Repair(ctx))
	for table, size := range w.m.Sizes() {
		require.Zero(t, size, table)
	}

	w.must(w.m.TrackAttachment(ctx, "a", "node-1"))
	require.Equal(t, epochs["a"]+1, w.instance("a", "node-1").Epoch, "the tombstone remembers")
}

// A stamp that replaced another one lives its own time.
func TestStampsAreForgottenByTheirOwnAge(t *testing.T) {
	w := newWorld(t, "v")
	for range 2 {
		w.must(w.m.TrackAttachment(ctx, "v", "node-1"))
		w.must(w.m.UntrackAttachment(ctx, "v"))
		w.clock.Step(40 * time.Second)
	}
	w.must(w.m.Repair(ctx)) // the first is 80 s old, the second 40 s
	require.Equal(t, noon.Add(40*time.Second), w.m.GetDetachTimestamp("v"))
	w.clock.Step(20 * time.Second)
	w.must(w.m.Repair(ctx))
	require.Zero(t, w.m.GetDetachTimestamp("v"))
}
