package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// recordAgrees is S15 of SPEC.md section 5: at rest the persisted record names exactly the holders and the uncertain; with none,
// only the tombstone is left. The record is what the next leader starts from: what it names in vain blocks a volume, what it
// does not name is given away.
//
// Asked at the end of convergence, with holders, and at quiescence. The backend is asked too: whoever still has access under
// a node that was there all the time must be named.
type recordAgrees struct {
	ruling
	asked bool
}

func newRecordAgrees(s *state) rule {
	r := &recordAgrees{}
	r.judge(s, "memory", "persist", "record", "believer")
	r.judge(s, "world", "persist", "record", "backend")
	return r
}

func (r *recordAgrees) step(s *state, e *trace.Event) {
	if e.Kind == trace.Change {
		if e.Resource == "persistentvolumes" && e.Volume != "" && r.judged("memory") {
			r.migration(s, s.volume(e.Volume))
		}
		return
	}
	if e.Kind == trace.Return {
		if o := s.ops[e.Op]; o != nil && r.judged("memory") {
			r.released(s, o, e)
		}
		return
	}
	if e.Name != "drain" && e.Name != "quiesce" {
		return
	}
	p := s.leader
	if p == nil || !s.keepsRecords() {
		return
	}
	r.asked = r.asked || e.Name == "quiesce"
	for _, v := range s.order {
		if len(v.flying) > 0 || !v.pv.exists {
			continue
		}
		if !v.pv.valid && v.pv.raw != "" {
			r.violate(s, "memory", []int{v.pv.changed.step}, "the record of %s cannot be read: %s", v.handle, v.pv.raw)
			continue
		}
		if r.judged("memory") {
			r.memory(s, p, v, e.Name)
		}
		if r.judged("world") && !v.direct {
			r.world(s, v, e.Name)
		}
	}
}

// released judges an OK of unpublish: the record goes before it (SPEC.md section 4), so that it does not name the node any more if it
// did when the call began and nobody has written since.
func (r *recordAgrees) released(s *state, o *operation, e *trace.Event) {
	v := o.volume
	if o.verb != "unpublish" || o.code != "OK" || e.Late || v == nil || v.direct || !v.pv.exists || !v.pv.valid || v.pv.changed.step >= o.begun.step {
		return
	}
	for _, h := range v.pv.doc.Instances {
		if o.releasesNode(h.Node) && (h.NodeID != "" || o.node == "") { // what maps an unkept id to a name may be gone
			r.violate(s, "memory", []int{v.pv.changed.step, o.begun.step}, "unpublish of %s on %s was told OK, and the record names it still (epoch %d)", v.handle, or(o.node, "every node"), h.Epoch)
		}
	}
}

// migration judges the write that reserves a second node: the migration that it begins is on record with it, for a crash may
// come at once.
func (r *recordAgrees) migration(s *state, v *volume) {
	was, is := v.before, v.pv.doc
	if !s.keepsRecords() || v.pv.changed != s.now || s.point.proc == 0 || !v.pv.valid || is.Mode != "ReadWriteMany" || len(was.Instances) != 1 || len(is.Instances) != 2 {
		return
	}
	source, target := is.Instances[0].Node, is.Instances[1].Node
	if source == target || source != was.Instances[0].Node {
		return
	}
	if g := is.Migration; g == nil || g.Source != source || g.Target != target {
		r.violate(s, "memory", nil, "the record of %s names %s beside %s, and does not tell of the migration between them", v.handle, target, source)
	}
}

func (r *recordAgrees) memory(s *state, p *proc, v *volume, when string) {
	m := p.memory(v.handle)
	if told := v.pv.doc.Detached.UnixNano(); m.stamp != 0 && len(m.instances) == 0 && !v.direct && v.pv.raw != "" && m.stamp != told {
		r.violate(s, "memory", []int{m.stampAt.step, v.pv.changed.step}, "the record of %s does not tell of its detach as memory does, at %s", v.handle, when)
	}
	for _, i := range m.instances {
		if _, ok := v.pv.doc.find(i.node, i.uid, i.epoch); !ok {
			r.violate(s, "memory", []int{i.seen.step, v.pv.changed.step}, "the record of %s does not name %s (epoch %d, %s in memory) at %s", v.handle, i.node, i.epoch, i.state, when)
		}
	}
	for _, h := range v.pv.doc.Instances {
		if m.match(h) == nil {
			r.violate(s, "memory", []int{v.pv.changed.step}, "the record of %s still names %s (epoch %d), which memory does not, at %s", v.handle, h.Node, h.Epoch, when)
		}
	}
}

func (r *recordAgrees) world(s *state, v *volume, when string) {
	for _, g := range v.grants {
		if !g.open || g.late || g.forgotten || s.absentSince(g.node, g.uid, g.when.step, s.now.step) || containsNode(v.pv.doc.Instances, g.node) {
			continue
		}
		r.violate(s, "world", []int{g.when.step, v.pv.changed.step}, "the backend lets %s write to %s, and the record does not name it, at %s", g.node, v.handle, when)
	}
}

func (r *recordAgrees) end(s *state) {
	if !s.keepsRecords() {
		for i := range r.parts {
			if r.parts[i].Outcome == Held {
				r.parts[i] = Part{Name: r.parts[i].Name, Outcome: NotJudged, Reason: "no record was ever written"}
			}
		}
		return
	}
	if s.ended && !r.asked {
		r.unanswered("memory", "no process led at quiescence")
		r.unanswered("world", "no process led at quiescence")
	}
}
