package model

import (
	"strings"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// idempotent is S10 of SPEC.md section 5: repeating an operation that returned OK, with no other operation on the volume in
// between, is OK again and changes no state, time, counter or event. CSI callers repeat: they restart, they time out. And
// unpublish(V, A) never touches another node's entry.
//
// A repetition is judged only under the same API objects, in the same incarnation and without a fault from the first call's
// begin to the second one's end. A late duplicate of unpublish(V, A) that arrives after a new publish on A cannot be told from a
// new unpublish over CSI: it is listed as inherent.
type idempotent struct {
	ruling
	repeats map[*volume]*repeat
}

// repeat is an operation that returned OK, and its repetition if there is one.
type repeat struct {
	first, second *operation
	life          *life // of the node at the first
	faults        int   // of the incarnation when the first began
}

func newIdempotent(s *state) rule {
	r := &idempotent{repeats: make(map[*volume]*repeat)}
	r.judge(s, "codes")
	r.judge(s, "effects", "believer")
	return r
}

func (r *idempotent) step(s *state, e *trace.Event) {
	if o := s.ops[e.Op]; o != nil && o.verb == "rebuild" && (e.Kind == trace.Op || e.Kind == trace.Return) {
		r.rebuilt(o.proc) // an operation on every volume
	}
	switch e.Kind {
	case trace.Op:
		if o := s.ops[e.Op]; o != nil && o.volume != nil {
			r.begins(s, o)
		}
	case trace.Return:
		if o := s.ops[e.Op]; o != nil && o.volume != nil {
			r.ends(s, o)
		}
	case trace.Change:
		if e.Resource == "persistentvolumes" && e.Volume != "" && !r.own(s, s.volume(e.Volume)) {
			r.spoil(s.volume(e.Volume))
		}
	case trace.Counter:
		if countsOperations(e.Name) {
			r.effect(s, "counted "+e.Name)
		}
	case trace.Recorded:
		r.effect(s, "recorded "+e.Verb)
	case trace.Probe:
		if strings.HasPrefix(e.Name, "idempotent") && e.Code == "Violated" {
			r.violate(s, "effects", nil, "%s", or(e.Message, e.Name))
		}
	}
}

// own reports whether the present step is that of the operation that is judged, or of its repetition. A write that another one
// sent before may come only now.
func (r *idempotent) own(s *state, v *volume) bool {
	x := r.repeats[v]
	return x != nil && s.point.op != 0 && (s.point.op == x.first.num || x.second != nil && s.point.op == x.second.num)
}

// countsOperations reports whether a metric counts what operations do. Gauges follow the state, and passes are the loop's.
func countsOperations(metric string) bool {
	return strings.Contains(metric, "_total") && !strings.HasPrefix(metric, "holdfast_reconcile") && strings.HasPrefix(metric, "holdfast_")
}

func (r *idempotent) begins(s *state, o *operation) {
	x := r.repeats[o.volume]
	if x != nil && x.second == nil && x.first.done && r.same(s, x, o) {
		x.second = o
		return
	}
	delete(r.repeats, o.volume)
	if (acquires(o.verb) || releases(o.verb)) && len(o.volume.flying) == 1 {
		r.repeats[o.volume] = &repeat{first: o, life: s.current(o.node), faults: o.proc.faultCount}
	}
}

// same reports whether an operation repeats an earlier one under the same circumstances.
func (r *idempotent) same(s *state, x *repeat, o *operation) bool {
	f := x.first
	return f.verb == o.verb && f.node == o.node && f.mode == o.mode && f.proc == o.proc && len(o.volume.flying) == 1 && r.calm(s, x)
}

// calm reports whether nothing happened since the first began that may change the answer.
func (r *idempotent) calm(s *state, x *repeat) bool {
	p := x.first.proc
	if p.delivered.step >= x.first.begun.step && x.first.node != "" {
		return false // the cache that maps node ids was behind
	}
	if s.outages > 0 || p.faultCount != x.faults || !p.leading || p.led.step > x.first.begun.step {
		return false
	}
	return x.first.node == "" || s.sameLife(x.first.node, x.life)
}

// sameLife reports whether a name still has the life that it had, or still none.
func (s *state) sameLife(name string, was *life) bool {
	now := s.current(name)
	return (now == nil) == (was == nil) && (now == nil || now.uid == was.uid)
}

func (r *idempotent) ends(s *state, o *operation) {
	x := r.repeats[o.volume]
	switch {
	case x == nil:
		return
	case x.first == o && o.code == "OK" && !o.gaveUp && r.calm(s, x):
		return
	case x.second == o && o.code != "OK" && !o.gaveUp && r.calm(s, x) && !s.passing(o.proc, o.begun):
		r.violate(s, "codes", []int{x.first.begun.step, x.first.ended.step, o.begun.step}, "%s of %s on %s was OK, and ended in %s when it was repeated at once",
			o.verb, o.volume.handle, or(o.node, "every node"), o.code)
	case x.second == o && o.code == "OK" && !o.gaveUp && r.calm(s, x):
		r.repeats[o.volume] = &repeat{first: o, life: x.life, faults: x.faults} // and once more
		return
	}
	delete(r.repeats, o.volume)
}

// passing reports whether a reconcile pass may have got in the way since then.
func (s *state) passing(p *proc, since moment) bool {
	return p.pass.begun > p.pass.ended || p.pass.done.step >= since.step
}

// rebuilt ends the judgement of an incarnation's volumes.
func (r *idempotent) rebuilt(p *proc) {
	for v, x := range r.repeats {
		if x.first.proc == p {
			r.spoil(v)
		}
	}
}

// spoil ends the judgement of a volume: somebody else changed something.
func (r *idempotent) spoil(v *volume) { delete(r.repeats, v) }

// effect judges what happened in a step of a repetition.
func (r *idempotent) effect(s *state, did string) {
	o := s.ops[s.point.op]
	if o == nil || o.volume == nil || !r.judged("effects") {
		return
	}
	if x := r.repeats[o.volume]; x != nil && x.second == o && r.calm(s, x) {
		r.violate(s, "effects", []int{x.first.begun.step, x.first.ended.step, o.begun.step}, "%s of %s on %s was OK, and its repetition %s",
			o.verb, o.volume.handle, or(o.node, "every node"), did)
	}
}

func (r *idempotent) settle(s *state) {
	for _, x := range s.removals {
		if x.cause != becauseReleased {
			continue
		}
		if !x.op.releasesNode(x.inst.node) {
			r.violate(s, "effects", []int{x.op.begun.step, x.decided.step}, "%s of %s on %s took its entry on %s (uid %s)", x.op.verb, x.volume.handle, x.op.node, x.inst.node, x.inst.uid)
		}
		if d := x.volume.deal(x.inst.node); x.op.begun.step < d.publish.step && x.inst.seen.step > x.op.begun.step {
			r.forgive("%s of %s on %s, called at step %d, took what a publish called at step %d had attached: CSI cannot tell such a duplicate from a new call",
				x.op.verb, x.volume.handle, x.inst.node, x.op.begun.step, d.publish.step)
		}
	}
	for _, c := range s.changes {
		x := r.repeats[c.volume]
		if x == nil || (c.stamp && c.is == 0) { // a stamp may be forgotten at any time
			continue
		}
		if x.second != nil && s.point.op == x.second.num && r.calm(s, x) {
			r.effect(s, "changed what is believed of "+c.volume.handle)
		}
		if s.point.op != x.first.num {
			r.spoil(c.volume)
		}
	}
}
