package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// allNodes is S19 of SPEC.md section 5: unpublish(V, "") leaves no holder. CSI says that an empty node id means every node; a
// driver that ignores it reports success and detaches nothing, and the volume is deleted under somebody's feet. Nor does an
// unpublish of one node leave that one.
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
	if o == nil || o.volume == nil || !releases(o.verb) {
		return
	}
	if o.node != "" {
		r.one(s, e, o)
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

// one judges an unpublish of one node: once it was told OK, the memory that it was told from does not name the node, unless
// somebody asked for the volume there meanwhile.
func (r *allNodes) one(s *state, e *trace.Event, o *operation) {
	if e.Kind != trace.Return || o.code != "OK" || o.proc == nil || o.proc.cut || !r.judged("memory") {
		return
	}
	for _, i := range o.proc.memory(o.volume.handle).instances {
		if i.node == o.node && i.uid != "" && !s.wantedSince(o) {
			r.violate(s, "memory", []int{i.seen.step, o.begun.step}, "%s of %s on %s was told OK, and memory still names it (epoch %d, %s)", o.verb, o.volume.handle, o.node, i.epoch, i.state)
		}
	}
}

// wantedSince reports whether somebody asked for the volume there while an operation ran.
func (s *state) wantedSince(o *operation) bool {
	for _, x := range s.ops {
		if x.volume == o.volume && x.node == o.node && acquires(x.verb) && (!x.done || x.ended.step > o.begun.step) {
			return true
		}
	}
	return false
}
