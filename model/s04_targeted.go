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
