package model_test

import (
	"strconv"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// againCases are narrow cases about what a pass leaves on doubt, and about what wakes the loop.
var againCases = []narrowCase{
	{"a pass that kept something is followed by another", "S7", func(s *script, wrong bool) {
		retrier(s)
		s.publish("vm", "n1")
		s.pass(func() {
			s.call("run", trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", Code: "InternalError", Fault: "error"})
			s.count("fail_open_total", 1)
		})
		s.soon(wrong)
	}},
	{"a clear that failed is followed by another pass", "S7", func(s *script, wrong bool) {
		retrier(s)
		s.publish("vm", "n1")
		s.lose("n1")
		s.wait(graceful)
		s.pass(func() {
			s.read("run", "n1")
			s.call("run", trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm", Code: "InternalError", Fault: "error"})
		})
		s.wait(time.Second)
		if wrong {
			s.wait(10 * time.Second)
		}
		s.pass(func() { s.read("run", "n1"); s.clearNow("vm", "n1") })
	}},
	{"a conflict that turns out not to matter needs no other pass", "S7", func(s *script, wrong bool) {
		retrier(s)
		s.publish("vm", "n1")
		s.pass(func() {
			s.call("run", trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm", Code: "Conflict"})
			if !wrong {
				s.call("run", trace.Event{Verb: "get", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm", Code: "OK"})
			}
		})
		s.soon(true)
	}},
	{"a sweep that failed is followed by another pass", "S7", func(s *script, wrong bool) {
		retrier(s)
		s.publish("vm", "n1")
		s.pass(func() {
			s.call("run", trace.Event{Verb: "revoke", Resource: "backend", Name: "vm", Volume: "vm", Node: "n3", Epoch: 1, Code: "Unavailable", Fault: "error"})
		})
		s.soon(wrong)
	}},
	{"who confirms an instance after its fence has failed to clear it has asked anew", "S9", func(s *script, wrong bool) {
		s.track("shared", "n1", "trackAttachment")
		h := s.docs["shared"].Instances[0]
		s.lose("n1")
		s.wait(graceful)
		s.pass(func() {
			s.read("run", "n1")
			s.call("run", trace.Event{Verb: "fence", Resource: "backend", Name: "shared", Volume: "shared", Node: "n1", Epoch: h.Epoch, Code: "OK"})
			s.call("run", trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-shared", Code: "InternalError", Fault: "error"})
			if !wrong {
				s.believe("shared", h, "uncertain")
				s.begins("trackAttachment", "shared", "n1")
				s.note("VolumeAttached", "volume shared attached to n1")
				s.believe("shared", h, "held")
				s.count("attach_total", 1)
				s.ends("trackAttachment", "shared", "n1", "OK")
			}
		})
		s.pass(func() { s.read("run", "n1"); s.clearNow("shared", "n1") })
	}},
	{"a pass looks for what it found when it began", "L10", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.listNodes("")
		s.pass(func() {
			if !wrong {
				s.deleteNode("n1")
				s.uids["n1"] = ""
			}
			s.unpublish("vm", "n1")
			s.read("run", "n1")
		})
	}},
	{"a wish that has ended is unpublished in the end", "L7", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.unwish("vm", "n1")
		if wrong {
			actor := s.begins("unpublish", "vm", "n1")
			s.call(actor, trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", Code: "NotFound"})
			s.ends("unpublish", "vm", "n1", "NotFound")
			return
		}
		s.unpublishOnly("vm", "n1")
		s.forget("vm", "n1")
	}},
	{"an unpublish that was told OK is off the record", "S15", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.unwish("vm", "n1")
		actor := s.begins("unpublish", "vm", "")
		s.revoke(actor, "vm", "")
		detached := func(h held, _ bool) {
			s.note("VolumeDetached", "volume vm detached from "+h.Node)
			s.count(`detach_total{kind="full"}`, 1)
		}
		if !wrong {
			s.remove(actor, "vm", "", detached)
		}
		s.ends("unpublish", "vm", "", "OK")
		if wrong {
			s.remove(actor, "vm", "", detached)
		}
		s.forget("vm", "n1")
	}},
	{"who asks for another mode shares a volume with nobody", "L6", func(s *script, wrong bool) {
		s.publish("shared", "n1")
		s.wish("shared", "n2")
		mode := "ReadWriteOnce"
		if wrong {
			mode = "ReadWriteMany"
		}
		s.op++
		s.point(trace.Event{Kind: trace.Op, Op: s.op, Proc: s.proc, Actor: "sidecar", Verb: "publish", Volume: "shared", Node: "n2", Mode: mode})
		s.read("op-"+strconv.Itoa(s.op), "n2")
		s.note("AttachmentConflict", "volume shared wanted on n2 is attached to n1")
		s.count("conflict_total", 1)
		s.ends("publish", "shared", "n2", "FailedPrecondition")
		for range 8 {
			s.wait(interval - time.Second)
			s.pass(func() {})
		}
		s.unwish("shared", "n2")
		s.forget("shared", "n2")
	}},
	{"whoever cannot read the holder's node asks to be asked again", "S8", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.wish("vm", "n2")
		actor, code := s.begins("publish", "vm", "n2"), "Unavailable"
		s.read(actor, "n2")
		s.call(actor, trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", Code: "Timeout", Fault: "timeout"})
		if wrong {
			code = "FailedPrecondition"
			s.note("AttachmentConflict", "volume vm wanted on n2 is attached to n1")
			s.count("conflict_total", 1)
		}
		s.ends("publish", "vm", "n2", code)
		s.unwish("vm", "n2")
		s.forget("vm", "n2")
	}},
	{"a list shows the loss of a node that the cache had lost before", "L4", func(s *script, wrong bool) {
		list := trace.Event{Verb: "list", Resource: "nodes", Code: "OK", Count: 2}
		s.call("informer", list)
		s.wait(time.Second)
		s.wish("vm", "n1")
		actor := s.begins("publish", "vm", "n1")
		s.read(actor, "n1")
		s.deleteNode("n1")
		if wrong {
			s.events = s.events[:len(s.events)-1] // the cache is not told
		}
		s.reserve(actor, "vm", "n1")
		s.ends("publish", "vm", "n1", "Unavailable")
		s.uids["n1"] = ""
		s.wait(time.Second)
		s.call("informer", list)
		s.wait(20 * time.Second)
		s.pass(func() { s.read("run", "n1"); s.count("grace_deferred_total", 1) })
		s.wait(graceful)
		s.pass(func() { s.read("run", "n1"); s.clearNow("vm", "n1") })
	}},
	{"an event is recorded on the very claim", "S17", func(s *script, wrong bool) {
		uid := "u-claim"
		if wrong {
			uid = ""
		}
		s.see(trace.Event{Kind: trace.Change, Verb: "created", Resource: "persistentvolumeclaims", Name: "claim-vm", UID: "u-claim"})
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		for i := range s.events {
			if e := &s.events[i]; e.Kind == trace.Recorded {
				e.UID = uid
			}
		}
	}},
}

// retrier makes the system one that says how soon it tries again.
func retrier(s *script) {
	s.header.Setup.Retry = 8 * time.Second
	s.header.Setup.Offers = append(s.header.Setup.Offers, "retrier")
}

// soon is the pass that tries again, or the interval's.
func (s *script) soon(late bool) {
	s.wait(time.Second)
	if late {
		s.wait(interval - 2*time.Second)
	}
	s.pass(func() {})
}
