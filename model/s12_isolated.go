package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// isolated is S12 of SPEC.md section 5: returned values are immutable, and a hung operation on one volume never blocks an
// operation or read on another. Both are probed: the harness scribbles on what it was given and reads again, and it reads all
// attachments when everything is still. No answer then means that somebody holds a lock over a call.
type isolated struct {
	ruling
	due map[int]string // what a read is to return, by operation
}

func newIsolated(s *state) rule {
	r := &isolated{due: make(map[int]string)}
	r.judge(s, "reads", "believer")
	r.judge(s, "copies", "believer")
	r.judge(s, "answers", "believer", "direct")
	return r
}

func (r *isolated) step(s *state, e *trace.Event) {
	if o := s.ops[e.Op]; o != nil && e.Op != 0 && r.judged("answers") {
		if e.Kind == trace.Op {
			r.asked(s, o)
		} else if e.Kind == trace.Return {
			r.answered(s, o, e)
		}
		return
	}
	switch {
	case e.Name == "hang" && e.Code != "OK":
		r.violate(s, "reads", nil, "%s", or(e.Message, "a read of all attachments does not answer while everything is still"))
	case e.Name == "aliasing" && e.Code != "OK":
		r.violate(s, "copies", nil, "%s", or(e.Message, "a returned copy was changed, and the system believes what it says"))
	case e.Kind == trace.Belief && e.Node == "spoilt":
		r.violate(s, "copies", nil, "the system believes what was written into a copy that it had returned (%s)", e.Volume)
	}
}
