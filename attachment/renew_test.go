package attachment

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// doubtful makes v held by n1, and then in doubt; it returns the turn and the instance.
func doubtful(t *testing.T) (*world, *Turn, Instance) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachment(ctx, "v", "n1"))
	old := w.instance("v", "n1")
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	turn.Doubt(old)
	w.records = nil
	w.clock.Step(time.Second)
	return w, turn, old
}

var renewed = Claim{Node: "n1", Mode: ReadWriteOnce}

// The record never names nobody, and nothing tells of a detach.
func TestRenew(t *testing.T) {
	w, turn, old := doubtful(t)
	e, err := turn.Renew(ctx, old, renewed)
	w.must(err)
	turn.Confirm(e.Instance)
	turn.End()
	require.Len(t, w.records, 1)
	require.Equal(t, []string{"n1"}, w.named("pv-v"))
	require.Equal(t, uint64(noon.Add(time.Second).UnixMicro()), e.Epoch, "above all that any life of the volume has counted")
	require.Equal(t, []string{"n1=held"}, w.holders("v"))
	require.Zero(t, w.m.GetDetachTimestamp("v"))
	require.EqualValues(t, 2, w.counts()["attach_total"])
}

// Whatever becomes of the write, the record names somebody, nobody is told of a new instance that is not there, and the next
// epoch is above the one that was tried.
func TestRenew_UnknownResult(t *testing.T) {
	for name, fate := range map[string]effect{
		"applied": {err: errReset, lost: true}, "not applied": {err: errReset}, "late": {err: errReset, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, turn, old := doubtful(t)
			w.effects = []effect{fate}
			_, err := turn.Renew(ctx, old, renewed)
			require.ErrorIs(t, err, errReset)
			turn.End()
			require.Equal(t, []string{"n1=uncertain"}, w.holders("v"))
			tried := uint64(noon.Add(time.Second).UnixMicro())
			w.must(w.m.Repair(ctx))
			w.arrive()
			require.Equal(t, []string{"n1"}, w.named("pv-v"))
			if fate.lost {
				require.Equal(t, tried, w.instance("v", "n1").Epoch, "it is the new one, for the record shows it")
			} else {
				require.Equal(t, old, w.instance("v", "n1"))
			}
			require.Zero(t, w.m.GetDetachTimestamp("v"))
			require.Zero(t, w.m.Sizes()["dirty"])
			turn, err = w.m.Begin(ctx, "v")
			w.must(err)
			defer turn.End()
			require.Greater(t, turn.Epoch(), tried, "the repair has moved it")
		})
	}
}

// An instance that another manager has ended meanwhile cannot be renewed, only reserved; and a conflict is decided again.
func TestRenew_OthersWrite(t *testing.T) {
	w, turn, old := doubtful(t)
	defer turn.End()
	w.effects = []effect{{do: func() { w.setRecord("pv-v", fmt.Sprintf(`{"version":1,"epoch":%d}`, old.Epoch+6)) }}}
	e, err := turn.Renew(ctx, old, renewed)
	w.must(err)
	require.Equal(t, old.Epoch+7, e.Epoch)
	require.Equal(t, []string{"n1"}, w.named("pv-v"))
}

// A migration ends with the side that is renewed, and another one begins with the new instance's confirmation.
func TestRenew_Migration(t *testing.T) {
	w := newWorld(t, "v")
	w.must(w.m.TrackAttachmentWithMode(ctx, "v", "n1", ReadWriteMany))
	w.must(w.m.AddSecondaryAttachment(ctx, "v", "n2", time.Minute))
	w.clock.Step(40 * time.Second)
	turn, err := w.m.Begin(ctx, "v")
	w.must(err)
	defer turn.End()
	old := w.instance("v", "n2")
	turn.Doubt(old)
	e, err := turn.Renew(ctx, old, Claim{Node: "n2", Mode: ReadWriteMany, MigrationTimeout: time.Minute})
	w.must(err)
	require.EqualValues(t, 1, w.counts()["migrations_total aborted"])
	turn.Confirm(e.Instance)
	require.EqualValues(t, 2, w.counts()["migrations_total started"])
	w.clock.Step(40 * time.Second)
	w.m.ExpireMigrations()
	require.NotContains(t, w.counts(), "migrations_total timed_out", "its clock began with the renewal")
}
