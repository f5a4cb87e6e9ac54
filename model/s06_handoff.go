package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// handOff is S6 of SPEC.md section 5: grace grants nothing against a holder. The hand-off window after a detach is there for
// the next node of a migration; a publish in it succeeds only if nobody has the volume. (The classic: publish a, unpublish a,
// publish b, publish c within the grace period, and c wins while b writes.)
type handOff struct{ ruling }

func newHandOff(s *state) rule {
	r := &handOff{}
	r.judge(s, "calls")
	return r
}

func (r *handOff) step(s *state, e *trace.Event) {
	o := s.ops[e.Op]
	if o == nil || o.code != "OK" || !acquires(o.verb) || o.volume == nil || !o.volume.single() {
		return
	}
	v, d := o.volume, o.volume.deal(o.node)
	if !d.held || !v.parted || s.now.at-v.detach.at >= s.setup.Grace {
		return
	}
	for _, x := range v.held() {
		if x == d || v.direct || s.absent(x.node, x.uid) || (s.absent(d.node, d.uid) && d.begun.step < x.ok.step) {
			continue
		}
		r.violate(s, "calls", []int{v.detach.step, x.ok.step, d.begun.step}, "publish of %s on %s succeeded against its holder on %s, %v after a detach",
			v.handle, d.node, x.node, s.now.at-v.detach.at)
	}
}
