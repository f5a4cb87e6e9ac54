package model_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// narrowCase is one that looks like a violation and is none. Each comes with the violation that it looks like, so that
// whoever widens the exception is told.
type narrowCase struct {
	name, invariant string
	write           func(s *script, wrong bool)
}

var narrowCases = []narrowCase{
	{"a late grant reaches the successor of a dead machine", "S1", func(s *script, wrong bool) {
		s.header.Setup.NodeDead = !wrong
		s.wish("vm", "n1")
		actor := s.begins("publish", "vm", "n1")
		s.read(actor, "n1")
		h := s.reserve(actor, "vm", "n1")
		grant := trace.Event{Verb: "grant", Resource: "backend", Name: "vm", Volume: "vm", Node: "n1", Epoch: h.Epoch}
		late := s.sendLate(actor, grant)
		s.ends("publish", "vm", "n1", "Unavailable")
		s.deleteNode("n1")
		s.evict("vm", "n1", "n2")
		s.createNode("n1", "u-other")
		s.see(trace.Event{Kind: trace.World, Verb: "machineUp", Node: "n1"})
		s.land(late, "op-1", grant)
		s.see(trace.Event{Kind: trace.World, Verb: "grant", Volume: "vm", Node: "n1", Epoch: h.Epoch})
		s.revoke("run", "vm", "n1")
		s.see(trace.Event{Kind: trace.World, Verb: "revoke", Volume: "vm", Node: "n1", Epoch: h.Epoch})
	}},
	{"a request comes to the backend when its caller has gone", "S9", func(s *script, wrong bool) {
		s.aside(trace.Op, "")
		s.publish("vm", "n1")
		late := *revokeAside()
		late.Late = !wrong
		s.last("x", func(e trace.Event) bool { return e.Kind == trace.Call && e.Verb == "grant" })
		at := s.marks["x"]
		late.Step, late.At = s.events[at-1].Step, s.events[at-1].At
		s.events = slices.Insert(s.events, at, late)
		s.aside(trace.Return, "DeadlineExceeded")
		s.unpublish("vm", "n1")
	}},
	{"a list that a fault made empty leaves nobody in the cache", "L10", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.listNodes("")
		if !wrong {
			s.listNodes("emptyList")
		}
		s.pass(func() {
			s.read("run", "n1")
			if !wrong {
				s.count("fail_open_total", 1)
			}
		})
	}},
	{"a list that a fault made old does not show who wants a volume", "L10", func(s *script, wrong bool) {
		fault := "staleRead"
		if wrong {
			fault = ""
		}
		s.publish("vm", "n1")
		s.listNodes("")
		s.call("informer", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "OK", Count: 2, Fault: fault})
		s.pass(func() {
			s.call("run", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "OK", Count: 3})
		})
	}},
	{"a list that a fault made old brings a record back", "L10", func(s *script, wrong bool) {
		fault := "staleRead"
		if wrong {
			fault = ""
		}
		s.call("informer", trace.Event{Verb: "list", Resource: "persistentvolumes", Code: "OK", Count: 2, Fault: fault})
		s.pass(func() {
			s.call("run", trace.Event{Verb: "get", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm", Code: "OK"})
		})
	}},
	{"a write without an answer is worth a look", "L10", func(s *script, wrong bool) {
		s.track("vm", "n1", "trackAttachment")
		s.untrack("vm")
		write := patchOf(1, "op-9")
		write.Kind, write.Name, write.Volume = trace.Call, "pv-vm", "vm"
		if !wrong {
			s.point(write)
		}
		s.pass(func() {
			s.call("run", trace.Event{Verb: "get", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm", Code: "OK"})
		})
	}},
	{"the Controller unpublishes, and crashes before it knows that it did", "S2", func(s *script, wrong bool) {
		s.track("shared", "n1", "trackAttachmentWithMode")
		restart(s)
		s.believe("shared", s.docs["shared"].Instances[0], "uncertain")
		s.count("tracked_attachments", 1)
		s.call("run", trace.Event{Verb: "revoke", Resource: "backend", Name: "shared", Volume: "shared", Node: "n1", Epoch: 1, Code: "OK"})
		if !wrong {
			s.docs["shared"].Instances, s.docs["shared"].Mode = nil, ""
			s.persist("run", "shared")
		}
		restart(s)
		s.pass(func() {})
		s.docs["shared"].Instances = nil
		s.header.Setup.Volumes[1].Mode = "ReadWriteOnce"
		s.track("shared", "n1", "trackAttachment")
		s.header.Setup.Volumes[1].Mode = "ReadWriteMany"
		s.untrack("shared")
	}},
	{"another node had the name for a moment, and nobody was told", "S5", func(s *script, wrong bool) {
		uid := s.uids["n1"]
		s.uids["n1"] = ""
		s.track("vm", "n1", "trackAttachment")
		s.uids["n1"] = uid
		s.deleteNode("n1")
		s.uids["n1"] = ""
		s.pass(func() { s.read("run", "n1") })
		s.wait(graceful - time.Second)
		s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "createNode", Node: "n1"})
		s.createNode("n1", "u-other")
		if wrong {
			s.point(trace.Event{Kind: trace.Deliver, Proc: 1, Actor: "informer", Verb: "ADDED", Resource: "nodes", Name: "n1", UID: "u-other"})
		}
		s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "deleteNode", Node: "n1"})
		s.see(trace.Event{Kind: trace.Change, Verb: "deleted", Resource: "nodes", Name: "n1", Node: "n1", UID: "u-other"})
		s.wait(time.Second)
		s.clear("vm", "n1")
	}},
	{"what a pass deferred for goes while it reads", "S5", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.lose("n1")
		s.wait(graceful)
		if !wrong {
			s.track("shared", "n1", "trackAttachmentWithMode")
		}
		s.pass(func() {
			s.untrack("shared")
			s.read("run", "n1")
			s.count("grace_deferred_total", 1)
			s.clearNow("vm", "n1")
		})
	}},
	{"what a pass did not know yet has a clock of its own", "S5", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.uids["n1"] = "u-n1"
		appear := func() {
			actor := s.begins("publish", "shared", "n1")
			s.reserve(actor, "shared", "n1")
			s.ends("publish", "shared", "n1", "Unavailable")
		}
		s.wish("shared", "n1")
		s.deleteNode("n1")
		if wrong {
			appear()
			s.uids["n1"] = ""
		}
		s.pass(func() {
			if !wrong {
				appear()
				s.uids["n1"] = ""
			}
			s.read("run", "n1")
			s.count("grace_deferred_total", 1)
		})
		s.wait(graceful)
		s.clear("vm", "n1")
		s.pass(func() { s.read("run", "n1"); s.count("grace_deferred_total", 1) })
		s.wait(graceful)
		s.clear("shared", "n1")
	}},
	{"an unknown node is back, and the answer says that it is not", "S5", func(s *script, wrong bool) {
		s.uids["n2"] = ""
		s.track("shared", "n2", "trackAttachmentWithMode")
		s.uids["n2"] = "u-n2"
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.deleteNode("n2")
		s.uids["n1"], s.uids["n2"] = "", ""
		s.pass(func() { s.read("run", "n1"); s.read("run", "n2"); s.count("grace_deferred_total", 2) })
		s.wait(graceful)
		s.pass(func() {
			s.read("run", "n2")
			s.read("run", "n1")
			s.createNode("n2", "u-other")
			if wrong {
				s.read("run", "n2")
			}
			s.count("grace_deferred_total", 1)
			s.clearNow("vm", "n1")
		})
		s.untrack("shared")
	}},
	{"another incarnation wrote the first record", "S5", func(s *script, wrong bool) {
		s.wish("vm", "n1")
		s.unwish("vm", "n1")
		write := trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm"}
		late := s.sendLate("run", write)
		restart(s)
		h := held{Node: "n1", Epoch: 1 << 40, Attached: s.wall()}
		s.believe("vm", h, "uncertain")
		s.count("tracked_attachments", 1)
		s.pass(func() {})
		s.deleteNode("n1")
		s.uids["n1"] = ""
		if !wrong {
			s.proc--
		}
		s.land(late, "run", write)
		s.see(trace.Event{Kind: trace.Change, Verb: "updated", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm", Record: `{"version":1,"epoch":2}`})
		s.proc = 2
		s.docs["vm"].Epoch = 2
		s.pass(func() {
			s.read("run", "n1")
			s.believe("vm", h, "gone")
			s.count("tracked_attachments", -1)
		})
		s.forget("vm", "n1")
	}},
	{"a reservation is taken back late, and its node is gone", "S5", func(s *script, wrong bool) {
		s.wish("vm", "n1")
		actor := s.begins("publish", "vm", "n1")
		s.read(actor, "n1")
		write := trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm"}
		reservation := s.sendLate(actor, write)
		s.ends("publish", "vm", "n1", "Unavailable")
		var repair int
		if !wrong {
			repair = s.sendLate("run", write)
		}
		h := held{Node: "n1", UID: s.uids["n1"], Epoch: 1, State: "uncertain", Attached: s.wall()}
		s.docs["vm"].Mode, s.docs["vm"].Epoch, s.docs["vm"].Instances = "ReadWriteOnce", 1, []held{h}
		s.land(reservation, actor, write)
		s.recorded("vm")
		s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "depose"})
		s.lead()
		s.believe("vm", h, "uncertain")
		s.count("tracked_attachments", 1)
		s.pass(func() {})
		s.deleteNode("n1")
		s.uids["n1"] = ""
		if wrong {
			repair = s.sendLate("run", write)
		}
		s.docs["vm"].Mode, s.docs["vm"].Epoch, s.docs["vm"].Instances = "", 2, nil
		s.land(repair, "run", write)
		s.recorded("vm")
		s.pass(func() {
			s.read("run", "n1")
			s.believe("vm", h, "gone")
			s.count("tracked_attachments", -1)
		})
		s.unwish("vm", "n1")
		s.forget("vm", "n1")
	}},
	{"a clear takes effect late, and a read fails meanwhile", "S7", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.wait(graceful)
		s.uids["n1"] = ""
		write := trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm"}
		failed := func() {
			s.call("run", trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", Code: "TooManyRequests", Fault: "throttled"})
		}
		var late int
		s.pass(func() {
			s.read("run", "n1")
			if wrong {
				failed()
			}
			late = s.sendLate("run", write)
		})
		s.pass(func() { failed(); s.count("fail_open_total", 1) })
		h, now := s.docs["vm"].Instances[0], s.wall()
		s.docs["vm"].Instances, s.docs["vm"].Mode, s.docs["vm"].Detached = nil, "", &now
		s.land(late, "run", write)
		s.recorded("vm")
		s.pass(func() {
			s.read("run", "n1")
			s.note("StaleAttachmentCleared", "volume vm cleared from n1")
			s.believe("vm", h, "gone")
			s.see(trace.Event{Kind: trace.Belief, Proc: 1, Volume: "vm", Time: now.UnixNano()})
			s.count("tracked_attachments", -1)
			s.count("stale_cleared_total", 1)
		})
		s.unwish("vm", "n1")
		s.forget("vm", "n1")
	}},
	{"the one fails, and the one that waited behind it holds the volume", "S9", func(s *script, wrong bool) {
		actor := s.begins("addSecondaryAttachment", "vm", "n1")
		op := s.op
		s.begins("trackAttachment", "vm", "n1")
		h := s.reserveIn("vm", "n1")
		s.persist(actor, "vm")
		s.note("VolumeAttached", "volume vm attached to n1")
		s.believe("vm", h, "held")
		s.count("tracked_attachments", 1)
		s.count("attach_total", 1)
		s.point(trace.Event{Kind: trace.Return, Op: op, Proc: 1, Actor: actor, Verb: "addSecondaryAttachment", Volume: "vm", Node: "n1", Code: "Internal"})
		code := "OK"
		if wrong {
			code = "Internal"
		}
		s.ends("trackAttachment", "vm", "n1", code)
		s.untrack("vm")
	}},
	{"the rebuild read what is not so, and a cache lists the truth later", "S13", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		if wrong {
			s.misled("")
		} else {
			s.misled("staleRead")
		}
		s.believe("vm", s.docs["vm"].Instances[0], "uncertain")
		s.count("tracked_attachments", 1)
		s.pass(func() {})
		s.call("run", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "OK", Count: 1})
		s.call("run", trace.Event{Verb: "list", Resource: "persistentvolumes", Code: "OK", Count: 2})
		s.pass(func() {})
		s.unwish("vm", "n1")
		actor := s.begins("unpublish", "vm", "n1")
		s.revoke(actor, "vm", "n1")
		s.remove(actor, "vm", "n1", func(held, bool) {})
		s.ends("unpublish", "vm", "n1", "OK")
		s.forget("vm", "n1")
	}},
	{"a rebuild in between is an operation on every volume", "S10", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		if !wrong {
			s.rebuild()
		}
		s.begins("publish", "vm", "n1")
		s.believe("vm", s.docs["vm"].Instances[0], "uncertain")
		s.ends("publish", "vm", "n1", "OK")
		s.believe("vm", s.docs["vm"].Instances[0], "held")
	}},
	{"what is read again is not attached again", "S17", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.misled("staleRead")
		s.pass(func() {})
		s.point(trace.Event{Kind: trace.Wake, Proc: s.proc, Actor: "run", Name: "repair"})
		s.believe("vm", s.docs["vm"].Instances[0], "held")
		s.count("tracked_attachments", 1)
		if wrong {
			s.count("attach_total", 1)
			s.note("VolumeAttached", "volume vm attached to n1")
		}
	}},
	{"the list of nodes is empty until the last moment", "L4", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.publish("shared", "n2")
		s.deleteNode("n1")
		list := trace.Event{Verb: "list", Resource: "nodes", Code: "OK", Count: 2}
		if !wrong {
			list.Count = 0
		}
		for range 4 {
			s.pass(func() { s.call("run", list) })
			s.wait(interval)
		}
		s.call("run", trace.Event{Verb: "list", Resource: "nodes", Code: "OK", Count: 2})
		s.deleteNode("n2")
		s.wait(time.Second)
		s.clear("vm", "n1")
		s.wait(graceful)
		s.clear("shared", "n2")
	}},
	{"the node cannot be read, and grace begins when it can", "L4", func(s *script, wrong bool) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.uids["n1"] = ""
		if wrong {
			s.pass(func() { s.read("run", "n1"); s.count("grace_deferred_total", 1) })
		}
		for range 3 {
			s.wait(graceful / 3)
			s.pass(func() {
				s.call("run", trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", Code: "TooManyRequests", Fault: "throttled"})
				s.count("fail_open_total", 1)
			})
		}
		s.wait(interval - time.Second)
		s.pass(func() { s.read("run", "n1"); s.count("grace_deferred_total", 1) })
		s.wait(graceful)
		s.clear("vm", "n1")
	}},
	{"in doubt and confirmed in one step", "S17", func(s *script, wrong bool) {
		s.track("shared", "n1", "trackAttachmentWithMode")
		remove := s.begins("removeNodeAttachment", "shared", "n1")
		op := s.op
		s.begins("trackAttachmentWithMode", "shared", "n1")
		s.call(remove, trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-shared", Code: "TooManyRequests", Fault: "throttled"})
		times := 1.0
		if wrong {
			times = 2
			s.note("VolumeAttached", "volume shared attached to n1")
		}
		s.note("VolumeAttached", "volume shared attached to n1")
		s.count("attach_total", times)
		s.ends("trackAttachmentWithMode", "shared", "n1", "OK")
		s.point(trace.Event{Kind: trace.Return, Op: op, Proc: 1, Actor: remove, Verb: "removeNodeAttachment", Volume: "shared", Node: "n1", Code: "Internal"})
		s.untrack("shared")
	}},
	{"a method gives up after it has looked", "S9", func(s *script, wrong bool) {
		actor := s.begins("trackAttachmentWithMode", "shared", "n1")
		conflict := trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-shared", Code: "Conflict", Fault: "conflict"}
		s.call(actor, conflict)
		if !wrong {
			s.call(actor, trace.Event{Verb: "get", Resource: "persistentvolumes", Name: "pv-shared", Volume: "shared", Code: "OK"})
			s.call(actor, conflict)
		}
		s.ends("trackAttachmentWithMode", "shared", "n1", "Internal")
	}},
	{"an earlier write comes between an operation and its repetition", "S10", func(s *script, wrong bool) {
		actor := s.begins("trackAttachmentWithMode", "shared", "n1")
		write := trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-shared", Volume: "shared"}
		late := s.sendLate(actor, write)
		s.ends("trackAttachmentWithMode", "shared", "n1", "Internal")
		restart(s)
		s.pass(func() {})
		h := held{Node: "n1", UID: s.uids["n1"], Epoch: 1, State: "uncertain", Attached: s.wall()}
		appear := func() {
			s.docs["shared"].Mode, s.docs["shared"].Epoch, s.docs["shared"].Instances = "ReadWriteMany", 1, []held{h}
		}
		s.untrack("shared")
		appear()
		if !wrong {
			s.proc--
			s.land(late, actor, write)
			s.recorded("shared")
			s.proc++
		}
		actor = s.begins("untrackAttachment", "shared", "")
		s.believe("shared", h, "uncertain")
		s.count("tracked_attachments", 1)
		s.remove(actor, "shared", "", func(held, bool) {})
		s.ends("untrackAttachment", "shared", "", "OK")
	}},
	{"a migration that begins before the rebuild", "S17", func(s *script, wrong bool) {
		s.track("shared", "n1", "trackAttachmentWithMode")
		s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "crash"})
		s.proc++
		clear(s.counts)
		s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "start"})
		s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "lead"})
		d := s.docs["shared"]
		actor := s.begins("trackAttachmentWithMode", "shared", "n2")
		s.call(actor, trace.Event{Verb: "list", Resource: "persistentvolumes", Code: "OK", Count: 2})
		s.believe("shared", d.Instances[0], "uncertain")
		s.count("tracked_attachments", 1)
		h := s.reserveIn("shared", "n2")
		d.Migration = &moveDoc{Started: h.Attached, Timeout: "5m0s", Source: "n1", Target: "n2"}
		s.persist(actor, "shared")
		s.note("VolumeAttached", "volume shared attached to n2")
		s.believe("shared", d.Instances[0], "uncertain")
		s.believe("shared", h, "held")
		s.count("tracked_attachments", 1)
		s.count("active_migrations", 1)
		s.count("attach_total", 1)
		if !wrong {
			s.note("MigrationStarted", "migration of shared from n1 to n2 started")
			s.count(`migrations_total{result="started"}`, 1)
		}
		s.ends("trackAttachmentWithMode", "shared", "n2", "OK")
		s.call("run", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "OK"})
		s.call("run", trace.Event{Verb: "list", Resource: "persistentvolumes", Code: "OK", Count: 2})
		s.pass(func() {})
		actor = s.begins("removeNodeAttachment", "shared", "n1")
		s.remove(actor, "shared", "n1", func(held, bool) {})
		s.ends("removeNodeAttachment", "shared", "n1", "OK")
		s.untrack("shared")
	}},
}

func TestNarrowCases(t *testing.T) {
	for _, c := range slices.Concat(narrowCases, leaderCases, deafCases, againCases) {
		t.Run(c.invariant+" "+c.name, func(t *testing.T) {
			judged := func(wrong bool) model.Verdict {
				s := begin()
				c.write(s, wrong)
				s.finish()
				return model.Check(s.header, s.events)
			}
			for _, r := range judged(false).Violations() {
				t.Errorf("the trace that is to hold: %s (step %d, %v)", r, r.Step, r.Witnesses)
			}
			r, _ := judged(true).Lookup(c.invariant)
			require.Equal(t, model.Violated, r.Outcome, r.String())
		})
	}
}

// reserveIn puts a reservation into the record that is written next.
func (s *script) reserveIn(volume, node string) held {
	d := s.docs[volume]
	d.Epoch++
	d.Mode, d.Detached = s.mode(volume), nil
	h := held{Node: node, UID: s.uids[node], Epoch: d.Epoch, State: "uncertain", Attached: s.wall()}
	d.Instances = append(d.Instances, h)
	return h
}

// reserve is the first half of a publish.
func (s *script) reserve(actor, volume, node string) held {
	h := s.reserveIn(volume, node)
	s.persist(actor, volume)
	s.believe(volume, h, "uncertain")
	s.count("tracked_attachments", 1)
	return h
}

// track calls a method of the Manager directly.
func (s *script) track(volume, node, method string) {
	actor := s.begins(method, volume, node)
	h := s.reserveIn(volume, node)
	s.persist(actor, volume)
	s.note("VolumeAttached", "volume "+volume+" attached to "+node)
	s.believe(volume, h, "held")
	s.count("tracked_attachments", 1)
	s.count("attach_total", 1)
	s.ends(method, volume, node, "OK")
}

func (s *script) untrack(volume string) {
	actor := s.begins("untrackAttachment", volume, "")
	s.remove(actor, volume, "", func(h held, _ bool) {
		s.note("VolumeDetached", "volume "+volume+" detached from "+h.Node)
		s.count(`detach_total{kind="full"}`, 1)
	})
	s.ends("untrackAttachment", volume, "", "OK")
}

// clearNow is what a pass does when grace is over.
func (s *script) clearNow(volume, node string) {
	s.remove("run", volume, node, func(h held, _ bool) {
		s.note("StaleAttachmentCleared", "volume "+volume+" cleared from "+h.Node)
		s.count("stale_cleared_total", 1)
	})
}

// misled is a restart whose rebuild meets a fault.
func (s *script) misled(fault string) {
	s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "crash"})
	s.proc++
	clear(s.counts)
	s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "start"})
	s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "lead"})
	s.call("run", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "OK", Count: 1, Fault: fault})
	s.call("run", trace.Event{Verb: "list", Resource: "persistentvolumes", Code: "OK", Count: 2})
}

// rebuild is a Rebuild that somebody asks for.
func (s *script) rebuild() {
	s.op++
	e := trace.Event{Kind: trace.Op, Op: s.op, Proc: s.proc, Actor: "operator", Verb: "rebuild"}
	s.point(e)
	e.Kind, e.Code = trace.Return, "OK"
	s.point(e)
}

// sendLate is a request whose caller is told of a timeout, and which takes effect when it lands.
func (s *script) sendLate(actor string, e trace.Event) (id int) {
	e.Code, e.Fault = "Timeout", "lateEffect"
	s.call(actor, e)
	return s.id
}

func (s *script) land(id int, actor string, e trace.Event) {
	e.Kind, e.ID, e.Proc, e.Actor, e.Code, e.Fault = trace.Call, id, s.proc, actor, "OK", "lateEffect"
	s.point(e)
}

// recorded shows a volume's record as it is now.
func (s *script) recorded(volume string) {
	text, err := json.Marshal(s.docs[volume])
	if err != nil {
		panic(err)
	}
	s.see(trace.Event{Kind: trace.Change, Verb: "updated", Resource: "persistentvolumes", Name: "pv-" + volume, Volume: volume, Record: string(text)})
}
