package model

// What one step takes and gives back does not show in memory: an end of an attachment that fails puts it in doubt, and a method
// of the Manager that has waited for the volume confirms it at once, because it makes no call of its own. It counts all the
// same. Allowed is one more attach for each such instance, in a step in which more were counted than became held.

// reattached enters what a step may have counted so.
func (r *observable) reattached(s *state, p *proc) {
	b := r.book(p)
	more := p.counters[attachTotal] - b.attached
	b.attached += more
	if more <= 0 {
		return
	}
	for _, c := range s.changes {
		if c.proc == p && c.after != nil && c.after.state == "held" && (c.before == nil || c.before.state != "held") {
			more--
		}
	}
	for _, v := range s.order {
		if more <= 0 {
			return
		}
		if m := p.mem[v.handle]; m != nil {
			n := min(more, float64(s.confirmedAgain(p, v, m)))
			b.slack[attachTotal] += n
			more -= n
		}
	}
}

// restoredHeld reports whether an instance that appears as held was not attached now, but is read again: another incarnation
// reserved it, and nobody asks for the volume on its node.
func (s *state) restoredHeld(c change) bool {
	author, known := c.volume.authors[c.after.epoch]
	for _, o := range c.volume.flying {
		if o.proc == c.proc && acquires(o.verb) && o.node == c.after.node {
			return false
		}
	}
	return known && author != c.proc.num
}

// confirmedAgain counts the instances of a volume that may have been in doubt for no longer than the present step.
func (s *state) confirmedAgain(p *proc, v *volume, m *memory) (n int) {
	for _, i := range m.instances {
		if i.state == "held" && i.seen.step < s.now.step && s.confirms(p, v, i) && s.ends(p, v, i) {
			n++
		}
	}
	return n
}

// confirms reports whether a method that makes no call of its own waits for the instance.
func (s *state) confirms(p *proc, v *volume, i *instance) bool {
	for _, o := range v.flying {
		if o.proc == p && o.node == i.node && o.num != s.point.op && acquires(o.verb) && byHand(o.verb) {
			return true
		}
	}
	return false
}

// ends reports whether somebody was about to end the instance: an operation that gives it back, or a call of the loop.
func (s *state) ends(p *proc, v *volume, i *instance) bool {
	for _, o := range v.flying {
		if o.proc == p && o.releasesNode(i.node) {
			return true
		}
	}
	if c := s.point.reply; c != nil && c.proc == p && c.endsBy(v) {
		return true
	}
	for _, c := range p.pending {
		if c.endsBy(v) {
			return true
		}
	}
	return false
}

// endsBy reports whether the call is the loop's, and may end an attachment of a volume.
func (c *call) endsBy(v *volume) bool {
	return c.actor == "run" && writes(c.verb) && (c.resource == "backend" && c.name == v.handle || c.resource == "persistentvolumes" && c.name == v.pv.name)
}
