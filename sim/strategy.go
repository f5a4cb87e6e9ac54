package sim

import (
	"fmt"
	"strings"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// What PCT is asked for: bugs of three ordering constraints, in runs of up to so many steps. A run of chaos has 450 on average.
const (
	pctDepth   = 3
	pctHorizon = 1000
)

// inOrder is the name of the strategy that takes turns, which a resolved scenario has if it names none.
const inOrder = "in-order"

// newStrategy makes the strategy that the options ask for.
func (e *engine) newStrategy() sched.Strategy {
	e.strategy = e.named()
	if e.opt.noted {
		e.noted = &sched.Noted{Strategy: e.strategy}
		return e.noted
	}
	return e.strategy
}

func (e *engine) named() sched.Strategy {
	switch e.opt.strategy {
	case "replay":
		return e.replay()
	case "explore":
		e.guide, e.shape = &guide{engine: e, volumes: make(map[string]string)}, newShape()
		return e.guide
	case "pct":
		return sched.NewPCT(e.src, pctDepth, pctHorizon)
	case "pos":
		return sched.POS(e.src)
	case "round-robin":
		return sched.RoundRobin()
	case inOrder:
		return sched.NewInOrder(exceptions(e.scn.Spec.Turns))
	default: // pairs pick at random too
		return sched.Random(e.src)
	}
}

// replay follows the recorded run, in its faults too.
func (e *engine) replay() sched.Strategy {
	var labels []string
	e.recorded = make(map[string]fault.Decision)
	for _, ev := range e.opt.recorded {
		if ev.Label == "" {
			continue
		}
		labels = append(labels, ev.Label)
		if ev.Fault != "" && (ev.Kind == trace.Call || ev.Kind == trace.Return) {
			e.recorded[ev.Label] = fault.Decision{Effect: fault.Effect(ev.Fault), For: ev.Limit}
		}
	}
	return sched.Replay(labels)
}

// decide asks the recorded run, or the plan.
func (e *engine) decide(s fault.Site) fault.Decision {
	if e.recorded != nil {
		return e.recorded[s.Label]
	}
	if e.guide != nil {
		return e.guide.decide()
	}
	return e.plan.Decide(s)
}

// diverged says where the run left the one that it was to repeat: a recorded one, or a resolved scenario's.
func (e *engine) diverged() string {
	switch s := e.strategy.(type) {
	case *sched.Replayer:
		return s.Diverged()
	case *sched.InOrder:
		return missed(s.Missed(), e.plan.Missed())
	}
	return ""
}

// missed tells what a resolved scenario names and the run never met.
func missed(turns []sched.Turn, faults []string) string {
	var parts []string
	if len(turns) > 0 {
		parts = append(parts, fmt.Sprintf("turns without an occasion: %d, the first is %s before %s", len(turns), turns[0].Take, turns[0].Before))
	}
	if len(faults) > 0 {
		parts = append(parts, fmt.Sprintf("faults without a request: %d, the first is at %s", len(faults), faults[0]))
	}
	return strings.Join(parts, "; ")
}

func exceptions(turns []scenarios.Turn) []sched.Turn {
	out := make([]sched.Turn, len(turns))
	for i, t := range turns {
		out[i] = sched.Turn(t)
	}
	return out
}

func turns(noted []sched.Turn) []scenarios.Turn {
	out := make([]scenarios.Turn, len(noted))
	for i, t := range noted {
		out[i] = scenarios.Turn(t)
	}
	return out
}
