package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// oneLoop is L2 of SPEC.md section 5: there is at most one loop, and Stop then Start, or context end then Start, give a fully
// working reconciler. Two loops clear twice and close each other's channels; a loop that cannot be started again is a
// reconciler that is dead until the process is.
type oneLoop struct {
	ruling
	open map[*proc]float64 // passes that a stop or a cancel cut, which may never be counted as ended
	free map[int]bool      // starts that were called while the loop surely did not run
	busy map[int]bool      // starts that were called while it surely ran
	next time.Duration
}

func newOneLoop(s *state) rule {
	r := &oneLoop{open: make(map[*proc]float64), free: make(map[int]bool), busy: make(map[int]bool)}
	r.judge(s, "start", "lifecycle")
	r.judge(s, "passes", "metrics")
	r.judge(s, "ticks", "metrics")
	return r
}

func (r *oneLoop) step(s *state, e *trace.Event) {
	if e.Kind == trace.Call {
		r.reads(s, e)
		return
	}
	if e.Kind == trace.Process {
		if p := s.procs[e.Proc]; p != nil {
			r.open[p] = p.pass.begun - p.pass.ended
		}
		return
	}
	o := s.ops[e.Op]
	if o == nil || (o.verb != "start" && o.verb != "stop" && o.verb != "cancel") {
		return
	}
	l := &o.proc.loop
	switch {
	case o.verb != "start":
		r.open[o.proc] = o.proc.pass.begun - o.proc.pass.ended + 1 // the next loop may begin while this one ends
	case e.Kind == trace.Op:
		r.free[o.num] = l.idle && l.starting == 1 && o.proc.leading
		r.busy[o.num] = l.running && l.proven && l.starting == 1
	default:
		r.started(s, o)
	}
}

// reads looks at what the loop asks about a node: one that waits for the answer does not ask again. Only a call that is deaf
// is surely waited for; others may have been given up, and one that arrives late is of a loop that has ended.
func (r *oneLoop) reads(s *state, e *trace.Event) {
	p := s.procs[e.Proc]
	if e.Actor != "run" || e.Verb != "get" || e.Resource != "nodes" || e.Late || p == nil {
		return
	}
	for _, c := range p.pending {
		if c.id != e.ID && c.deaf && c.actor == e.Actor && c.verb == e.Verb && c.resource == e.Resource && c.name == e.Name {
			r.violate(s, "passes", []int{c.begun.step}, "the loop of incarnation %d reads node %s twice at once: there are two of them", p.num, e.Name)
		}
	}
}

// started judges the result of Start.
func (r *oneLoop) started(s *state, o *operation) {
	l := &o.proc.loop
	switch {
	case o.code != "OK" && r.free[o.num] && !o.proc.cut && o.proc.leading: // who leads no more may refuse
		r.violate(s, "start", []int{l.endStep, o.begun.step}, "Start is refused (%s) although the loop had ended at step %d", o.code, l.endStep)
	case o.code == "OK" && r.busy[o.num] && o.starts == l.ends:
		r.violate(s, "start", []int{l.since.step, o.begun.step}, "a second Start is accepted while the loop of step %d runs", l.since.step)
	}
	delete(r.free, o.num)
	delete(r.busy, o.num)
}

func (r *oneLoop) settle(s *state) {
	for _, p := range s.alive {
		if n := p.pass.begun - p.pass.ended - r.open[p]; n >= 2 {
			r.violate(s, "passes", []int{p.loop.since.step, p.pass.at.step}, "%v passes go on at once", n)
			r.open[p] = p.pass.begun - p.pass.ended
		}
	}
}

func (r *oneLoop) tick(s *state, now time.Duration) {
	if now <= r.next || !r.judged("ticks") {
		return
	}
	r.next = now + s.setup.Interval
	for _, p := range s.alive {
		l := &p.loop
		if !l.running || !l.proven || !p.leading || p.pass.begun > p.pass.ended {
			continue
		}
		due := max(p.pass.at.at, l.since.at) + s.setup.Interval + s.passTime(p) + p.faultBy(s, now) - p.pass.fault
		if due < now {
			r.violate(s, "ticks", []int{p.pass.at.step, l.since.step}, "no pass has begun for %v, and the interval is %v", now-p.pass.at.at, s.setup.Interval)
			l.proven = false // once is enough
			continue
		}
		r.next = min(r.next, due)
	}
}
