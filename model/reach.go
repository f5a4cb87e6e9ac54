package model

import (
	"strings"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Reach counts which calls a trace has, and which faults met them: by call site, and by call site and fault. A site is who calls
// (the run loop, an informer, a publish, an unpublish, a method of the Manager), a verb and a resource, separated by spaces; a fault follows
// after a slash. What went wrong without a call is there by its name: "nodes/lag", "process/crash".
type Reach map[string]int

// reached is a Reach while it grows: its names are only put together at the end.
type reached map[reachKey]int

type reachKey struct{ caller, verb, resource, fault string }

// call counts a call that takes effect, or fails.
func (r reached) call(s *state, e *trace.Event) {
	if e.Late && e.Fault == "lateEffect" {
		return // it was counted when it was sent
	}
	caller := e.Actor
	if o := s.ops[operationOf(e)]; o != nil {
		caller = o.verb
		if caller != "publish" && caller != "unpublish" {
			caller = "manager"
		}
	}
	r[reachKey{caller, e.Verb, e.Resource, ""}]++
	if e.Fault != "" {
		r[reachKey{caller, e.Verb, e.Resource, e.Fault}]++
	}
}

// other counts what goes wrong without a call.
func (r reached) other(e *trace.Event) {
	add := func(what, fault string) { r[reachKey{caller: what, fault: fault}]++ }
	switch {
	case e.Kind == trace.Trouble && e.Verb == "lagBegin":
		add("watch of "+e.Resource, "lag")
	case e.Kind == trace.Trouble && (e.Verb == "disconnect" || e.Verb == "replay"):
		add("watch of "+e.Resource, e.Verb)
	case e.Kind == trace.Trouble && e.Verb == "pauseBegin":
		add("process", "pause")
	case e.Kind == trace.Trouble && e.Verb == "outageBegin":
		add("API server", "outage")
	case e.Kind == trace.Trouble && e.Verb == "clockStep" && e.Proc > 0:
		add("clock", "skew")
	case e.Kind == trace.Trouble && e.Verb == "clockStep" && e.Limit > 0:
		add("clock", "forward")
	case e.Kind == trace.Trouble && e.Verb == "clockStep":
		add("clock", "back")
	case e.Kind == trace.Process && (e.Verb == "crash" || e.Verb == "depose"):
		add("process", e.Verb)
	case e.Kind == trace.Op && e.Actor == "lifecycle":
		add("process", e.Verb)
	case e.Kind == trace.Op && e.Actor == "operator":
		r.operator(e, add)
	}
}

// operator counts what happens to processes, nodes and machines.
func (r reached) operator(e *trace.Event, add func(what, fault string)) {
	switch e.Verb {
	case "overlap":
		add("process", "overlap")
	case "setReady":
		if e.State == "notReady" {
			add("node", "notReady")
		}
	case "deleteNode", "createNode", "killMachine", "startMachine", "outOfService":
		add("node", e.Verb)
	}
}

// reach puts the names together.
func (r reached) reach() Reach {
	all := make(Reach, len(r))
	for k, n := range r {
		name := strings.TrimSpace(k.caller + " " + k.verb + " " + k.resource)
		if k.fault != "" {
			name += "/" + k.fault
		}
		all[name] = n
	}
	return all
}
