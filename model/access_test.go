package model_test

import (
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// last marks the last event that fits.
func (s *script) last(mark string, fits func(e trace.Event) bool) {
	for i := len(s.events) - 1; i >= 0; i-- {
		if fits(s.events[i]) {
			s.marks[mark] = i
			return
		}
	}
}

// accessPairs are pairs about what is granted, refused, recorded and restored.
var accessPairs = []pair{
	{"a grant for reading only", "S1", func(s *script) {
		s.publish("vm", "n1")
		s.last("x", func(e trace.Event) bool { return e.Kind == trace.World && e.Verb == "grant" })
	}, edit{mark: "x", change: func(e *trace.Event) { e.Mode = "ReadOnlyMany" }}},
	{"an unpublish that leaves its node", "S19", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.last("x", func(e trace.Event) bool { return e.Kind == trace.Belief && e.State == "gone" })
	}, edit{mark: "x", drop: true}},
	{"an unpublish of one node puts another in doubt", "S4", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.unpublish("shared", "n1")
		s.last("x", func(e trace.Event) bool { return e.Kind == trace.Call && e.Verb == "patch" })
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Belief, Proc: 1, Volume: "shared", Node: "n2", UID: "u-n2", Epoch: 2, State: "uncertain", Mode: "ReadWriteMany"}}},
	{"held after a fence", "S9", func(s *script) {
		s.publish("vm", "n1")
		s.lose("n1")
		s.wait(graceful)
		fence := trace.Event{Verb: "fence", Resource: "backend", Name: "vm", Volume: "vm", Node: "n1", Epoch: 1, Code: "OK"}
		s.pass(func() {
			s.read("run", "n1")
			s.call("run", fence)
			s.call("run", trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Code: "InternalError", Fault: "error"})
			s.mark("x").believe("vm", s.docs["vm"].Instances[0], "uncertain")
		})
		s.wait(time.Second)
		s.pass(func() {
			s.read("run", "n1")
			s.call("run", fence)
			s.clearNow("vm", "n1")
		})
	}, edit{mark: "x", drop: true}},
	{"attached before the detach before", "S16", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.wait(time.Second)
		s.publish("vm", "n2")
		s.last("x", func(e trace.Event) bool { return e.Kind == trace.Belief && e.State == "uncertain" })
	}, edit{mark: "x", change: func(e *trace.Event) { e.Time -= int64(2 * time.Second) }}},
	{"a volume that is on its way out", "S8", func(s *script) {
		s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "deletePV", Volume: "vm"})
		s.see(trace.Event{Kind: trace.Change, Verb: "deleting", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm"})
		s.wait(10 * time.Second)
		s.pass(func() {})
		s.wish("vm", "n1")
		actor := s.begins("publish", "vm", "n1")
		s.read(actor, "n1")
		s.ends("publish", "vm", "n1", "FailedPrecondition")
		s.marks["x"] = s.marks["returned"]
		s.unwish("vm", "n1")
		s.forget("vm", "n1")
	}, edit{mark: "x", change: coded("OK")}},
	{"a migration that is not on record", "S15", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.marks["x"] = s.marks["persisted"]
		s.unpublish("shared", "n1")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Record = e.Record[:strings.Index(e.Record, `,"migration"`)] + "}" }}},
	{"a stamp of the future is restored", "S16", func(s *script) {
		s.publish("vm", "n1")
		s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "clockStep"})
		s.see(trace.Event{Kind: trace.Trouble, Verb: "clockStep", Limit: -10 * time.Minute})
		restart(s)
		h := s.docs["vm"].Instances[0]
		h.Attached = s.wall().Add(-10 * time.Minute)
		s.mark("x").believe("vm", h, "held")
		s.count("tracked_attachments", 1)
		s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "clockStep"})
		s.see(trace.Event{Kind: trace.Trouble, Verb: "clockStep", Limit: 10 * time.Minute})
	}, edit{mark: "x", change: func(e *trace.Event) { e.Time += int64(time.Minute) }}},
	{"refused although every holder's node is gone", "L6", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.uids["n1"] = ""
		s.wish("vm", "n2")
		actor := s.begins("publish", "vm", "n2")
		s.read(actor, "n2")
		s.read(actor, "n1")
		s.note("AttachmentConflict", "volume vm wanted on n2 is attached to n1")
		s.count("conflict_total", 1)
		s.ends("publish", "vm", "n2", "FailedPrecondition")
		s.last("x", func(e trace.Event) bool { return e.Kind == trace.Reply && e.Node == "n1" })
		s.events[s.marks["x"]].Code, s.events[s.marks["x"]].UID = "OK", "u-n1" // the read found it there at first
		s.wait(graceful)
		s.clear("vm", "n1")
		s.publish("vm", "n2")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Code = "NotFound" }}},
}
