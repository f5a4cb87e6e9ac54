package model_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
)

// defects says of each defect class that was seen in real controllers which invariants catch it, and from which events. The
// mutants of the harness are the proof; this is the plan that the rules were checked against.
var defects = []struct{ id, caught, by string }{
	{"D01", "L1", "op stop without its return 5 s later"},
	{"D02", "S20", "probe panic"},
	{"D03", "S20 L2", "probe panic; or two passes begun and none ended; or a second start that returns OK"},
	{"D04", "S20", "probe panic"},
	{"D05", "S20", "probe race"},
	{"D06", "L2 L3", "a trigger without a pass begun within 1 s"},
	{"D07", "L2", "start returns an error, one step after cancel"},
	{"D08", "L1", "op stop without its return 5 s later, a call of the loop in flight"},
	{"D09", "L1", "the same; or passes counted after stop's return"},
	{"D10", "L3", "two passes begun after a start that came after a trigger"},
	{"R01", "S3", "belief gone by the loop's write while the node has lived since the check"},
	{"R02", "S3", "the same, the check 40 s old"},
	{"R03", "L4", "belief of a secondary whose node is gone, past its bound"},
	{"R04", "S5", "belief gone less than G after node deletion"},
	{"R05", "L4", "belief past its bound although a detach stamp is there"},
	{"R06", "L4", "belief past node event + G + T"},
	{"R07", "L4 L6", "belief of a uid that is gone while the name is back; publish elsewhere refused"},
	{"R08", "S3 S7", "belief gone while the node lives, without a read of it; or before any list"},
	{"R09", "S7", "belief gone after a read of the node that failed"},
	{"R10", "S7 S3", "belief gone after a list without items"},
	{"R11", "L4", "belief past its bound although faults concern another volume only"},
	{"M01", "S12 S20", "belief of the node that the probe had written into a copy; probe race"},
	{"M02", "S15 L7", "record and belief differ at the end of convergence"},
	{"M03", "S2 S1", "addSecondaryAttachment returns OK on a volume asked for as ReadWriteOnce"},
	{"M04", "S15", "the record names a node that belief does not"},
	{"M05", "S12", "probe hang"},
	{"M06", "L9", "probe sizes above 0 after the drain; a stamp that is still believed"},
	{"M07", "S19", "removeNodeAttachment on every node returns OK and belief stays"},
	{"M08", "S17", "gauge of active migrations above the migrations that are believed"},
	{"M09", "S13", "attach time, migration start or timeout differ from the record after the rebuild"},
	{"M10", "S13", "the record names an instance that belief does not after the rebuild"},
	{"M11", "S13", "the same, of an instance that was uncertain at the crash"},
	{"M12", "S13", "a reservation at or below an epoch that a record has shown; a stamp that is not believed after the rebuild"},
	{"M13", "S16 L9", "a detach stamp that is believed after the drain, the wall clock stepped"},
	{"M14", "S18 S1", "two incarnations return OK on two nodes"},
	{"M15", "S8", "publish returns OK outside leadership"},
	{"M16", "L5", "migration past timeout + I and the counter of timed out ones too low"},
	{"M17", "S5 L4", "belief gone G - 1ns after the incarnation was told; or kept past the bound"},
	{"M18", "S10", "a repeated untrackAttachment changes the stamp"},
	{"C01", "S1 S6", "publish returns OK on c while b's OK stands, within G of a's unpublish"},
	{"C02", "S1", "two overlapping publishes return OK on two nodes that exist"},
	{"C03", "S10 S1", "belief gone on b by the operation unpublish(a)"},
	{"C04", "S19", "unpublish on every node returns OK and belief or grant stays"},
	{"C05", "L8", "probe goroutines"},
	{"C06", "S8 S13", "publish returns OK and no list of the leadership succeeded; or belief lacks what the record names"},
	{"C07", "S2", "publish returns OK in a many-node mode beside a single-node one"},
	{"C08", "S17", "detach counter above the held instances that ended"},
	{"C09", "S17", "the event says from target to source"},
	{"C10", "S1 S15", "world grant of a second node while the first one's stands; a grant that the record does not name"},
}

func TestEveryDefectIsCaughtByAnInvariantWithAPair(t *testing.T) {
	proven := make(map[string]bool)
	for _, p := range pairs {
		proven[p.invariant] = true
	}
	for _, name := range []string{"L5", "S18"} { // judged from many events at once; the mutants show them
		proven[name] = true
	}
	s := begin()
	s.publish("vm", "n1")
	v := model.Check(s.header, s.finish().events)
	for _, d := range defects {
		require.NotEmpty(t, d.by, d.id)
		for _, name := range strings.Fields(d.caught) {
			r, ok := v.Lookup(name)
			require.True(t, ok, "%s: no invariant %s", d.id, name)
			require.NotEqual(t, model.NotJudged, r.Outcome, "%s: %s is not judged", d.id, name)
			require.True(t, proven[name], "%s: %s has no pair of traces", d.id, name)
		}
	}
}
