package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// allNodes is S19 of SPEC.md section 5: unpublish(V, "") leaves no holder. CSI says that an empty node id means every node; a
// driver that ignores it reports success and detaches nothing, and the volume is deleted under somebody's feet.
type allNodes struct {
	ruling
	before map[int][]*instance // by operation: what memory held when it was called
}

func newAllNodes(s *state) rule {
	r := &allNodes{before: make(map[int][]*instance)}
	r.judge(s, "memory", "believer")
	r.judge(s, "world", "backend")
	return r
}

func (r *allNodes) step(s *state, e *trace.Event) {
	o := s.ops[e.Op]
	if o == nil || o.volume == nil || !releases(o.verb) || o.node != "" {
		return
	}
	if e.Kind == trace.Op {
		r.before[o.num] = append([]*instance(nil), o.proc.memory(o.volume.handle).instances...)
		return
	}
	before := r.before[o.num]
	delete(r.before, o.num)
	if o.code != "OK" {
		return
	}
	m := o.proc.memory(o.volume.handle)
	for _, i := range before {
		if m.index(i.node, i.uid, i.epoch) >= 0 && r.judged("memory") {
			r.violate(s, "memory", []int{i.seen.step, o.begun.step}, "%s of %s on every node was told OK, and %s still has it (epoch %d)", o.verb, o.volume.handle, i.node, i.epoch)
		}
	}
	if !r.judged("world") || o.verb != "unpublish" {
		return
	}
	for _, g := range o.volume.grants {
		if g.open && g.when.step < o.begun.step && !s.absentSince(g.node, g.uid, g.when.step, s.now.step) {
			r.violate(s, "world", []int{g.when.step, o.begun.step}, "unpublish of %s on every node was told OK, and the backend still lets %s write", o.volume.handle, g.node)
		}
	}
}
