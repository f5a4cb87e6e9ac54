package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// holderLimit is S2 of SPEC.md section 5: holders never exceed what volume and requests allow (section 4). Two nodes may have
// a volume only if the volume and every request are many-node; a read-write-many volume has a limit of its own. A volume
// that is taken in one mode and then given out in another has users who rely on different promises.
type holderLimit struct{ ruling }

func newHolderLimit(s *state) rule {
	r := &holderLimit{}
	r.judge(s, "calls")
	r.judge(s, "memory", "believer")
	return r
}

func (r *holderLimit) step(s *state, e *trace.Event) {
	o := s.ops[e.Op]
	if o == nil || o.code != "OK" || !acquires(o.verb) || o.volume == nil {
		return
	}
	v, d := o.volume, o.volume.deal(o.node)
	if !d.held {
		return
	}
	if d.mode != "" && o.mode != "" && manyNode(d.mode) != manyNode(o.mode) && d.ok.step < o.begun.step {
		r.violate(s, "calls", []int{d.ok.step, o.begun.step}, "publish of %s on %s as %s was told OK, but it is published there as %s", v.handle, o.node, o.mode, d.mode)
	}
	var holders []*dealing
	modes := []string{v.requested()}
	for _, x := range v.held() {
		if x != d && s.absent(x.node, x.uid) {
			continue // cleared, or soon to be
		}
		if x != d && s.absent(d.node, d.uid) && d.begun.step < x.ok.step {
			return
		}
		if x != d && x.mode != "" && o.mode != "" && x.mode != o.mode && s.offers("direct") && !v.direct {
			r.violate(s, "calls", []int{x.ok.step, o.begun.step}, "publish of %s on %s as %s was told OK while %s has it as %s: it is recorded in one mode", v.handle, o.node, o.mode, x.node, x.mode)
		}
		holders, modes = append(holders, x), append(modes, x.mode)
	}
	if limit := s.limit(modes); limit > 0 && len(holders) > limit {
		r.violate(s, "calls", []int{holders[0].ok.step, d.begun.step}, "%d nodes were told OK for %s, which allows %d in these modes (%s asked as %s)", len(holders), v.handle, limit, o.node, or(o.mode, "any"))
	}
}

func (r *holderLimit) settle(s *state) {
	for _, c := range s.changes {
		if c.before != nil || c.after == nil || s.rebuiltIn(c) || s.adopted(c) {
			continue
		}
		modes := []string{c.volume.requested()}
		for _, i := range c.memory.instances {
			modes = append(modes, i.mode)
		}
		if limit := s.limit(modes); limit > 0 && len(c.memory.instances) > limit {
			r.violate(s, "memory", []int{c.memory.instances[0].seen.step}, "%s was reserved for %s as holder %d of at most %d", c.volume.handle, c.after.node, len(c.memory.instances), limit)
		}
	}
}

// requested is the volume's own mode, if callers keep to it: the Manager's methods do not know the volume.
func (v *volume) requested() string {
	if v.direct {
		return ""
	}
	return v.mode
}

// limit is how many holders a set of modes allows together; 0 is unbounded.
func (s *state) limit(modes []string) int {
	least, bounded := 0, false
	for _, m := range modes {
		if m == "" {
			continue
		}
		if n := s.holdersMax(m); n > 0 && (!bounded || n < least) {
			least, bounded = n, true
		}
	}
	return least
}

// or returns the first of two words that says something.
func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
