package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// splitLeadership is S18 of SPEC.md section 5: of two conflicting attaches by two managers at most one returns OK, and a deposed
// leader issues no write. A write that was in flight when leadership ended is no violation (it loses by compare-and-set),
// so of each actor the first one after that is let through.
type splitLeadership struct {
	ruling
	wrote map[*proc]map[string]moment // by actor: its first write since leadership ended
}

func newSplitLeadership(s *state) rule {
	r := &splitLeadership{wrote: make(map[*proc]map[string]moment)}
	r.judge(s, "calls")
	r.judge(s, "writes")
	return r
}

func (r *splitLeadership) step(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Process:
		if e.Proc != 0 {
			delete(r.wrote, s.proc(e.Proc))
		}
	case trace.Call:
		if p := s.proc(e.Proc); writes(e.Verb) && !p.leading && p.leads > 0 && e.Fault != "lateEffect" && e.Code == "OK" {
			r.write(s, p, e)
		}
	case trace.Return:
		if o := s.ops[e.Op]; o != nil && o.code == "OK" && acquires(o.verb) && o.volume != nil {
			r.calls(s, o)
		}
	}
}

func (r *splitLeadership) write(s *state, p *proc, e *trace.Event) {
	if r.wrote[p] == nil {
		r.wrote[p] = make(map[string]moment)
	}
	first, again := r.wrote[p][e.Actor]
	if !again {
		r.wrote[p][e.Actor] = s.now
		return
	}
	r.violate(s, "writes", []int{first.step}, "%s of incarnation %d, which does not lead any more, makes a second write: %s %s %s", or(e.Actor, "somebody"), p.num, e.Verb, e.Resource, e.Name)
}

func (r *splitLeadership) calls(s *state, o *operation) {
	d := o.volume.deal(o.node)
	if !d.held && (o.proc.leading || d.endedSince(o)) {
		return // who leads may be told of a grant when its node is gone, and the volume is another's; who does not, says so
	}
	for _, x := range o.volume.held() {
		if x != d && o.volume.single() && x.by != o.proc && x.ok.step >= o.begun.step && !s.absent(x.node, x.uid) {
			r.violate(s, "calls", []int{x.ok.step, o.begun.step}, "incarnations %d and %d both told OK for %s, on %s and %s", x.by.num, o.proc.num, o.volume.handle, x.node, o.node)
		}
	}
}
