package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// atomic is S9 of SPEC.md section 5: an operation that returns an error leaves memory as if never called, save an uncertain
// instance and the epoch, and no reader saw a held record in between; the record agrees, or is repaired. (That it is repaired
// in time is asked where S15 and L7 are: at the end of convergence.)
type atomic struct {
	ruling
	held map[int]moment // operations that made an instance held
}

func newAtomic(s *state) rule {
	r := &atomic{held: make(map[int]moment)}
	r.judge(s, "memory", "believer")
	return r
}

func (r *atomic) step(s *state, e *trace.Event) {
	if e.Kind == trace.Process {
		clear(r.held)
		return
	}
	o := s.ops[e.Op]
	if o == nil || e.Op == 0 {
		return
	}
	when, made := r.held[e.Op]
	delete(r.held, e.Op)
	if made && o.code != "OK" && acquires(o.verb) {
		r.violate(s, "memory", []int{o.begun.step, when.step}, "%s of %s on %s ended in %s, and readers saw it held since step %d", o.verb, o.volume.handle, o.node, o.code, when.step)
	}
}

func (r *atomic) settle(s *state) {
	o := s.ops[s.point.op]
	if o == nil || o.done || !acquires(o.verb) {
		return
	}
	for _, c := range s.changes {
		if c.volume == o.volume && c.after != nil && c.after.node == o.node && c.after.state == "held" && (c.before == nil || c.before.state != "held") {
			r.held[o.num] = s.now
		}
	}
}
