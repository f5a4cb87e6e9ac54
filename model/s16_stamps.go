package model

// stampFor judges that the end of a volume's last attachment stamps it, whoever ended that, and that nothing else does: not a
// reservation that was taken back, of which nobody was ever told, and no step that ended nothing.
func (r *timeOrder) stampFor(s *state) {
	if !r.judged("detaches") {
		return
	}
	for _, c := range s.changes {
		attached := c.after != nil && c.after.state == "held" && (c.before == nil || c.before.state != "held")
		if m := c.memory; attached && m.stamp != 0 && s.attachCounts(c) {
			r.violate(s, "detaches", []int{m.stampAt.step}, "%s is attached to %s, and the stamp of its last detach stays", c.volume.handle, c.after.node)
		}
	}
	for _, x := range s.removals {
		m := x.proc.memory(x.volume.handle)
		if len(m.instances) > 0 || s.now.at-x.acted.at+s.latencyMax() >= s.setup.Grace {
			continue
		}
		switch x.cause {
		case becauseReleased, becauseEvicted, becauseCleared, becauseOwn, becauseDirect:
			if m.stamp == 0 {
				r.violate(s, "detaches", []int{x.decided.step}, "the last attachment of %s, on %s, was %s, and no detach stamp tells of it", x.volume.handle, x.inst.node, x.cause)
			}
		case becauseRefused:
			if m.stampAt.step == s.now.step && m.stamp != 0 && r.stampIsNew(s, x) {
				r.violate(s, "detaches", []int{x.decided.step}, "the reservation of %s for %s was refused and taken back, and stamps a detach", x.volume.handle, x.inst.node)
			}
		}
	}
}

// persisted judges a write of the record that leaves somebody on it: two to one stamps no detach.
func (r *timeOrder) persisted(s *state, v *volume) {
	was, is := v.before, v.pv.doc
	if r.judged("detaches") && s.point.proc != 0 && v.pv.exists && v.pv.valid && v.pv.changed == s.now && len(is.Instances) == 0 && is.Detached.IsZero() {
		r.unstamped(s, v, was)
	}
	if !r.judged("detaches") || s.point.proc == 0 || !v.pv.exists || !v.pv.valid || v.pv.changed != s.now || len(is.Instances) == 0 || len(is.Instances) >= len(was.Instances) {
		return
	}
	if !is.Detached.IsZero() && !is.Detached.Equal(was.Detached) && s.procs[s.point.proc].memory(v.handle).stamp != is.Detached.UnixNano() {
		r.violate(s, "detaches", nil, "the record of %s tells of a detach at %v, and names %s still", v.handle, is.Detached, is.Instances[0].Node)
	}
}

// stampIsNew reports whether a stamp of the present step tells of nothing earlier, and nothing else ended in the step.
func (r *timeOrder) stampIsNew(s *state, of removal) bool {
	for _, x := range s.removals {
		if x.proc == of.proc && x.volume == of.volume && x.cause != becauseRefused {
			return false
		}
	}
	for _, c := range s.changes {
		if c.stamp && c.proc == of.proc && c.volume == of.volume && c.is != 0 && c.is >= of.inst.attached {
			return true
		}
	}
	return false
}

// unstamped judges a write that leaves nobody on the record and no stamp: so it may be for what was reserved only, and never held.
func (r *timeOrder) unstamped(s *state, v *volume, was document) {
	for _, i := range s.procs[s.point.proc].memory(v.handle).instances {
		if _, named := was.find(i.node, i.uid, i.epoch); named && i.wasHeld {
			r.violate(s, "detaches", []int{i.seen.step}, "the record of %s loses its last holder, %s, and does not tell when", v.handle, i.node)
			return
		}
	}
}

// attachCounts reports whether an instance that is held now was attached after the detach of which memory has a stamp: what a
// rebuild has just taken in is held, and so no detach is the last thing that happened.
func (s *state) attachCounts(c change) bool {
	if s.rebuiltIn(c) {
		return c.before == nil || !c.proc.rebuilds(s)
	}
	return !c.proc.rebuilds(s) && !s.restoredHeld(c)
}
