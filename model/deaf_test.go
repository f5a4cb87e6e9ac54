package model_test

import (
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// deafCases are narrow cases about calls that the end of a context does not reach.
var deafCases = []narrowCase{
	{"an operation has the volume over a rebuild", "S13", func(s *script, wrong bool) {
		s.wish("vm", "n1")
		actor := s.begins("publish", "vm", "n1")
		s.read(actor, "n1")
		h := s.reserveIn("vm", "n1")
		reply := s.deaf(actor, trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm"})
		s.recorded("vm")
		s.wait(time.Second)
		s.depose()
		s.lead()
		s.pass(func() {})
		reply()
		if !wrong {
			s.believe("vm", h, "uncertain")
			s.count("tracked_attachments", 1)
		}
		s.ends("publish", "vm", "n1", "Unavailable")
		actor = s.begins("publish", "vm", "n1")
		s.read(actor, "n1")
		s.grant(actor, "vm", "n1", h.Epoch)
		s.note("VolumeAttached", "volume vm attached to n1")
		s.believe("vm", h, "held")
		s.count("attach_total", 1)
		s.ends("publish", "vm", "n1", "OK")
		s.attached("vm", "n1")
	}},
	{"the loop asks again about a node", "L2", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		get := trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", UID: "u-n1"}
		s.pass(func() {
			first := s.deaf("run", get)
			if !wrong {
				first()
			}
			s.deaf("run", get)()
			if wrong {
				first()
			}
		})
	}},
	{"a request of the loop that was stopped arrives beside the next loop's", "L2", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		get := trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", UID: "u-n1"}
		s.pass(func() {
			reply := s.deaf("run", get)
			s.deaf("run", get)
			if !wrong {
				s.events[len(s.events)-1].Late = true
			}
			reply()
			if wrong {
				s.id--
				s.point(trace.Event{ID: s.id, Proc: s.proc, Actor: "run", Kind: trace.Reply, Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", UID: "u-n1", Code: "OK", Fault: "deaf"})
			}
		})
	}},
	{"a pass gives up a call, and a later one takes the volume anew", "S9", func(s *script, wrong bool) {
		s.publish("shared", "n1")
		s.lose("n1")
		s.wait(graceful)
		s.pass(func() {
			s.read("run", "n1")
			s.deaf("run", trace.Event{Verb: "fence", Resource: "backend", Name: "shared", Volume: "shared", Node: "n1", Epoch: 1, Code: "OK"})
			if wrong {
				s.publish("shared", "n2")
				s.clearNow("shared", "n1")
			}
		})
		if !wrong {
			s.publish("shared", "n2")
			s.pass(func() { s.read("run", "n1"); s.clearNow("shared", "n1") })
		}
	}},
	{"what an unpublish has left on its way ends no access that was granted since", "S9", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.unwish("vm", "n1")
		actor := s.begins("unpublish", "vm", "n1")
		s.call(actor, trace.Event{Verb: "revoke", Resource: "backend", Name: "vm", Volume: "vm", Node: "n1", Code: "DeadlineExceeded", Fault: "lateEffect"})
		late := s.id
		first := actor
		s.believe("vm", s.docs["vm"].Instances[0], "uncertain")
		s.ends("unpublish", "vm", "n1", "DeadlineExceeded")
		actor = s.begins("unpublish", "vm", "n1")
		s.revoke(actor, "vm", "n1")
		s.remove(actor, "vm", "n1", func(held, bool) {})
		s.ends("unpublish", "vm", "n1", "OK")
		s.forget("vm", "n1")
		s.publish("vm", "n1")
		s.land(late, first, trace.Event{Verb: "revoke", Resource: "backend", Name: "vm", Volume: "vm", Node: "n1", Code: "OK"})
		if wrong {
			s.see(trace.Event{Kind: trace.World, Verb: "revoke", Volume: "vm", Node: "n1"})
		}
	}},
	{"a rebuild does its part of a volume when an unpublish of another node has ended", "S4", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.unwish("vm", "n1")
		actor := s.begins("unpublish", "vm", "n2")
		reply := s.deaf(actor, trace.Event{Verb: "revoke", Resource: "backend", Name: "vm", Volume: "vm", Node: "n2", Epoch: 1})
		if !wrong {
			s.depose()
			s.lead()
			s.pass(func() {})
		}
		reply()
		s.believe("vm", s.docs["vm"].Instances[0], "uncertain")
		s.ends("unpublish", "vm", "n2", "OK")
		actor = s.begins("unpublish", "vm", "n1")
		s.revoke(actor, "vm", "n1")
		s.remove(actor, "vm", "n1", func(held, bool) {})
		s.ends("unpublish", "vm", "n1", "OK")
		s.forget("vm", "n1")
	}},
	{"an answer comes to Run before it returns", "L1", func(s *script, wrong bool) {
		reply := s.deaf("run", trace.Event{Verb: "list", Resource: "persistentvolumes"})
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "depose"})
		if !wrong {
			reply()
		}
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "stopped"})
		if wrong {
			reply()
		}
		s.lead()
	}},
	{"a second leadership rebuilds before it publishes", "S8", func(s *script, wrong bool) {
		s.depose()
		s.lead()
		if wrong {
			s.events = slices.DeleteFunc(s.events, func(e trace.Event) bool {
				return e.Step > s.step-4 && (e.Kind == trace.Call || e.Kind == trace.Reply) && e.Verb == "list"
			})
		}
		s.pass(func() {})
		s.publish("vm", "n1")
	}},
	{"a deposed leader learns that its grant has succeeded", "S18", func(s *script, wrong bool) {
		s.wish("vm", "n1")
		actor, op := s.begins("publish", "vm", "n1"), s.op
		s.read(actor, "n1")
		h := s.reserve(actor, "vm", "n1")
		lead(s, true)
		s.believe("vm", h, "uncertain")
		s.count("tracked_attachments", 1)
		s.pass(func() {})
		s.deleteNode("n1")
		s.evict("vm", "n1", "n2")
		code := "Unavailable"
		if wrong {
			code = "OK"
		}
		s.point(trace.Event{Kind: trace.Return, Op: op, Proc: 1, Actor: "op-1", Verb: "publish", Volume: "vm", Node: "n1", Code: code, Late: true})
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	}},
	{"a deposed leader's memory does not show what its sweep took off the record", "S1", func(s *script, wrong bool) {
		s.track("vm", "n1", "trackAttachment")
		h := s.docs["vm"].Instances[0]
		s.believe("vm", h, "uncertain")
		if !wrong {
			s.call("run", trace.Event{Verb: "revoke", Resource: "backend", Name: "vm", Volume: "vm", Node: "n1", Epoch: h.Epoch, Code: "OK"})
		}
		stamp := s.wall()
		s.docs["vm"].Instances, s.docs["vm"].Detached = nil, &stamp
		s.persist("run", "vm")
		lead(s, true)
		s.pass(func() {})
		s.track("vm", "n2", "trackAttachment")
		s.untrack("vm")
	}},
}

// deaf is a request that takes effect now; the answer comes with reply.
func (s *script) deaf(actor string, e trace.Event) (reply func()) {
	s.id++
	e.ID, e.Proc, e.Actor, e.Kind, e.Code, e.Fault = s.id, s.proc, actor, trace.Call, "OK", "deaf"
	s.point(e)
	return func() {
		e.Kind = trace.Reply
		s.wait(time.Millisecond).point(e)
	}
}

// depose ends leadership, and Run returns.
func (s *script) depose() {
	s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "depose"})
	s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "stopped"})
}
