package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// turns judges what makes an operation atomic in the first place: calls on one volume wait for each other (section 4: "another
// call on v in flight: Aborted or wait"). Between the first write of one and its last, to the record or to the backend, no other of
// the same incarnation writes. A caller that has gone, or a leadership that has ended, may leave a request on its way; what
// that does is no turn.
type turns struct {
	first map[turnKey]map[int]moment // by operation: when it began to write; 0 is the run loop
	last  map[turnKey]touch
}

type turnKey struct {
	proc   *proc
	volume *volume
}

// touch is the last write to a volume.
type touch struct {
	op   int
	when moment
}

func newTurns() *turns {
	return &turns{first: make(map[turnKey]map[int]moment), last: make(map[turnKey]touch)}
}

// take notes a write, and judges whether it is within a turn that nobody has interrupted. Whoever looks at the record before he
// writes begins one.
func (r *atomic) take(s *state, e *trace.Event) {
	p, v, op := s.procs[e.Proc], s.written(e), operationOf(e)
	if op == 0 && e.Verb == "get" && e.Resource == "persistentvolumes" {
		delete(r.turns.first[turnKey{p, s.recordedOn(e.Name)}], op)
	}
	if p == nil || v == nil || e.Late || !p.leading || !r.turn(s, p, op) {
		return
	}
	k := turnKey{p, v}
	if r.turns.first[k] == nil {
		r.turns.first[k] = make(map[int]moment)
	}
	first, goesOn := r.turns.first[k][op]
	if op == 0 { // the loop has many turns: each begins at the backend, and ends if that fails, with the record, or with its pass
		delete(r.turns.first[k], op)
		goesOn = goesOn && e.Verb == "patch" && first.step >= p.pass.at.step
	}
	if last := r.turns.last[k]; goesOn && last.op != op && last.when.step >= first.step {
		r.violate(s, "turns", []int{first.step, last.when.step}, "%s and %s wrote to %s in turns: neither waited for the other", r.turns.name(s, op), r.turns.name(s, last.op), v.handle)
	}
	r.turns.last[k] = touch{op, s.now}
	if !goesOn && (op != 0 || e.Verb != "patch" && e.Code == "OK" && e.Fault != "replyLost") {
		r.turns.first[k][op] = s.now
	}
}

// turn reports whether an operation may still have a turn. The loop always may.
func (r *atomic) turn(s *state, p *proc, op int) bool {
	o := s.ops[op]
	return op == 0 || o != nil && !o.done && !o.gaveUp && o.begun.step >= p.led.step
}

func (t *turns) name(s *state, op int) string {
	if o := s.ops[op]; o != nil {
		return o.verb + " on " + o.node
	}
	return "the run loop"
}
