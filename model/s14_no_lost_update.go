package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// noLostUpdate is S14 of SPEC.md section 5: an operation that was acknowledged during a rebuild survives it. A rebuild reads
// for a while, and what it has read is older than what was done meanwhile. Judged where Rebuild is called directly, for else
// nothing is served until it has ended.
type noLostUpdate struct{ ruling }

func newNoLostUpdate(s *state) rule {
	r := &noLostUpdate{}
	r.judge(s, "memory", "believer", "direct")
	return r
}

func (r *noLostUpdate) step(s *state, e *trace.Event) {
	o := s.ops[e.Op]
	if o == nil || o.verb != "rebuild" || o.code != "OK" || !r.judged("memory") {
		return
	}
	for _, v := range s.order {
		for _, d := range v.deals {
			if d.held && d.by == o.proc && d.begun.step > o.begun.step && d.ok.step <= s.now.step && !s.absent(d.node, d.uid) && !o.proc.memory(v.handle).names(d.node) {
				r.violate(s, "memory", []int{o.begun.step, d.ok.step}, "the rebuild lost %s on %s, which was acknowledged at step %d while it went on", v.handle, d.node, d.ok.step)
			}
		}
	}
}
