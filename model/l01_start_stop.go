package model

import (
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// startStop is L1 of SPEC.md section 5: Start returns at once; every Stop returns within 5 s, and when it has returned nothing
// happens any more. A Stop that waits for a hung API call or for a long pass keeps a process from ending; a loop that goes on
// after it clears records in the name of a reconciler that its owner believes dead. The same is asked of Run, which is where
// leadership ends: no answer reaches it when it has returned. (The lists of caches are left out: client-go's reflector goes away
// from one that does not end.)
type startStop struct {
	ruling
	waiting []*operation     // starts and stops that have not returned
	flown   map[*proc]moment // the return of the Stop that a write was on its way at
}

// Bounds of L1. Start returns at once: the second is for calls of the same instant that the schedule puts first.
const (
	startMax = time.Second
	stopMax  = 5 * time.Second
)

func newStartStop(s *state) rule {
	r := &startStop{flown: make(map[*proc]moment)}
	r.judge(s, "returns", "lifecycle")
	r.judge(s, "after", "lifecycle")
	return r
}

func (r *startStop) step(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Op:
		if o := s.ops[e.Op]; o != nil && (o.verb == "start" || o.verb == "stop") {
			r.waiting = append(r.waiting, o)
		}
	case trace.Return, trace.Process:
		kept := r.waiting[:0]
		for _, o := range r.waiting {
			if !o.done && !o.proc.cut {
				kept = append(kept, o)
			}
		}
		r.waiting = kept
	case trace.Counter:
		if strings.HasPrefix(e.Name, "holdfast_reconcile_passes") {
			r.after(s, s.proc(e.Proc), "counted a pass")
		}
	case trace.Reply:
		if e.Actor == "run" && e.Resource == "nodes" {
			r.after(s, s.proc(e.Proc), "read a node")
		}
		if p := s.proc(e.Proc); p.returned.step > 0 && s.now.step > p.returned.step && e.Actor == "run" && r.judged("after") {
			r.violate(s, "after", []int{p.returned.step}, "Run of incarnation %d had returned, and still waited for an answer: %s %s", p.num, e.Verb, e.Resource)
		}
	}
}

func (r *startStop) settle(s *state) {
	for _, x := range s.removals {
		if x.cause == becauseCleared && x.proc.loop.stopped && x.decided.step > x.proc.loop.stopAt.step && !r.inFlight(s, x) {
			r.after(s, x.proc, "cleared "+x.volume.handle+" on "+x.inst.node)
		}
	}
}

// inFlight reports whether the write of a clear may have been sent before Stop returned, which can happen to one: it was seen
// by the API server within the time that a request takes, and memory may have learned of it much later.
func (r *startStop) inFlight(s *state, x removal) bool {
	stop := x.proc.loop.stopAt
	if x.acted.at-stop.at > s.latencyMax() || r.flown[x.proc] == stop {
		return false
	}
	r.flown[x.proc] = stop
	return true
}

// after judges what the loop did against a Stop that has returned. What is seen in Stop's own step came before it.
func (r *startStop) after(s *state, p *proc, did string) {
	if p.loop.stopped && s.now.step > p.loop.stopAt.step {
		r.violate(s, "after", []int{p.loop.stopAt.step}, "the reconciler %s %v after Stop had returned", did, s.now.at-p.loop.stopAt.at)
	}
}

func (r *startStop) tick(s *state, now time.Duration) {
	for i, o := range r.waiting {
		bound := stopMax
		if o.verb == "start" {
			bound = startMax
		}
		if s.began["teardown"] != (moment{}) || now <= o.begun.at+bound {
			continue
		}
		r.violate(s, "returns", []int{o.begun.step}, "%s has not returned after %v", o.verb, now-o.begun.at)
		r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
		return
	}
}

func (r *startStop) end(s *state) {
	for _, o := range r.waiting {
		if !s.ended {
			continue
		}
		r.violate(s, "returns", []int{o.begun.step}, "%s never returned", o.verb)
	}
}
