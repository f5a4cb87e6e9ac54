package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// atomic is S9 of SPEC.md section 5: an operation that returns an error leaves memory as if never called, save an uncertain
// instance and the epoch, and no reader saw a held record in between; the record agrees, or is repaired. (That it is repaired
// in time is asked where S15 and L7 are: at the end of convergence.)
type atomic struct {
	ruling
	held   map[int]*claimed // operations that may have made an instance held
	access *access
	turns  *turns
	fenced []fenced
}

// claimed is an instance that became held in the step of an operation. Methods of the Manager that wait for the same volume
// make no call of their own, so that they may have done it in that very step: one of them that ends in OK explains it.
type claimed struct {
	op     *operation
	when   moment
	rivals []*operation
}

func newAtomic(s *state) rule {
	r := &atomic{held: make(map[int]*claimed), access: newAccess(), turns: newTurns()}
	r.judge(s, "memory", "believer")
	r.judge(s, "access", "backend")
	r.judge(s, "turns", "record")
	return r
}

func (r *atomic) step(s *state, e *trace.Event) {
	r.watch(s, e)
	r.fences(s, e)
	if e.Kind == trace.Call {
		r.take(s, e)
	}
	if e.Kind != trace.Process && e.Kind != trace.Return {
		return
	}
	if e.Kind == trace.Process {
		clear(r.held)
		return
	}
	o := s.ops[e.Op]
	if o == nil || e.Op == 0 {
		return
	}
	delete(r.turns.first[turnKey{o.proc, o.volume}], o.num)
	c := r.held[e.Op]
	delete(r.held, e.Op)
	if c == nil || o.code == "OK" || !acquires(o.verb) {
		return
	}
	for _, x := range c.rivals {
		switch {
		case x.done && x.code == "OK":
			return
		case !x.done && r.held[x.num] == nil:
			r.held[x.num] = c // its end will tell
			return
		case !x.done:
			return
		}
	}
	o = c.op
	r.violate(s, "memory", []int{o.begun.step, c.when.step}, "%s of %s on %s ended in %s, and readers saw it held since step %d", o.verb, o.volume.handle, o.node, o.code, c.when.step)
}

func (r *atomic) settle(s *state) {
	o := s.ops[s.point.op]
	if o == nil || o.done || !acquires(o.verb) {
		return
	}
	for _, c := range s.changes {
		if c.volume != o.volume || c.after == nil || c.after.node != o.node || c.after.state != "held" || (c.before != nil && c.before.state == "held") {
			continue
		}
		made := &claimed{op: o, when: s.now}
		for _, x := range o.volume.flying {
			if x != o && x.proc == o.proc && x.node == o.node && acquires(x.verb) && byHand(x.verb) {
				made.rivals = append(made.rivals, x)
			}
		}
		r.held[o.num] = made
	}
}
