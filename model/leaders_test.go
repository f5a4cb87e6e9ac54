package model_test

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// write is one write of a workload: based on the number that it last knew, it puts its own into the block.
func write(node string, epoch uint64, based, number int) *trace.Event {
	return &trace.Event{Kind: trace.World, Verb: "io", Volume: "vm", Node: node, Epoch: epoch, Count: based, Value: float64(number), Code: "OK"}
}

// second makes another process leader beside the first, or instead of it.
func second(s *script, instead bool) {
	lead(s, instead)
	s.pass(func() {})
}

// lead is the same up to the rebuild.
func lead(s *script, instead bool) {
	if instead {
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "depose"})
	}
	s.proc = 2
	clear(s.counts)
	s.point(trace.Event{Kind: trace.Process, Proc: 2, Verb: "start"})
	s.lead()
}

// patchOf is a write of a process' own.
func patchOf(proc int, actor string) trace.Event {
	return trace.Event{Kind: trace.Call, Label: "w", ID: 1000, Proc: proc, Actor: actor, Verb: "patch", Resource: "persistentvolumes", Name: "pv-shared", Volume: "shared", Code: "OK"}
}

// leaderPairs are pairs about the block device of a volume, and about two leaders.
var leaderPairs = []pair{
	{"a lost write", "S1", func(s *script) {
		s.publish("vm", "n1")
		s.see(*write("n1", 1, 0, 1))
		s.unpublish("vm", "n1")
		s.publish("vm", "n2")
		s.mark("x").see(*write("n2", 2, 1, 2))
	}, edit{mark: "x", change: func(e *trace.Event) { e.Count = 0 }}},
	{"a write under an older grant", "S1", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.publish("vm", "n2")
		s.see(*write("n2", 2, 0, 1))
		s.unpublish("vm", "n2")
		s.publish("vm", "n1")
		s.mark("x").see(*write("n1", 3, 1, 2))
	}, edit{mark: "x", change: func(e *trace.Event) { e.Epoch = 1 }}},
	{"a write after detach", "S1", func(s *script) {
		s.publish("vm", "n1")
		s.see(*write("n1", 1, 0, 1))
		s.unpublish("vm", "n1")
		s.wait(time.Second)
		s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "setReady", Node: "n1"})
		refused := write("n1", 0, 1, 0)
		refused.Code = "Refused"
		s.mark("x").see(*refused)
	}, edit{mark: "x", change: func(e *trace.Event) { e.Code, e.Value = "OK", 2 }}},
	{"two managers attach to two nodes", "S18", func(s *script) {
		second(s, false)
		s.wish("vm", "n2")
		s.point(trace.Event{Kind: trace.Op, Op: 100, Proc: 1, Actor: "sidecar", Verb: "publish", Volume: "vm", Node: "n2", Mode: "ReadWriteOnce"})
		s.publish("vm", "n1")
		s.wait(time.Millisecond)
		s.mark("x").point(trace.Event{Kind: trace.Return, Op: 100, Proc: 1, Actor: "op-100", Verb: "publish", Volume: "vm", Node: "n2", Code: "FailedPrecondition"})
		s.unwish("vm", "n2")
		s.forget("vm", "n2")
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	}, edit{mark: "x", change: coded("OK")}},
	{"a deposed leader writes twice", "S18", func(s *script) {
		second(s, true)
		s.point(patchOf(1, "op-7")) // was in flight
		s.step++
		s.mark("x").point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	}, edit{mark: "x", add: func() *trace.Event { e := patchOf(1, "op-7"); e.ID++; return &e }()}},
}

// leaderCases are narrow cases about writes on their way, and about two leaders.
var leaderCases = []narrowCase{
	{"a write that was sent before Stop arrives after it", "L1", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.wait(graceful)
		s.uids["n1"] = ""
		s.pass(func() { s.read("run", "n1"); s.count("grace_deferred_total", 1) })
		lifecycle(s, "stop", "OK")
		s.wait(5 * time.Millisecond)
		if wrong {
			s.wait(time.Second)
		}
		s.clearNow("vm", "n1")
		lifecycle(s, "start", "OK")
	}},
	{"what another leader acknowledged is not in this one's rebuild", "S14", func(s *script, wrong bool) {
		second(s, false)
		if wrong {
			s.proc = 1
			s.counts["tracked_attachments"] = 0
		}
		s.point(trace.Event{Kind: trace.Op, Op: 200, Proc: 1, Actor: "operator", Verb: "rebuild"})
		s.publish("vm", "n1")
		if wrong {
			s.believe("vm", s.docs["vm"].Instances[0], "gone")
		}
		s.point(trace.Event{Kind: trace.Return, Op: 200, Proc: 1, Actor: "op-200", Verb: "rebuild", Code: "OK"})
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	}},
}
