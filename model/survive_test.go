package model_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// A trace may be edited by hand. Whatever is done to its events, the oracle comes to a verdict.
func TestCheckerSurvivesAnEditedTrace(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.publish("shared", "n1")
	s.publish("shared", "n2")
	s.refuse("vm", "n2")
	s.deleteNode("n1")
	s.wait(graceful)
	s.clear("vm", "n1")
	s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	s.proc, s.counts = 2, map[string]float64{}
	s.lead()
	s.pass(func() {})
	s.publish("vm", "n2")
	s.finish()
	s.header.Setup.Rules = []trace.Rule{
		{Name: "a", Rule: `volumes.all(v, v.writers.size() <= 1) && attachments.all(a, a.nodeExists || elapsed - a.nodeSince <= duration("2m"))`},
		{Name: "b", Rule: `vas.all(x, !x.attached) || old.nodes.size() <= nodes.size()`},
	}
	words := func(known ...string) *rapid.Generator[string] { return rapid.SampledFrom(append(known, "", "other")) }
	node, volume := words("n1", "n2", "n3"), words("vm", "shared")
	verb := words("publish", "unpublish", "start", "stop", "crash", "lead", "depose", "grant", "revoke", "write", "rest", "created", "deleted", "patch", "get", "list",
		"trackAttachment", "clearStale", "untrackAttachment", "removeNodeAttachment", "rebuild", "clockStep", "outageBegin", "outageEnd", "machineDown", "machineUp", "fence")
	edit := rapid.Custom(func(t *rapid.T) func(*trace.Event) {
		small := rapid.IntRange(-1, 9)
		switch rapid.IntRange(0, 13).Draw(t, "field") {
		case 0:
			v := rapid.SampledFrom([]trace.Kind{trace.Op, trace.Call, trace.Reply, trace.Deliver, trace.Wake, trace.Return, trace.Process, trace.Phase, trace.Change,
				trace.World, trace.Belief, trace.Counter, trace.Recorded, trace.Trouble, trace.Probe}).Draw(t, "kind")
			return func(e *trace.Event) { e.Kind = v }
		case 1:
			v := node.Draw(t, "node")
			return func(e *trace.Event) { e.Node = v }
		case 2:
			v := volume.Draw(t, "volume")
			return func(e *trace.Event) { e.Volume = v }
		case 3:
			v := verb.Draw(t, "verb")
			return func(e *trace.Event) { e.Verb = v }
		case 4:
			v := words("OK", "NotFound", "FailedPrecondition", "Conflict", "Unavailable").Draw(t, "code")
			return func(e *trace.Event) { e.Code = v }
		case 5:
			v := words("nodes", "persistentvolumes", "volumeattachments", "csinodes", "backend").Draw(t, "resource")
			return func(e *trace.Event) { e.Resource = v }
		case 6:
			v := small.Draw(t, "proc")
			return func(e *trace.Event) { e.Proc = v }
		case 7:
			v := small.Draw(t, "op")
			return func(e *trace.Event) { e.Op = v }
		case 8:
			v := small.Draw(t, "id")
			return func(e *trace.Event) { e.ID = v }
		case 9:
			v := words("run", "op-1", "op-99", "op-x", "informer").Draw(t, "actor")
			return func(e *trace.Event) { e.Actor = v }
		case 10:
			v := words("u-n1", "u-n2").Draw(t, "uid")
			return func(e *trace.Event) { e.UID = v }
		case 11:
			v := words("held", "uncertain", "gone", "attached", "deleting", "notReady").Draw(t, "state")
			return func(e *trace.Event) { e.State = v }
		case 12:
			v := words(`{"version":1,"epoch":3,"instances":[{"node":"n2","uid":"u-n2","epoch":9}]}`, "{", `{"version":2}`).Draw(t, "record")
			return func(e *trace.Event) { e.Record = v }
		}
		v := words("quiesce", "drain", "pv-vm", "n1", "vm/n1", "holdfast_reconcile_passes_begun_total", "sizes/volumes", "setup").Draw(t, "name")
		return func(e *trace.Event) { e.Name = v }
	})
	rapid.Check(t, func(t *rapid.T) {
		events := append([]trace.Event(nil), s.events...)
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			at := rapid.IntRange(0, len(events)-1).Draw(t, "at")
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				events = append(events[:at:at], events[at+1:]...)
			case 1:
				events = append(events[:at+1:at+1], events[at:]...)
			default:
				edit.Draw(t, "edit")(&events[at])
			}
		}
		h := s.header
		if rapid.Bool().Draw(t, "bare") {
			h.Setup.Volumes, h.Setup.Offers, h.Setup.Interval = nil, nil, time.Duration(0)
		}
		_ = model.Check(h, events).Outcome()
	})
}
