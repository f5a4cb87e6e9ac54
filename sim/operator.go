package sim

import (
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// schedule offers the timeline, one entry at a time: entries of one instant keep their order, and others come between them.
func (e *engine) schedule(start time.Duration, timeline []scenarios.Step) {
	if len(timeline) == 0 {
		return
	}
	s := timeline[0]
	verb := s.Action()
	e.loop.Offer(&sched.Point{
		Kind: trace.Op, Label: e.label("operator", verb, ""), Actor: "operator", Ready: start + time.Duration(s.At),
		Fire: func(ev *trace.Event, _ fault.Decision) {
			ev.Verb = verb
			e.schedule(start, timeline[1:])
			e.act(ev, s)
		},
	})
}

// act performs one entry of the timeline.
func (e *engine) act(ev *trace.Event, s scenarios.Step) {
	switch {
	case s.Publish != nil:
		ev.Verb, ev.Volume, ev.Node = "wish", s.Publish.Volume, s.Publish.Node
		e.wish(*s.Publish)
	case s.Unpublish != nil:
		ev.Verb, ev.Volume, ev.Node = "unwish", s.Unpublish.Volume, s.Unpublish.Node
		e.unwish(*s.Unpublish)
	case s.CreateNode != nil:
		ev.Node = s.CreateNode.Node
		e.createNode(ev.Node)
	case s.DeleteNode != nil:
		ev.Node = s.DeleteNode.Node
		e.deleteNode(ev.Node)
	case s.SetReady != nil:
		ev.Node = s.SetReady.Node
		ev.State = map[bool]string{true: "ready", false: "notReady"}[s.SetReady.Ready]
		e.setReady(ev.Node, s.SetReady.Ready)
	case s.DeletePV != nil:
		ev.Volume = s.DeletePV.Volume
		e.deletePV(*s.DeletePV)
	case s.CreatePV != nil:
		ev.Volume = s.CreatePV.Volume
		e.createPV(e.volume(ev.Volume))
	case s.KillMachine != nil:
		ev.Node = s.KillMachine.Node
		e.killMachine(ev.Node)
	case s.StartMachine != nil:
		ev.Node = s.StartMachine.Node
		e.backend.StartMachine(e.nodeID(ev.Node))
	case s.OutOfService != nil:
		ev.Node = s.OutOfService.Node
		e.outOfService(ev.Node)
	case s.Crash != nil:
		e.crashNow(time.Duration(s.Crash.For))
	case s.ClockStep != nil:
		e.stepClock(time.Duration(s.ClockStep.By), s.ClockStep.Process)
	case s.Outage != nil:
		e.beginOutage(*s.Outage)
	case s.Lag != nil:
		e.beginLag(*s.Lag)
	case s.Disconnect != nil:
		e.trouble("disconnect", s.Disconnect.Resource, 0)
		history := cluster.HistoryKept
		if s.Disconnect.Gone {
			history = cluster.HistoryGone
		}
		e.server.Disconnect(s.Disconnect.Resource, history)
	case s.Replay != nil:
		e.trouble("replay", s.Replay.Resource, 0)
		e.server.Replay(s.Replay.Resource, s.Replay.Events)
	default:
		e.actOnSystem(ev, s)
	}
}

// actOnSystem performs the entries that need a process at work; without one nothing happens.
func (e *engine) actOnSystem(ev *trace.Event, s scenarios.Step) {
	in := e.now
	if in == nil || in.frozen() {
		ev.Code = "Unavailable"
		return
	}
	switch {
	case s.Pause != nil:
		e.pause(*s.Pause)
	case s.Overlap != nil:
		e.overlap(*s.Overlap)
	case s.Depose != nil:
		in.depose(time.Duration(s.Depose.For))
	case len(s.Lifecycle) > 0:
		in.burst(s.Lifecycle)
	case s.Trigger != nil:
		if n, ok := power[Nudger](in.sys); ok {
			ev.Proc, ev.Count = in.proc.Num, max(1, s.Trigger.Times)
			in.aside("operator", "trigger", func() {
				for range max(1, s.Trigger.Times) {
					n.Trigger()
				}
			})
		}
	case s.Call != nil:
		e.callDirectly(ev, *s.Call)
	}
}

// stepClock moves the wall clock, or that of the present process alone, as one is off whose machine has lost its time server.
func (e *engine) stepClock(by time.Duration, own bool) {
	switch {
	case !own:
		e.trouble("clockStep", "", by)
		e.wall.Step(by)
	case e.now != nil:
		e.loop.Emit(trace.Event{Kind: trace.Trouble, Proc: e.now.proc.Num, Verb: "clockStep", Limit: by})
		e.now.wall.Step(by)
	}
}

func (e *engine) trouble(verb, resource string, limit time.Duration) {
	e.loop.Emit(trace.Event{Kind: trace.Trouble, Verb: verb, Resource: resource, Limit: limit})
}

// beginOutage takes the API server away: requests fail or hang, and no watch event comes.
func (e *engine) beginOutage(o scenarios.Outage) {
	effect := fault.Unreachable
	if o.Hang {
		effect = fault.Hang
	}
	now := e.loop.Now()
	until := now + time.Duration(o.For)
	e.plan.Add(fault.Rule{On: fault.Predicate{API: true, From: now, Until: until}, Effect: effect})
	e.outage, e.outageUntil = true, max(e.outageUntil, until)
	e.server.SetAway(true)
	e.trouble("outageBegin", "", time.Duration(o.For))
	e.later(time.Duration(o.For), "outageEnd", func(*trace.Event) {
		if e.loop.Now() >= e.outageUntil { // else another one goes on
			e.endOutage()
		}
	})
}

func (e *engine) endOutage() {
	if e.outage {
		e.outage = false
		e.server.SetAway(false)
		e.trouble("outageEnd", "", 0)
	}
}

func (e *engine) beginLag(l scenarios.Lag) {
	e.server.SetLag(l.Resource, e.loop.Now()+time.Duration(l.For))
	e.trouble("lagBegin", l.Resource, time.Duration(l.For))
	e.later(time.Duration(l.For), "lagEnd", func(*trace.Event) { e.trouble("lagEnd", l.Resource, 0) })
}

// later performs something of the operator's after a while.
func (e *engine) later(d time.Duration, verb string, do func(ev *trace.Event)) {
	e.loop.Offer(&sched.Point{
		Kind: trace.Op, Label: e.label("operator", verb, ""), Actor: "operator", Ready: e.loop.Now() + d,
		Fire: func(ev *trace.Event, _ fault.Decision) { ev.Verb = verb; do(ev) },
	})
}
