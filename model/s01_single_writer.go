package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// singleWriter is S1 of SPEC.md section 5: a read-write-once volume never has two holders. Two writers of one file system
// destroy it, and nothing repairs that afterwards: this is the invariant that all others serve.
//
// Four witnesses are asked. Callers: two publish calls on different nodes were told OK, overlapping ones included, and no
// unpublish was called. Memory: the system reserved the volume for a node while it knew of another one, or evicted a holder
// whose node exists. World: two nodes write at once, or the backend lets a second node in while a first one is still granted
// and its node was there all the time.
//
// A holder whose node was absent counts as cleared. Without a fence that leans on the assumption A-dead, and is listed.
type singleWriter struct{ ruling }

func newSingleWriter(s *state) rule {
	r := &singleWriter{}
	r.judge(s, "calls")
	r.judge(s, "memory", "believer")
	r.judge(s, "world", "backend")
	r.judge(s, "device", "backend")
	return r
}

func (r *singleWriter) step(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Return:
		if o := s.ops[e.Op]; o != nil && o.code == "OK" && acquires(o.verb) && o.volume != nil && o.volume.single() {
			r.calls(s, o)
		}
	case trace.World:
		if v := s.volumes[e.Volume]; v != nil && e.Verb == "grant" && r.judged("world") {
			r.access(s, v, e)
		}
		if v := s.volumes[e.Volume]; v != nil && v.single() {
			r.world(s, v, e)
		}
		if v := s.volumes[e.Volume]; v != nil && e.Verb == "io" && e.Code == "OK" && r.judged("device") {
			r.device(s, v, e)
		}
	}
}

// calls looks at an OK of publish: somebody else who was told OK must have lost the volume since.
func (r *singleWriter) calls(s *state, o *operation) {
	d := o.volume.deal(o.node)
	if !d.held {
		return
	}
	for _, x := range o.volume.held() {
		if x == d || (o.volume.direct && !oneNode(x.mode) && !oneNode(d.mode)) {
			continue // the Manager's own methods know no volume's mode, only what they were asked
		}
		if s.absent(x.node, x.uid) {
			x.held = false
			if !s.offers("believer") && !x.fence.done {
				r.leanOnDead(s, "%s on %s counts as cleared at step %d: its node is gone, and nobody fenced it", o.volume.handle, x.node, s.now.step)
			}
			continue
		}
		if s.absent(d.node, d.uid) && d.begun.step < x.ok.step {
			d.held = false // they overlap, and the one that came back last was evicted before
			return
		}
		r.violate(s, "calls", []int{x.begun.step, x.ok.step, d.begun.step},
			"publish of %s was told OK on %s while %s holds it (OK at step %d, never unpublished, its node exists)", o.volume.handle, d.node, x.node, x.ok.step)
	}
}

func (r *singleWriter) world(s *state, v *volume, e *trace.Event) {
	if !r.judged("world") {
		return
	}
	if w := s.writers(v); len(w) > 1 && (e.Verb == "write" || e.Verb == "grant") {
		if w[0].forgotten || w[1].forgotten {
			r.forgive("%s: its PersistentVolume is gone, and with it and an incarnation all that was known of %s or %s", v.handle, w[0].node, w[1].node)
			return
		}
		if w[0].late || w[1].late {
			r.forgive("%s: a grant without an epoch came late and let %s and %s write at once, from step %d", v.handle, w[0].node, w[1].node, s.now.step)
			return
		}
		r.violate(s, "world", []int{w[0].when.step, w[1].when.step}, "%s and %s write to %s at once", w[0].node, w[1].node, v.handle)
		return
	}
	if g := v.grantOf(e.Node); e.Verb == "grant" && g.stray {
		r.leanOnDead(s, "a grant of %s for the dead machine %s (uid %s) reached its successor at step %d", v.handle, e.Node, g.uid, s.now.step)
		return // nothing on the new machine asked for it, so that nothing there writes
	}
	if e.Verb != "grant" || v.direct || !s.recorded(v) || s.down[e.Node] { // a machine that is off writes nothing; if it comes back it is seen to write
		return
	}
	for _, g := range v.grants {
		if g.node == e.Node || !g.open || g.late || g.stray || g.forgotten || s.down[g.node] || g.when.step >= s.now.step {
			continue
		}
		if !s.absentSince(g.node, g.uid, g.when.step, s.now.step) {
			r.violate(s, "world", []int{g.when.step}, "the backend lets %s write to %s while %s is still granted and its node exists", e.Node, v.handle, g.node)
		}
	}
}

// access judges how the backend was asked to let a node in: for reading where that is what the volume is for, else for writing.
func (r *singleWriter) access(s *state, v *volume, e *trace.Event) {
	o := s.ops[s.point.op]
	if o == nil || o.verb != "publish" || o.volume != v || o.mode == "" || v.direct {
		return
	}
	switch forReading := e.Mode == "ReadOnlyMany"; {
	case o.mode == "ReadOnlyMany" && !forReading:
		r.violate(s, "world", []int{o.begun.step}, "publish of %s on %s asked for reading, and the backend lets the node write", v.handle, e.Node)
	case o.mode != "ReadOnlyMany" && forReading:
		r.violate(s, "world", []int{o.begun.step}, "publish of %s on %s as %s was asked for, and the backend lets the node read only", v.handle, e.Node, o.mode)
	}
}

// leanOnDead notes what is safe only because a deleted Node object means a machine that no longer writes.
func (r *singleWriter) leanOnDead(s *state, format string, args ...any) {
	s.counts.leaned++
	r.lean(format, args...)
}

// device looks at one write of a workload.
func (r *singleWriter) device(s *state, v *volume, e *trace.Event) {
	g, w := v.grantOf(e.Node), v.device.last
	switch d := v.deal(e.Node); {
	case g.late || g.stray || g.forgotten || w.author != "" && v.grantOf(w.author).forgotten:
		r.forgive("%s: a write of %s at step %d came under a grant that was late, or meant for the machine before, or that nobody can know of", v.handle, e.Node, s.now.step)
	case v.single() && w.author != "" && w.author != e.Node && w.based != w.over:
		r.violate(s, "device", []int{w.when.step}, "%s writes over what %s wrote to %s at step %d, and never saw it: that write is lost", e.Node, w.author, v.handle, w.when.step)
	case v.single() && w.author != e.Node && e.Epoch > 0 && w.epoch > e.Epoch && !v.pv.lost:
		r.violate(s, "device", []int{w.when.step}, "%s writes to %s under epoch %d after %s did under epoch %d", e.Node, v.handle, e.Epoch, w.author, w.epoch)
	case d.ended.step > 0 && !v.direct:
		r.violate(s, "device", []int{d.ended.step}, "%s writes to %s after unpublish returned OK at step %d, and nobody published it there since", e.Node, v.handle, d.ended.step)
	}
}

func (r *singleWriter) settle(s *state) {
	for _, x := range s.removals {
		if x.cause != becauseCleared && x.cause != becauseEvicted {
			continue
		}
		if x.cause == becauseEvicted && x.live {
			r.violate(s, "memory", []int{x.op.begun.step, x.check.asked.step, x.decided.step},
				"%s of %s on %s evicted its holder on %s (uid %s) while that node exists", x.op.verb, x.volume.handle, x.op.node, x.inst.node, x.inst.uid)
		}
		if !x.fenced {
			r.leanOnDead(s, "%s on %s (epoch %d) was %s at step %d without a fence", x.volume.handle, x.inst.node, x.inst.epoch, x.cause, x.decided.step)
		}
	}
	for _, c := range s.changes {
		if c.before != nil || c.after == nil || s.rebuiltIn(c) || s.adopted(c) || !c.volume.single() || (c.volume.direct && manyNode(c.after.mode)) {
			continue
		}
		for _, i := range c.memory.instances {
			if i == c.after || i.seen.step == s.now.step || (i.node == c.after.node && sameUID(i.uid, c.after.uid)) {
				continue
			}
			r.violate(s, "memory", []int{i.seen.step}, "%s was reserved for %s while %s has it (%s, epoch %d)", c.volume.handle, c.after.node, i.node, i.state, i.epoch)
		}
	}
}
