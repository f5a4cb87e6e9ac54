package sim

import (
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Leader election as controllers have it (client-go's defaults for most: LeaseDuration 15 s, RetryPeriod 2 s): who stands still
// for longer than a lease is followed by another, and learns of that a moment after it has woken up.
const (
	leaseDuration = 15 * time.Second
	leaseRetry    = 2 * time.Second
)

// pause makes the process stand still. If that lasts longer than its lease, the next one leads meanwhile; and when it wakes up,
// both lead for a moment, for it does not know.
func (e *engine) pause(p scenarios.Downtime) {
	in, lasts := e.now, time.Duration(p.For)
	if e.elder != nil || !in.leads() {
		return
	}
	e.loop.Freeze(in.proc.Num)
	e.loop.Emit(trace.Event{Kind: trace.Trouble, Proc: in.proc.Num, Verb: "pauseBegin", Limit: lasts})
	e.later(lasts, "pauseEnd", func(*trace.Event) { e.wake(in) })
	if lasts > leaseDuration {
		e.later(leaseDuration, "takeOver", func(*trace.Event) {
			if e.now == in && in.frozen() {
				e.overlap(scenarios.Overlap{For: scenarios.Duration(lasts - leaseDuration + leaseRetry), Unelected: true})
			}
		})
	}
}

// frozen reports whether the process stands still.
func (in *incarnation) frozen() bool { return in.engine.loop.Frozen(in.proc.Num) }

// wake ends a pause.
func (e *engine) wake(in *incarnation) {
	if in != nil && e.loop.Thaw(in.proc.Num) {
		e.loop.Emit(trace.Event{Kind: trace.Trouble, Proc: in.proc.Num, Verb: "pauseEnd"})
	}
}
