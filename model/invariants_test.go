package model_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// edit makes the one difference between a trace that holds and one that does not.
type edit struct {
	mark   string
	change func(e *trace.Event) // of the marked event
	drop   bool                 // the marked event
	add    *trace.Event         // before the marked event, in the step that is ending there
}

func (d edit) apply(t *testing.T, s *script) []trace.Event {
	at, ok := s.marks[d.mark]
	require.True(t, ok, "no mark %s", d.mark)
	out := append([]trace.Event(nil), s.events...)
	switch {
	case d.drop:
		return append(out[:at], out[at+1:]...)
	case d.add != nil:
		e := *d.add
		e.Step, e.At = out[at-1].Step, out[at-1].At
		return append(out[:at], append([]trace.Event{e}, out[at:]...)...)
	}
	before := out[at]
	d.change(&out[at])
	require.NotEqual(t, before, out[at])
	return out
}

func coded(code string) func(*trace.Event) { return func(e *trace.Event) { e.Code = code } }

// pair is a trace that holds, and the single event whose absence, presence or wording breaks an invariant.
type pair struct {
	name, invariant string
	write           func(s *script)
	edit            edit
}

// pairs has one for each invariant.
var pairs = []pair{
	{"two publishes", "S1", func(s *script) {
		s.publish("vm", "n1")
		s.refuse("vm", "n2")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("OK")}},
	{"two writers", "S1", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.marks["x"] = s.marks["revoked"]
		s.publish("vm", "n2")
	}, edit{mark: "x", drop: true}},
	{"eviction of a live holder", "S1", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.marks["x"] = s.marks["deleted"]
		s.evict("vm", "n1", "n2")
	}, edit{mark: "x", drop: true}},
	{"a third holder", "S2", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.refuse("shared", "n3")
		s.marks["x"] = s.marks["returned"]
		s.unpublish("shared", "n1")
		s.publish("shared", "n3")
		s.unpublish("shared", "n2")
	}, edit{mark: "x", change: coded("OK")}},
	{"many-node request on a single-node volume", "S2", func(s *script) {
		s.publish("vm", "n1")
		s.refuse("vm", "n2")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("OK")}},
	{"the node is there", "S3", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.marks["x"] = s.marks["deleted"]
		s.wait(graceful)
		s.clear("vm", "n1")
	}, edit{mark: "x", drop: true}},
	{"the other holder changes", "S4", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.deleteNode("n1")
		s.wait(graceful)
		s.clear("shared", "n1")
		s.marks["x"] = s.marks["gone"]
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Belief, Proc: 1, Volume: "shared", Node: "n2", UID: "u-n2", Epoch: 2, State: "uncertain", Mode: "ReadWriteMany"}}},
	{"a nanosecond too early", "S5", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.marks["x"] = s.marks["told"]
		s.wait(graceful - time.Millisecond) // the read takes the rest
		s.clear("vm", "n1")
	}, edit{mark: "x", change: func(e *trace.Event) { e.At++ }}},
	{"exactly grace is over", "S5", func(s *script) {
		s.publish("vm", "n1")
		s.lose("n1")
		s.wait(graceful)
		s.clear("vm", "n1")
		s.marks["x"] = s.marks["cleared"]
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Counter, Proc: 1, Name: "holdfast_grace_deferred_total", Value: 2}}},
	{"hand-off", "S6", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.publish("vm", "n2")
		s.refuse("vm", "n3")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("OK")}},
	{"the last read failed", "S7", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.wait(graceful)
		s.clear("vm", "n1")
		s.marks["x"] = s.marks["cleared"] - 1
	}, edit{mark: "x", change: coded("InternalError")}},
	{"publish outside leadership", "S8", func(s *script) {
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "depose"})
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "stopped"})
		s.begins("unpublish", "vm", "n1")
		s.ends("unpublish", "vm", "n1", "Unavailable")
		s.marks["x"] = s.marks["returned"]
		s.lead()
	}, edit{mark: "x", change: coded("OK")}},
	{"before the rebuild", "S8", func(s *script) {
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "depose"})
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "stopped"})
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "lead"})
		s.call("run", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "Timeout", Fault: "timeout"})
		s.begins("unpublish", "vm", "n1")
		s.ends("unpublish", "vm", "n1", "Unavailable")
		s.marks["x"] = s.marks["returned"]
		s.call("run", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "OK", Count: 1})
		s.call("run", trace.Event{Verb: "list", Resource: "persistentvolumes", Code: "OK", Count: 2})
	}, edit{mark: "x", change: coded("OK")}},
	{"an error, and a reader saw it held", "S9", func(s *script) {
		s.publish("vm", "n1")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("Internal")}},
	{"a repetition counts", "S10", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.begins("unpublish", "vm", "n1")
		s.ends("unpublish", "vm", "n1", "OK")
		s.begins("unpublish", "vm", "n1")
		s.revoke("op-4", "vm", "n1")
		s.mark("x").ends("unpublish", "vm", "n1", "OK")
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Belief, Proc: 1, Volume: "vm", Time: 1767225600000000123}}},
	{"no answer", "S12", func(s *script) { s.publish("vm", "n1") },
		edit{mark: "held", add: &trace.Event{Kind: trace.Probe, Proc: 1, Name: "hang", Code: "Hang"}}},
	{"a record that is lost", "S13", func(s *script) {
		s.publish("vm", "n1")
		restart(s)
		s.mark("x").believe("vm", s.docs["vm"].Instances[0], "held")
		s.count("tracked_attachments", 1)
	}, edit{mark: "x", drop: true}},
	{"an epoch that repeats", "S13", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.publish("vm", "n2")
		s.marks["x"] = s.marks["persisted"]
	}, edit{mark: "x", change: func(e *trace.Event) {
		e.Record = `{"version":1,"mode":"ReadWriteOnce","epoch":1,"instances":[{"node":"n2","uid":"u-n2","epoch":1,"state":"uncertain"}]}`
	}}},
	{"the record still names the source", "S15", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.marks["x"] = s.marks["persisted"]
	}, edit{mark: "x", drop: true}},
	{"a stamp from the future", "S16", func(s *script) {
		s.publish("vm", "n1")
		s.marks["x"] = s.marks["held"]
	}, edit{mark: "x", change: func(e *trace.Event) { e.Time += int64(time.Hour) }}},
	{"a transition that is not counted", "S17", func(s *script) {
		s.publish("vm", "n1")
		s.marks["x"] = s.marks["counted"]
	}, edit{mark: "x", drop: true}},
	{"the reverse direction", "S17", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.marks["x"] = s.marks["held"] - 4
		s.unpublish("shared", "n1")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Message = "migration of shared from n2 to n1 started" }}},
	{"an empty node id is ignored", "S19", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "")
		s.marks["x"] = s.marks["gone"]
		s.forget("vm", "n1")
	}, edit{mark: "x", drop: true}},
	{"a panic", "S20", func(s *script) { s.publish("vm", "n1") },
		edit{mark: "goroutines", add: &trace.Event{Kind: trace.Probe, Name: "panic", Message: "close of nil channel"}}},
	{"stop hangs", "L1", func(s *script) {
		lifecycle(s, "stop", "OK")
		s.marks["x"] = s.marks["life"]
		lifecycle(s, "start", "OK")
	}, edit{mark: "x", drop: true}},
	{"start after stop", "L2", func(s *script) {
		s.pass(func() {})
		lifecycle(s, "stop", "OK")
		s.wait(time.Second)
		lifecycle(s, "start", "OK")
		s.marks["x"] = s.marks["life"]
		s.pass(func() {})
	}, edit{mark: "x", change: coded("Error")}},
	{"a trigger that is lost", "L3", func(s *script) {
		s.pass(func() {})
		s.wait(time.Second)
		s.point(trace.Event{Kind: trace.Op, Proc: 1, Actor: "operator", Verb: "trigger", Count: 1})
		s.wait(time.Second)
		s.pass(func() {})
		s.marks["x"] = s.marks["pass"]
	}, edit{mark: "x", drop: true}},
	{"a trigger from before start", "L3", func(s *script) {
		lifecycle(s, "stop", "OK")
		s.point(trace.Event{Kind: trace.Op, Proc: 1, Actor: "operator", Verb: "trigger", Count: 1})
		lifecycle(s, "start", "OK")
		s.pass(func() {})
		s.marks["x"] = s.marks["pass"] + 1
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Counter, Proc: 1, Name: "holdfast_reconcile_passes_begun_total", Value: 3}}},
	{"never cleared", "L4", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.wait(graceful)
		s.clear("vm", "n1")
		s.marks["x"] = s.marks["gone"]
	}, edit{mark: "x", drop: true}},
	{"refused for ever", "L6", func(s *script) {
		s.publish("vm", "n1")
		s.refuse("vm", "n2")
		s.unpublish("vm", "n1")
		s.wait(time.Second)
		s.publish("vm", "n2")
		s.marks["x"] = s.marks["returned"]
		s.dropLast(3) // the sidecar does not write that it is attached
	}, edit{mark: "x", change: coded("FailedPrecondition")}},
	{"nobody asks for it", "L7", func(s *script) {
		s.publish("vm", "n1")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", add: &trace.Event{Kind: trace.Belief, Proc: 1, Volume: "shared", Node: "n3", UID: "u-n3", Epoch: 9, State: "held", Mode: "ReadWriteMany"}}},
	{"a goroutine is left", "L8", func(s *script) {}, edit{mark: "goroutines", change: coded("Left")}},
	{"a lock is left", "L9", func(s *script) {}, edit{mark: "sizes", change: func(e *trace.Event) { e.Value = 1 }}},
}

func lifecycle(s *script, verb, code string) {
	s.op++
	e := trace.Event{Kind: trace.Op, Op: s.op, Proc: 1, Actor: "lifecycle", Verb: verb}
	s.point(e)
	e.Kind, e.Code = trace.Return, code
	s.mark("life").point(e)
}

// restart crashes the process and lets the next one lead, up to its lists.
func restart(s *script) {
	s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "crash"})
	s.proc++
	clear(s.counts)
	s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "start"})
	s.lead()
}

// dropLast takes back what was written last.
func (s *script) dropLast(n int) { s.events = s.events[:len(s.events)-n] }

func TestInvariantsInPairs(t *testing.T) {
	for _, p := range slices.Concat(pairs, gapPairs, accessPairs, leaderPairs) {
		t.Run(p.invariant+" "+p.name, func(t *testing.T) {
			s := begin()
			p.write(s)
			s.finish()
			v := model.Check(s.header, s.events)
			for _, r := range v.Violations() {
				t.Errorf("the trace that is to hold: %s (step %d, %v)", r, r.Step, r.Witnesses)
			}
			r, ok := v.Lookup(p.invariant)
			require.True(t, ok)
			require.Equal(t, model.Held, r.Outcome, r.String())

			r, _ = model.Check(s.header, p.edit.apply(t, s)).Lookup(p.invariant)
			require.Equal(t, model.Violated, r.Outcome, r.String())
			require.NotEmpty(t, r.Message)
			require.NotEmpty(t, r.Witnesses)
			require.Equal(t, r.Step, r.Witnesses[len(r.Witnesses)-1])
		})
	}
}
