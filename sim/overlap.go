package sim

import (
	"context"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// overlap starts the next process while the one before still runs. With an election that one is deposed at this moment: its
// connections break, and its handlers go on with what they have begun. Without one both lead, and callers reach either.
func (e *engine) overlap(o scenarios.Overlap) {
	if e.elder != nil || !e.now.leads() {
		return
	}
	e.elder = e.now
	if !o.Unelected {
		e.elder.retire()
	}
	next, err := e.newIncarnation()
	must(err)
	e.loop.Emit(trace.Event{Kind: trace.Process, Proc: next.proc.Num, Verb: "start"})
	e.adopt(next)
	elder := e.elder
	e.later(time.Duration(o.For), "overlapEnd", func(*trace.Event) {
		if e.elder == elder {
			e.endOverlap()
		}
	})
}

// retire ends leadership for good.
func (in *incarnation) retire() {
	in.engine.loop.Emit(trace.Event{Kind: trace.Process, Proc: in.proc.Num, Verb: "depose"})
	in.lead.end(context.Canceled)
	in.hangUp()
}

// endOverlap ends the process before, if there still is one.
func (e *engine) endOverlap() {
	if in := e.elder; in != nil {
		e.elder = nil
		e.wake(in)
		in.die()
	}
}

// serving is the process that a call reaches: nil if there is none.
func (e *engine) serving() *incarnation {
	if in := e.elder; in != nil && in.leads() && e.src.Choose("serving", 2) == 1 {
		return in
	}
	return e.now
}
