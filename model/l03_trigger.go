package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// trigger is L3 of SPEC.md section 5: a trigger accepted at t leads to a pass that begins after t, within the current pass and
// 1 s; n triggers coalesce to at most two passes. A trigger that gets lost leaves a dead node's volumes until the next tick;
// one that is kept from before Start gives passes that nobody asked for.
//
// Superfluous passes are judged after a Start while all is calm: no node is missing, no fault has hit, no migration runs.
type trigger struct {
	ruling
	asked []*asked
	since map[*proc]*afterStart
}

// asked is a trigger that has not led to a pass yet.
type asked struct {
	proc  *proc
	when  moment
	begun float64 // passes begun before it
	fault time.Duration
}

// afterStart counts the passes since a Start, and what may have asked for them.
type afterStart struct {
	when   moment
	begun  float64 // passes begun before
	faults int
	why    float64 // passes that something asked for
	group  int     // triggers since the last pass began
}

func newTrigger(s *state) rule {
	r := &trigger{since: make(map[*proc]*afterStart)}
	r.judge(s, "passes", "nudger", "metrics")
	r.judge(s, "coalesced", "nudger", "lifecycle", "metrics")
	return r
}

func (r *trigger) step(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Op:
		if e.Verb == "trigger" && e.Proc != 0 {
			r.triggered(s, s.proc(e.Proc), max(1, e.Count))
		} else if o := s.ops[e.Op]; o != nil && o.verb == "start" {
			r.since[o.proc] = &afterStart{when: s.now, begun: o.proc.pass.begun, faults: o.proc.faultCount, why: 1}
		} else if o != nil && (o.verb == "stop" || o.verb == "cancel") {
			r.forget(o.proc)
		}
	case trace.Return:
		if o := s.ops[e.Op]; o != nil && o.verb == "start" && o.code != "OK" {
			delete(r.since, o.proc)
		}
	case trace.Process:
		if e.Proc != 0 {
			r.forget(s.proc(e.Proc))
		}
	case trace.Change:
		if e.Resource == "nodes" && e.Verb != "updated" {
			clear(r.since)
		}
	case trace.Deliver:
		if x := r.since[s.procs[e.Proc]]; x != nil && e.Resource == "nodes" {
			x.why++
		}
	case trace.Counter:
		if e.Name == passesBegun {
			r.begun(s, s.proc(e.Proc))
		}
	}
}

func (r *trigger) forget(p *proc) {
	delete(r.since, p)
	kept := r.asked[:0]
	for _, a := range r.asked {
		if a.proc != p {
			kept = append(kept, a)
		}
	}
	r.asked = kept
}

func (r *trigger) triggered(s *state, p *proc, times int) {
	if p.loop.running && p.loop.proven && p.leading && r.judged("passes") {
		r.asked = append(r.asked, &asked{proc: p, when: s.now, begun: p.pass.begun, fault: p.fault})
	}
	if x := r.since[p]; x != nil {
		for ; times > 0 && x.group < 2; times-- {
			x.group++
			x.why++
		}
	}
}

func (r *trigger) begun(s *state, p *proc) {
	kept := r.asked[:0]
	for _, a := range r.asked {
		if a.proc != p || p.pass.begun <= a.begun {
			kept = append(kept, a)
		}
	}
	r.asked = kept
	x := r.since[p]
	if x == nil {
		return
	}
	x.group = 0
	if !s.calm(p) || p.faultCount != x.faults {
		delete(r.since, p)
		return
	}
	ticks := float64((s.now.at - x.when.at) / max(s.setup.Interval, 1))
	if p.pass.begun-x.begun > x.why+ticks && r.judged("coalesced") {
		r.violate(s, "coalesced", []int{x.when.step}, "%v passes have begun since Start, and %v were asked for", p.pass.begun-x.begun, x.why+ticks)
		delete(r.since, p)
	}
}

// calm reports whether an incarnation has nothing that makes it look again by itself.
func (s *state) calm(p *proc) bool {
	if s.outages > 0 || p.migrating > 0 {
		return false
	}
	for _, m := range p.mem {
		for _, i := range m.instances {
			if i.state != "held" || s.absent(i.node, i.uid) {
				return false
			}
		}
	}
	return true
}

// triggerMax is how soon a pass begins after a trigger, or after the pass that the trigger came in.
const triggerMax = time.Second

func (r *trigger) tick(s *state, now time.Duration) {
	for i, a := range r.asked {
		p := a.proc
		if p.pass.begun > p.pass.ended {
			continue // within the current pass
		}
		due := max(a.when.at, p.pass.done.at) + triggerMax + p.faultBy(s, now) - a.fault
		if due >= now {
			continue
		}
		r.violate(s, "passes", []int{a.when.step, p.pass.done.step}, "no pass has begun %v after a trigger", now-a.when.at)
		r.asked = append(r.asked[:i:i], r.asked[i+1:]...)
		return
	}
}

// settle forgets an incarnation that has a migration: its timeout asks for a pass.
func (r *trigger) settle(s *state) {
	for _, m := range s.moves {
		delete(r.since, m.proc)
	}
}
