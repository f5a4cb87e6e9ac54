package attachment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A reservation whose write has an unknown result is undone, unless the record has moved on since: another manager that read
// it there may have granted it and told its caller so.
func TestSettle_UndoesWhatNobodyElseHasTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		epoch uint64
		want  int
	}{"as it was written": {3, 0}, "written anew by another manager": {4, 1}} {
		t.Run(name, func(t *testing.T) {
			m, err := NewManager(nil)
			require.NoError(t, err)
			at := &place{name: "pv-v"}
			mine := holder{node: "n", uid: "u", epoch: 3, state: Uncertain, loaded: true}
			dirty := &cell{record: record{epoch: 3}, place: at, doubt: &doubt{reserved: mine}}
			m.settle("v", dirty, persisted{place: at, known: true, record: record{mode: ReadWriteOnce, epoch: c.epoch, holders: []holder{mine}}}, dirty.doubt.reservation())
			require.Len(t, dirty.holders, c.want)
		})
	}
}
