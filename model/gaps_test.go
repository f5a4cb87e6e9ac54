package model_test

import (
	"strconv"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// ask calls a method of the Manager that answers at once.
func (s *script) ask(e trace.Event, answer string) {
	s.op++
	e.Kind, e.Op, e.Proc, e.Actor = trace.Op, s.op, s.proc, "operator"
	s.point(e)
	s.mark("answered").point(trace.Event{Kind: trace.Return, Op: s.op, Proc: s.proc, Actor: "op-" + strconv.Itoa(s.op), Verb: e.Verb, Volume: e.Volume, Node: e.Node, Code: "OK", Message: answer})
	s.marks["x"] = s.marks["answered"]
}

// listNodes fills the cache of nodes, as far as the fault lets it.
func (s *script) listNodes(fault string) {
	s.call("informer", trace.Event{Verb: "list", Resource: "nodes", Code: "OK", Count: 3, Fault: fault})
}

// aside is the call or the return of an unpublish by op-100, beside what the script does: of vm on n3, which never had it.
func (s *script) aside(kind trace.Kind, code string) {
	e := trace.Event{Kind: kind, Op: 100, Proc: 1, Actor: "sidecar", Verb: "unpublish", Volume: "vm", Node: "n3", Code: code}
	if kind == trace.Return {
		e.Actor = "op-100"
	}
	s.point(e)
}

// revokeAside is what it asks of the backend.
func revokeAside() *trace.Event {
	return &trace.Event{Kind: trace.Call, ID: 9001, Proc: 1, Actor: "op-100", Verb: "revoke", Resource: "backend", Name: "vm", Volume: "vm", Node: "n3", Epoch: 1, Code: "OK"}
}

// overdue is a migration that outlasts its timeout, is told of once, and ends with the unpublish of its source.
func overdue(s *script) {
	s.publish("shared", "n1")
	s.publish("shared", "n2")
	for range 4 {
		s.wait(interval)
		s.pass(func() {})
	}
	s.wait(interval)
	s.pass(func() {
		s.note("MigrationTimedOut", "migration of shared from n1 to n2 has not ended within 5m0s")
		s.mark("x").count(`migrations_total{result="timed_out"}`, 1)
	})
	for range 2 {
		s.wait(interval)
		s.pass(func() {})
	}
	s.unwish("shared", "n1")
	actor := s.begins("unpublish", "shared", "n1")
	s.revoke(actor, "shared", "n1")
	s.docs["shared"].Migration = nil
	s.remove(actor, "shared", "n1", func(h held, _ bool) {
		s.note("VolumeDetached", "volume shared detached from n1")
		s.count(`detach_total{kind="partial"}`, 1)
	})
	s.believe("shared", s.docs["shared"].Instances[0], "held")
	s.count("active_migrations", -1)
	s.ends("unpublish", "shared", "n1", "OK")
	s.forget("shared", "n1")
}

// gapPairs are pairs about what methods answer, what passes count and cost, rebuilds and migrations.
var gapPairs = []pair{
	{"a call too many", "L10", func(s *script) {
		s.publish("vm", "n1")
		s.pass(func() {
			for range 6 { // two for the node of vm, and four
				s.read("run", "n1")
			}
		})
		s.marks["x"] = s.marks["timed"] - 1
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Call, ID: 9001, Proc: 1, Actor: "run", Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", UID: "u-n1", Code: "OK"}}},
	{"two calls write to one volume in turns", "S9", func(s *script) {
		s.aside(trace.Op, "")
		s.publish("vm", "n1")
		s.last("x", func(e trace.Event) bool { return e.Kind == trace.Call && e.Verb == "grant" })
		s.call("op-100", *revokeAside())
		s.aside(trace.Return, "OK")
	}, edit{mark: "x", add: revokeAside()}},
	{"a call writes to a volume that the loop is clearing", "S9", func(s *script) {
		s.publish("vm", "n1")
		s.lose("n1")
		s.aside(trace.Op, "")
		s.wait(graceful)
		s.pass(func() {
			s.read("run", "n1")
			s.call("run", trace.Event{Verb: "fence", Resource: "backend", Name: "vm", Volume: "vm", Node: "n1", Epoch: 1, Code: "OK"})
			s.clearNow("vm", "n1")
			s.last("x", func(e trace.Event) bool { return e.Kind == trace.Call && e.Verb == "patch" })
		})
		s.call("op-100", *revokeAside())
		s.aside(trace.Return, "OK")
	}, edit{mark: "x", add: revokeAside()}},
	{"a live read without a doubt", "L10", func(s *script) {
		s.publish("vm", "n1")
		s.listNodes("")
		s.pass(func() {})
		s.marks["x"] = s.marks["timed"] - 1
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Call, ID: 9001, Proc: 1, Actor: "run", Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", UID: "u-n1", Code: "OK"}}},
	{"a call of a pass that rests", "L10", func(s *script) {
		s.pass(func() {})
		s.marks["x"] = s.marks["timed"] - 1
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Call, ID: 9001, Proc: 1, Actor: "run", Verb: "list", Resource: "persistentvolumes", Code: "OK"}}},
	{"a pass outlasts its interval in silence", "L10", func(s *script) {
		s.pass(func() { s.wait(interval + time.Nanosecond) })
		s.marks["x"] = s.marks["overrun"]
	}, edit{mark: "x", drop: true}},
	{"what waits for grace is not counted", "S17", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.uids["n1"] = ""
		s.pass(func() { s.read("run", "n1"); s.mark("x").count("grace_deferred_total", 1) })
		s.wait(graceful)
		s.clear("vm", "n1")
	}, edit{mark: "x", drop: true}},
	{"a doubt is not counted", "S17", func(s *script) {
		s.publish("vm", "n1")
		s.pass(func() {
			s.call("run", trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", Code: "InternalError", Fault: "error"})
			s.mark("x").count("fail_open_total", 1)
		})
	}, edit{mark: "x", drop: true}},
	{"a doubt that nobody had", "S17", func(s *script) {
		s.publish("vm", "n1")
		s.listNodes("")
		s.pass(func() {})
		s.marks["x"] = s.marks["timed"]
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Counter, Proc: 1, Name: "holdfast_fail_open_total", Value: 1}}},
	{"the guard says nothing", "S17", func(s *script) {
		s.header.Setup.GuardMin = 1
		s.publish("vm", "n1")
		s.lose("n1")
		s.wait(graceful)
		s.pass(func() {
			s.read("run", "n1")
			s.call("run", trace.Event{Verb: "list", Resource: "nodes", Code: "OK"})
			s.mark("x").count("mass_clear_guard_total", 1)
		})
		s.pass(func() {
			s.read("run", "n1")
			s.call("run", trace.Event{Verb: "list", Resource: "nodes", Code: "OK", Count: 2})
			s.clearNow("vm", "n1")
		})
	}, edit{mark: "x", drop: true}},
	{"passes are timed in another unit", "S17", func(s *script) {
		s.pass(func() { s.wait(time.Second) })
		s.marks["x"] = s.marks["took"]
	}, edit{mark: "x", change: func(e *trace.Event) { e.Value *= 1000 }}},
	{"a migration is timed from another start", "S17", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.wait(time.Second)
		s.unpublish("shared", "n1")
		s.marks["x"] = s.marks["moved"]
	}, edit{mark: "x", change: func(e *trace.Event) { e.Value++ }}},
	{"an event on the wrong object", "S17", func(s *script) {
		s.publish("vm", "n1")
		s.marks["x"] = s.marks["noted"]
	}, edit{mark: "x", change: func(e *trace.Event) { e.Resource, e.Name = "PersistentVolume", "pv-vm" }}},
	{"an event that names another node", "S17", func(s *script) {
		s.publish("shared", "n2")
		s.publish("shared", "n1")
		s.marks["x"] = s.marks["noted"] - 1
		s.unpublish("shared", "n2")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Message = "volume shared attached to n2" }}},
	{"a refusal that is not counted", "S17", func(s *script) {
		s.publish("vm", "n1")
		s.refuse("vm", "n2")
		s.marks["x"] = s.marks["returned"] - 1
		s.unwish("vm", "n2")
		s.forget("vm", "n2")
	}, edit{mark: "x", drop: true}},
	{"an age of exactly the grace is outside", "S16", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		since := s.docs["vm"].Detached.UnixNano() - s.started
		s.ask(trace.Event{Verb: "isWithinGracePeriod", Volume: "vm", Limit: s.at - time.Duration(since)}, "false")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Message = "true" }}},
	{"a nanosecond less is within", "S16", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		since := s.docs["vm"].Detached.UnixNano() - s.started
		s.ask(trace.Event{Verb: "isWithinGracePeriod", Volume: "vm", Limit: s.at - time.Duration(since) + 1}, "true")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Message = "false" }}},
	{"another stamp than the one that is told", "S16", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.ask(trace.Event{Verb: "getDetachTimestamp", Volume: "vm"}, strconv.FormatInt(s.docs["vm"].Detached.UnixNano(), 10))
	}, edit{mark: "x", change: func(e *trace.Event) { e.Message = "0" }}},
	{"the last detach leaves no stamp", "S16", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.marks["x"] = s.marks["gone"] + 4
	}, edit{mark: "x", drop: true}},
	{"a read tells something else", "S12", func(s *script) {
		s.publish("vm", "n1")
		s.ask(trace.Event{Verb: "getAttachment", Volume: "vm"}, "vm n1 u-n1 1 held")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Message = "vm n1 u-n1 1 uncertain" }}},
	{"what is not current is not cleared", "S3", func(s *script) {
		s.publish("vm", "n1")
		s.ask(trace.Event{Verb: "clearStale", Volume: "vm", Node: "n1", UID: "never", Epoch: 9}, "false")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Message = "true" }}},
	{"a publish during a rebuild", "S14", func(s *script) {
		s.op = 100
		s.point(trace.Event{Kind: trace.Op, Op: 1, Proc: 1, Actor: "operator", Verb: "rebuild"})
		s.publish("vm", "n1")
		s.mark("x").point(trace.Event{Kind: trace.Return, Op: 1, Proc: 1, Actor: "op-1", Verb: "rebuild", Code: "OK"})
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Belief, Proc: 1, Volume: "vm", Node: "n1", UID: "u-n1", Epoch: 1, State: "gone", Mode: "ReadWriteOnce"}}},
	{"an unpublish during a rebuild", "S14", func(s *script) {
		s.publish("vm", "n1")
		s.op = 100
		s.point(trace.Event{Kind: trace.Op, Op: 99, Proc: 1, Actor: "operator", Verb: "rebuild"})
		s.unpublish("vm", "n1")
		s.mark("x").point(trace.Event{Kind: trace.Return, Op: 99, Proc: 1, Actor: "op-99", Verb: "rebuild", Code: "OK"})
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Belief, Proc: 1, Volume: "vm", Node: "n1", UID: "u-n1", Epoch: 1, State: "held", Mode: "ReadWriteOnce"}}},
	{"a migration past its timeout", "L5", overdue, edit{mark: "x", drop: true}},
	{"a timeout that nobody asked for", "L5", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.marks["x"] = s.marks["held"] - 3
		s.wait(time.Second)
		s.unpublish("shared", "n1")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Limit = 29 * time.Second }}},
}
