package attachment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A reservation whose write has an unknown result is undone, unless the record has moved on since: another manager that read
// it there may have granted it and told its caller so.
func TestSettle_UndoesWhatNobodyElseHasTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		epoch uint64
		by    string
		want  int
	}{"as it was written": {3, "mine", 0}, "written anew by another manager": {4, "mine", 1}, "another manager's, in one instant": {3, "other", 1}} {
		t.Run(name, func(t *testing.T) {
			m, err := NewManager(nil, WithIdentity("mine"))
			require.NoError(t, err)
			at := &place{name: "pv-v"}
			mine := holder{node: "n", uid: "u", epoch: 3, state: Uncertain, by: m.identity, loaded: true}
			there := mine
			there.by = c.by
			dirty := &cell{record: record{epoch: 3}, place: at, doubt: &doubt{reserved: mine}}
			m.settle("v", dirty, persisted{place: at, known: true, record: record{mode: ReadWriteOnce, epoch: c.epoch, holders: []holder{there}}}, dirty.doubt.reservation())
			require.Len(t, dirty.holders, c.want)
		})
	}
}

// What the record says of the last detach counts where another manager knows more of it; what memory has forgotten stays so.
func TestSettle_FollowsTheLastDetach(t *testing.T) {
	early, late := noon.Add(-20*time.Second), noon.Add(-10*time.Second)
	other := []holder{{node: "n", uid: "u", epoch: 3, state: Uncertain, loaded: true, at: noon}}
	for name, c := range map[string]struct {
		known, told, want time.Time
		holders           []holder
	}{
		"another manager detached later":   {known: early, told: late, want: late},
		"and this one later still":         {known: late, told: early, want: late},
		"another manager attached since":   {known: early, holders: other},
		"and has it reserved only":         {known: early, told: early, holders: other, want: early},
		"memory has forgotten it":          {told: late},
		"a stamp from the future is now's": {known: early, told: noon.Add(time.Hour), want: noon},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := NewManager(nil, WithClock(newJumpClock()))
			require.NoError(t, err)
			if !c.known.IsZero() {
				m.stamps.set("v", stamp{wall: c.known})
			}
			p := persisted{place: &place{name: "pv-v"}, known: true, record: record{mode: ReadWriteOnce, epoch: 3, holders: c.holders}, detachedAt: c.told}
			m.settle("v", &cell{place: &place{name: "pv-v"}, record: record{epoch: 2}}, p, holder{})
			require.Equal(t, c.want, m.GetDetachTimestamp("v"))
		})
	}
}
