package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// What a pass leaves on doubt is tried again (SPEC.md section 3), and not only when the interval is over: the system says how soon.
// Doubts are what the pass counted as kept, what its guard withheld, and a fence, a revoke or a write of a record that ended in
// an error.

// again is what is known of the doubts of the pass under way, or of the last one, in the loop that runs now.
type again struct {
	kept   float64          // of both counters, when the pass began
	failed map[*volume]bool // what the pass could not do
	ended  bool
	since  moment        // when it ended and had left something; zero else
	fault  time.Duration // A by then
}

// againSlack is for the wait between two passes, and for the calls of a pass that make no virtual time.
const againSlack = time.Second

func (r *failOpen) retried(s *state, e *trace.Event) {
	p := s.procs[e.Proc]
	if p == nil || !r.judged("again") {
		return
	}
	x := r.again[p]
	switch {
	case e.Kind == trace.Process, e.Kind == trace.Op && (e.Verb == "stop" || e.Verb == "cancel" || e.Verb == "start" || e.Verb == "rebuild"):
		delete(r.again, p)
	case e.Kind == trace.Counter && e.Name == passesBegun:
		r.again[p] = &again{kept: p.doubts(), failed: make(map[*volume]bool)}
	case x == nil:
	case e.Kind == trace.Reply && e.Actor == "run":
		x.reply(s, e)
	case e.Kind == trace.Counter && e.Name == passesEnded && !x.ended:
		x.ended = true
		if p.doubts() > x.kept || len(x.failed) > 0 {
			x.since, x.fault = s.now, p.fault
		}
	}
}

// doubts is how often something was kept on doubt, or withheld.
func (p *proc) doubts() float64 { return p.counters[failOpenTotal] + p.counters[guardTotal] }

// reply notes what became of a call of the pass.
func (x *again) reply(s *state, e *trace.Event) {
	var v *volume
	switch {
	case e.Resource == "backend" && (e.Verb == "fence" || e.Verb == "revoke"):
		v = s.volume(e.Volume)
	case e.Resource == "persistentvolumes" && (e.Verb == "patch" || e.Code == "OK"): // what is read after a conflict may be what was to be
		v = s.recordedOn(e.Name)
	}
	if v == nil {
		return
	}
	if delete(x.failed, v); e.Code != "OK" {
		x.failed[v] = true
	}
}

func (r *failOpen) tick(s *state, now time.Duration) {
	for _, p := range s.alive {
		x := r.again[p]
		if x == nil || x.since.step == 0 || !p.loop.running || !p.loop.proven || !p.leading {
			continue
		}
		if due := x.since.at + s.setup.Retry + againSlack + p.faultBy(s, now) - x.fault; due < now {
			r.violate(s, "again", []int{x.since.step}, "a pass left something on doubt at step %d, and no other has begun for %v", x.since.step, now-x.since.at)
			delete(r.again, p)
		}
	}
}
