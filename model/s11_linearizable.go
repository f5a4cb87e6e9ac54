package model

import (
	"cmp"
	"slices"

	"github.com/holdfast-sim/holdfast/model/history"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// linearizable is S11 of SPEC.md section 5: each volume's history matches the sequential model. Somewhere between its call and
// its return each operation happened at once, and what it answered is what a manager would have said to whom the calls came
// one by one in that order. What no such order explains, no caller can rely on, however right each answer looks by itself.
//
// Nothing is asked of a system but its calls. The other invariants look at one answer and what led to it; this one weighs
// all of them against each other, refusals too: after unpublish returned OK on every node that had the volume, "attached
// elsewhere" is as untrue as a second OK is.
//
// What may have happened without an answer counts in favour of the system: an operation whose reply was lost, or whose
// process died, may be done or not until the last of its requests has landed; and a holder may be gone from the moment on at
// which its Node object went, or at which a new leader could not know of it (SPEC.md section 5, S13).
type linearizable struct {
	ruling
	book *histories
}

func newLinearizable(s *state) rule {
	r := &linearizable{book: newHistories()}
	r.judge(s, "calls")
	return r
}

func (r *linearizable) step(s *state, e *trace.Event) { r.book.take(s, e) }

func (r *linearizable) end(s *state) {
	var found []finding
	for _, h := range r.book.order {
		switch report := history.Check(h.settled()); report.Outcome {
		case history.Broken:
			found = append(found, h.finding(report))
		case history.Undecided:
			r.unanswered("calls", "the search for an order of the "+itoa(len(h.Ops))+" calls on "+h.Volume+" was given up")
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(a.when.step, b.when.step) })
	if len(found) > 0 {
		r.set("calls", Violated, "")
		r.first, r.more = &found[0], len(found)-1
	}
}

// finding puts a broken history into words.
func (h *volumeHistory) finding(report history.Report) finding {
	h.describe()
	o := h.calls[report.First]
	f := finding{when: o.returned, message: "no order of the calls on " + h.Volume + " explains " + o.Text + " (called at step " + itoa(o.Call) + ")"}
	if report.Before != "" {
		f.message += ": by then " + report.Before
	}
	f.witnesses = []int{o.Call}
	for _, i := range report.Witnesses {
		f.witnesses = append(f.witnesses, h.Ops[i].Call, min(h.Ops[i].Return, o.Return))
	}
	f.witnesses = append(orderedSteps(f.witnesses, o.Return), o.Return)
	return f
}
