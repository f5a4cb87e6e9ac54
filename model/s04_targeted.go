package model

// targeted is S4 of SPEC.md section 5: handling node N changes only N's entries. A volume in migration has two holders, and
// the loss of one node must not cost the other its record.
type targeted struct{ ruling }

func newTargeted(s *state) rule {
	r := &targeted{}
	r.judge(s, "memory", "believer")
	r.judge(s, "fence", "believer", "backend")
	return r
}

func (r *targeted) settle(s *state) {
	for _, c := range s.changes {
		r.doubts(s, c)
	}
	for _, x := range s.removals {
		if (x.cause != becauseCleared && x.cause != becauseEvicted) || x.live {
			continue
		}
		for _, y := range s.removals {
			if y.proc == x.proc && y.volume == x.volume && y.cause == x.cause && y.inst.node != x.inst.node && y.live {
				r.violate(s, "memory", []int{x.decided.step}, "clearing %s on %s took its entry on %s (uid %s) too", x.volume.handle, x.inst.node, y.inst.node, y.inst.uid)
			}
		}
		for _, c := range s.changes {
			if c.proc != x.proc || c.volume != x.volume || c.before == nil || c.after == nil || c.after.node == x.inst.node {
				continue
			}
			if b, a := c.before, c.after; b.state != a.state || b.attached != a.attached || b.mode != a.mode {
				r.violate(s, "memory", []int{x.decided.step}, "clearing %s on %s changed its entry on %s (%s to %s)", x.volume.handle, x.inst.node, a.node, b.state, a.state)
			}
		}
	}
}

// doubts judges an instance that was held and is uncertain now: an unpublish of another node is no reason for that. One of its own
// that waited for its turn may have got it in the same step; and a rebuild that found the volume's turn taken does its part when
// the turn ends.
func (r *targeted) doubts(s *state, c change) {
	if c.stamp || c.before == nil || c.after == nil || c.before.state != "held" || c.after.state != "uncertain" || c.after.uid == "" || c.proc.rebuilds(s) {
		return
	}
	var by *operation
	for _, o := range c.volume.flying {
		if o.proc != c.proc {
			continue
		}
		if o.node == "" || o.node == c.after.node || acquires(o.verb) {
			return
		}
		if o.num == s.point.op && releases(o.verb) {
			by = o
		}
	}
	if by != nil && c.proc.led.step < by.begun.step {
		r.violate(s, "memory", []int{by.begun.step}, "%s of %s on %s puts its entry on %s in doubt", by.verb, c.volume.handle, by.node, c.after.node)
	}
}
