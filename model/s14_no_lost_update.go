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
			r.compare(s, o, v, d)
		}
	}
}

// compare looks at what was acknowledged about a volume on a node since the rebuild was called.
func (r *noLostUpdate) compare(s *state, o *operation, v *volume, d *dealing) {
	if s.absent(d.node, d.uid) {
		return
	}
	m := o.proc.memory(v.handle)
	switch {
	case d.held && d.begun.step > o.begun.step && !m.names(d.node) && d.by == o.proc:
		r.violate(s, "memory", []int{o.begun.step, d.ok.step}, "the rebuild lost %s on %s, which was acknowledged at step %d while it went on", v.handle, d.node, d.ok.step)
	case len(s.alive) == 1 && d.ending && !d.owed && d.end.step > o.begun.step && d.publish.step < o.begun.step && m.names(d.node):
		r.violate(s, "memory", []int{o.begun.step, d.end.step}, "the rebuild brought %s on %s back, whose end was acknowledged while it went on", v.handle, d.node)
	}
}
