package sim

import (
	"context"
	"sync"
	"time"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// burst is a row of lifecycle calls that one goroutine makes with no point between: Start, Stop right after Start.
type burst struct {
	in    *incarnation
	calls []*lifecycleCall
	done  bool
}

type lifecycleCall struct {
	verb string
	op   int

	mu       sync.Mutex // guards the rest: the goroutine writes, the loop reads
	began    bool
	returned bool
	err      error

	told, toldEnd bool // the loop has written the event; the loop's own
}

// burst starts the calls of a timeline entry, or those that heal the run.
func (in *incarnation) burst(verbs []string) {
	life, ok := power[Lifecycle](in.sys)
	if !ok {
		return
	}
	b := &burst{in: in}
	for _, v := range verbs {
		in.engine.ops++
		b.calls = append(b.calls, &lifecycleCall{verb: v, op: in.engine.ops})
	}
	in.bursts = append(in.bursts, b)
	go func() {
		for _, c := range b.calls {
			c.begin()
			c.end(guard(func() error { return in.perform(life, c) }))
		}
		in.proc.Offer(&sched.Point{
			Kind: trace.Return, Label: in.proc.Label("lifecycle", "return", "burst", ""), Actor: "lifecycle",
			Fire: func(ev *trace.Event, _ fault.Decision) { ev.Verb, ev.Code = "burst", "OK"; b.done = true },
		})
	}()
}

// perform makes one call of a burst, on the burst's goroutine.
func (in *incarnation) perform(life Lifecycle, c *lifecycleCall) error {
	switch c.verb {
	case "start":
		ctx := withDeadline(sched.WithActor(quiet(), "run"), time.Time{})
		err := life.Start(ctx)
		if err == nil {
			in.life.Store(ctx)
		}
		return err
	case "stop":
		life.Stop()
	case "cancel":
		if ctx := in.life.Load(); ctx != nil {
			ctx.end(context.Canceled)
		}
	}
	return nil
}

func (c *lifecycleCall) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = true
}

func (c *lifecycleCall) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.returned, c.err = true, err
}

// observe writes what the bursts have done since the last step.
func (b *burst) observe() {
	for _, c := range b.calls {
		c.mu.Lock()
		ev := trace.Event{Kind: trace.Op, Proc: b.in.proc.Num, Op: c.op, Verb: c.verb, Actor: "lifecycle"}
		if c.began && !c.told {
			c.told = true
			b.in.engine.loop.Emit(ev)
		}
		if c.returned && !c.toldEnd {
			c.toldEnd = true
			ev.Kind, ev.Code = trace.Return, "OK"
			b.in.halted = c.verb != "start" || b.in.halted && c.err != nil
			if c.err != nil {
				ev.Code, ev.Message = "Error", c.err.Error()
				b.in.engine.panicked(c.err)
			}
			b.in.engine.loop.Emit(ev)
		}
		c.mu.Unlock()
	}
}

// told reports whether every call of the burst has been written.
func (b *burst) told() bool {
	for _, c := range b.calls {
		if !c.toldEnd {
			return false
		}
	}
	return true
}
