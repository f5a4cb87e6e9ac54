package sim

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Bounds of the last phases, in virtual time. They are generous: what is late is the oracle's business.
const (
	drainMax    = 20 * time.Minute
	teardownMax = 2 * time.Minute
)

// heal ends every fault: the plan, outages, lags; the process runs and leads, its reconciler works, nodes are ready.
func (e *engine) heal() {
	if e.out || e.crash != nil {
		return
	}
	if e.guide != nil {
		e.opt.walk.End(e.guide.state(nil))
		if e.out = e.opt.walk.Over(); e.out {
			return
		}
	}
	e.healing = true
	e.phase("heal")
	e.plan.End()
	e.endOutage()
	e.endOverlap()
	e.wake(e.now)
	e.server.SetLag("", 0)
	// An injected empty list leaves a cache empty that no event would ever fill again: every cache lists anew.
	e.server.Disconnect("", cluster.HistoryGone)
	for _, n := range e.scn.Spec.Nodes {
		if e.nodes[n.Name].object {
			e.setReady(n.Name, true)
			e.backend.StartMachine(n.ID)
		}
	}
	e.runUntil(downtimeMax, func() bool { return e.now != nil && e.now.leads() && e.now.burstsOver() })
	if e.now != nil && e.now.halted {
		e.operator("start", func() {
			if e.now != nil {
				e.now.burst([]string{"start"})
			}
		})
	}
	e.runUntil(downtimeMax, func() bool { return e.server.Undelivered() == 0 })
	e.runFor(time.Second)
}

// downtimeMax bounds how long heal waits for the process to come back by itself.
const downtimeMax = 10 * time.Minute

// operator performs something of the operator's now, as a step of its own.
func (e *engine) operator(verb string, do func()) {
	done := false
	e.later(0, verb, func(*trace.Event) { do(); done = true })
	e.runUntil(time.Second, func() bool { return done })
}

// drain ends every wish, and lets the longest of G and I pass.
func (e *engine) drain() {
	if e.out || e.crash != nil {
		return
	}
	e.phase("drain")
	e.revokeSome()
	for _, x := range e.sortedEntries() {
		x.again = false
		x.remove(false)
	}
	e.runUntil(drainMax, func() bool { return len(e.entries) == 0 })
	rec := e.scn.Spec.Reconciler
	e.runFor(max(time.Duration(rec.GracePeriod), time.Duration(rec.Interval)) + e.bound())
}

// revokeSome unpublishes some volumes from every node at once, by an empty node id, as CSI allows; their wishes end after that.
func (e *engine) revokeSome() {
	waiting := 0
	published := e.published()
	for _, v := range e.scn.Spec.Volumes {
		if e.now == nil || !published[v.Name] || e.src.Choose("unpublish from all/"+v.Name, 3) > 0 {
			continue
		}
		waiting++
		e.later(0, "unpublishAll", func(ev *trace.Event) {
			for _, n := range e.scn.Spec.Nodes {
				e.rest(v.Name, n.Name)
			}
			in := e.now
			if in == nil {
				waiting--
				return
			}
			op := &operation{verb: "unpublish", volume: v.Name, mode: v.AccessMode, done: func(error) { waiting-- }}
			in.start(ev, op, func(ctx context.Context) error { return in.sys.Unpublish(ctx, v.Name, "") })
		})
	}
	e.runUntil(2*callTimeout, func() bool { return waiting == 0 })
}

// published are the volumes of which the sidecar has said that a node has them.
func (e *engine) published() map[string]bool {
	published := make(map[string]bool)
	for _, x := range e.entries {
		if x.attached {
			published[x.volume] = true
		}
	}
	return published
}

// quiesce looks at what is left when nothing is wished any more.
func (e *engine) quiesce() {
	if e.out || e.crash != nil {
		return
	}
	e.phase("quiesce")
	if e.now == nil {
		return
	}
	if s, ok := power[Stats](e.now.sys); ok {
		sizes := e.now.sizes(s)
		names := make([]string, 0, len(sizes))
		for name := range sizes {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			e.loop.Emit(trace.Event{Kind: trace.Probe, Proc: e.now.proc.Num, Name: "sizes/" + name, Value: float64(sizes[name])})
		}
	}
}

// sizes asks for the sizes on a goroutine of its own, for the same reasons as a prober.
func (in *incarnation) sizes(s Stats) (sizes map[string]int) {
	answer := make(chan error, 1)
	go func() {
		answer <- guard(func() error { sizes = s.Sizes(); return nil })
	}()
	in.engine.loop.Settle()
	select {
	case err := <-answer:
		in.engine.panicked(err)
		return sizes
	default:
		in.engine.loop.Emit(trace.Event{Kind: trace.Probe, Proc: in.proc.Num, Name: "hang", Code: "Hang", Message: "a read of the sizes does not answer while everything is still"})
		return nil
	}
}

// teardown ends leadership, waits for Run's return, and counts the goroutines that are left over.
func (e *engine) teardown() {
	if e.loop == nil {
		return
	}
	e.ending = true
	switch {
	case e.out:
		e.phase(model.Cut)
	case e.crash == nil:
		e.phase("teardown")
	}
	e.plan.End()
	if e.revive != nil {
		e.loop.Withdraw(e.revive)
	}
	if in := e.now; in != nil {
		if in.lead != nil {
			in.lead.end(context.Canceled)
		}
		if ctx := in.life.Load(); ctx != nil {
			ctx.end(context.Canceled)
		}
		for _, op := range sortedOps(in.inflight) {
			in.giveUp(op, context.Canceled)
		}
		e.loop.Run(e.loop.Now()+teardownMax, e.loop.Steps()+maxStepsDefault/10, func() bool { return !in.running && in.quiet() })
		in.release()
		e.loop.Settle()
		if e.born == 1 && e.crash == nil && !e.out {
			e.countGoroutines(in.running)
		}
		in.proc.Kill()
	}
	e.loop.Settle()
	e.done.Store(true)
}

func (e *engine) countGoroutines(running bool) {
	left := runtime.NumGoroutine() - e.before
	ev := trace.Event{Kind: trace.Probe, Proc: e.now.proc.Num, Name: "goroutines", Value: float64(max(0, left)), Code: "OK"}
	if left > 0 || running {
		ev.Code, ev.Message = "Left", clip(stacks())
	}
	e.loop.Emit(ev)
}

func (in *incarnation) quiet() bool { return in.burstsOver() && len(in.inflight) == 0 }

// burstsOver reports whether no lifecycle call is in flight.
func (in *incarnation) burstsOver() bool {
	return !slices.ContainsFunc(in.bursts, func(b *burst) bool { return !b.done })
}
