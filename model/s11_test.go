package model_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// turned is a publish that returns without having written anything.
func turned(s *script, volume, node, code string) {
	s.wish(volume, node)
	s.read(s.begins("publish", volume, node), node)
	s.ends("publish", volume, node, code)
}

// released is an unpublish that returns without having written anything.
func released(s *script, volume, node, code string) {
	s.begins("unpublish", volume, node)
	s.ends("unpublish", volume, node, code)
}

// attempted is a publish that reserves, and then says something else than OK.
func attempted(s *script, volume, node, code string) {
	s.wish(volume, node)
	actor := s.begins("publish", volume, node)
	s.read(actor, node)
	s.mark("tried").call(actor, trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-" + volume, Code: "OK"})
	s.ends("publish", volume, node, code)
}

// linear are histories that can be put in order, each with the one event by which they cannot.
var linear = []struct {
	name  string
	write func(s *script)
	edit  edit
	says  string // of the one that cannot
}{
	{"a second OK", func(s *script) {
		s.publish("vm", "n1")
		turned(s, "vm", "n2", "FailedPrecondition")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("OK")}, "publish of vm on n2: OK (called at step 19): by then n1 has it"},
	{"a refusal, and nobody is there", func(s *script) {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		turned(s, "vm", "n2", "Unavailable")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("FailedPrecondition")}, "by then nobody has it"},
	{"an unpublish that did nothing", func(s *script) {
		s.publish("vm", "n1")
		released(s, "vm", "n1", "Unavailable")
		s.marks["x"] = s.marks["returned"]
		turned(s, "vm", "n2", "FailedPrecondition")
	}, edit{mark: "x", change: coded("OK")}, "publish of vm on n2: FailedPrecondition"},
	{"unpublish of every node", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		released(s, "shared", "", "Unavailable")
		s.marks["x"] = s.marks["returned"]
		turned(s, "shared", "n3", "FailedPrecondition")
	}, edit{mark: "x", change: coded("OK")}, "publish of shared on n3: FailedPrecondition"},
	{"a third holder", func(s *script) {
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		turned(s, "shared", "n3", "FailedPrecondition")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("OK")}, "by then n1 has it, n2 has it"},
	{"a refusal although there is room", func(s *script) {
		s.publish("shared", "n1")
		turned(s, "shared", "n2", "Unavailable")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("FailedPrecondition")}, "by then n1 has it"},
	{"a refusal of who has it", func(s *script) {
		s.publish("vm", "n1")
		s.begins("publish", "vm", "n1")
		s.ends("publish", "vm", "n1", "OK")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("FailedPrecondition")}, "by then n1 has it"},
	{"another mode than none", func(s *script) {
		turned(s, "vm", "n2", "Unavailable")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("AlreadyExists")}, "by then nobody has it"},
	{"a node that everybody knows", func(s *script) {
		turned(s, "vm", "n2", "Unavailable")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("NotFound")}, "publish of vm on n2: NotFound"},
	{"nobody to join", func(s *script) {
		s.begins("addSecondaryAttachment", "shared", "n2")
		s.ends("addSecondaryAttachment", "shared", "n2", "Internal")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("OK")}, "addSecondaryAttachment of shared on n2: OK"},
	{"the holder's node went", func(s *script) {
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.marks["x"] = s.marks["deleted"]
		s.wish("vm", "n2")
		s.begins("publish", "vm", "n2")
		s.ends("publish", "vm", "n2", "OK")
	}, edit{mark: "x", drop: true}, "by then n1 has it"},
	{"another node of that name went", func(s *script) {
		s.deleteNode("n1")
		s.createNode("n1", "u-second")
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.marks["x"] = s.marks["deleted"]
		s.wish("vm", "n2")
		s.begins("publish", "vm", "n2")
		s.ends("publish", "vm", "n2", "OK")
	}, edit{mark: "x", change: func(e *trace.Event) { e.UID = "u-n1" }}, "by then n1 has it"},
	{"the reply was lost, and it was done", func(s *script) {
		attempted(s, "vm", "n1", "Unavailable")
		s.marks["x"] = s.marks["tried"]
		turned(s, "vm", "n2", "FailedPrecondition")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Verb = "get" }}, "publish of vm on n2: FailedPrecondition"},
	{"the reply was lost, and it was not done", func(s *script) {
		attempted(s, "vm", "n1", "Unavailable")
		s.marks["x"] = s.marks["returned"]
		s.publish("vm", "n2")
	}, edit{mark: "x", change: coded("OK")}, "publish of vm on n2: OK"},
	{"its process died", func(s *script) {
		s.wish("vm", "n1")
		s.mark("x").call(s.begins("publish", "vm", "n1"), trace.Event{Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Code: "OK"})
		restart(s)
		turned(s, "vm", "n2", "FailedPrecondition")
	}, edit{mark: "x", change: func(e *trace.Event) { e.Verb = "get" }}, "publish of vm on n2: FailedPrecondition"},
	{"its request lands after all", func(s *script) {
		attempted(s, "vm", "n1", "Unavailable")
		late := s.events[s.marks["tried"]]
		released(s, "vm", "n1", "OK")
		s.marks["x"] = s.point(late)
		turned(s, "vm", "n2", "FailedPrecondition")
	}, edit{mark: "x", change: coded("Conflict")}, "publish of vm on n2: FailedPrecondition"},
	{"a mode that leaves room", func(s *script) {
		s.header.Setup.Volumes[1].Mode = "ReadOnlyMany"
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		turned(s, "shared", "n3", "Unavailable")
		s.marks["x"] = s.marks["returned"]
	}, edit{mark: "x", change: coded("FailedPrecondition")}, "by then n1 has it, n2 has it"},
	{"two that refuse each other", func(s *script) {
		s.wish("vm", "n1")
		s.wish("vm", "n2")
		s.begins("publish", "vm", "n1")
		s.begins("publish", "vm", "n2")
		s.ends("publish", "vm", "n2", "FailedPrecondition")
		s.op--
		s.ends("publish", "vm", "n1", "OK")
		s.marks["x"] = s.marks["returned"]
		s.op++
	}, edit{mark: "x", change: coded("FailedPrecondition")}, "FailedPrecondition"},
}

func TestHistoriesInPairs(t *testing.T) {
	for _, p := range linear {
		t.Run(p.name, func(t *testing.T) {
			s := begin()
			p.write(s)
			r, _ := model.Check(s.header, s.finish().events).Lookup("S11")
			require.Equal(t, model.Held, r.Outcome, r.String())

			r, _ = model.Check(s.header, p.edit.apply(t, s)).Lookup("S11")
			require.Equal(t, model.Violated, r.Outcome, r.String())
			require.Contains(t, r.Message, p.says)
			require.Equal(t, r.Step, r.Witnesses[len(r.Witnesses)-1])
			require.Positive(t, r.At)
		})
	}
}

// S11 asks nothing of a system but its calls.
func TestHistoriesNeedNoPower(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	turned(s, "vm", "n2", "OK")
	s.header.Setup.Offers = nil
	r, _ := model.Check(s.header, s.finish().events).Lookup("S11")
	require.Equal(t, model.Violated, r.Outcome)
}

// What looks like a lie and is none, each with the lie that it looks like.
func TestHistoriesNarrowly(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(s *script, wrong bool)
	}{
		{"a refusal by a process that shares leadership", func(s *script, wrong bool) {
			second(s, wrong)
			turned(s, "vm", "n2", "FailedPrecondition")
		}},
		{"an unpublish of a leader that was deposed", func(s *script, wrong bool) {
			s.publish("vm", "n1")
			s.begins("unpublish", "vm", "n1")
			s.call("op-2", trace.Event{Verb: "revoke", Resource: "backend", Volume: "vm", Node: "n1", Code: "OK"})
			s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "depose"})
			s.point(trace.Event{Kind: trace.Return, Op: 2, Proc: 1, Verb: "unpublish", Volume: "vm", Node: "n1", Code: "OK", Late: !wrong})
			s.proc = 2
			s.point(trace.Event{Kind: trace.Process, Proc: 2, Verb: "start"})
			s.lead()
			turned(s, "vm", "n2", "FailedPrecondition")
		}},
		{"a volume without a record, of which a VolumeAttachment is being deleted", func(s *script, wrong bool) {
			if wrong {
				s.docs["vm"].Epoch = 1
				s.persist("run", "vm")
			}
			s.wish("vm", "n1")
			s.unwish("vm", "n1")
			restart(s)
			turned(s, "vm", "n2", "FailedPrecondition")
		}},
		{"the same, while the rebuild goes on", func(s *script, wrong bool) {
			s.wish("vm", "n1")
			restart(s)
			if wrong {
				s.pass(func() {})
			}
			s.unwish("vm", "n1")
			turned(s, "vm", "n2", "FailedPrecondition")
		}},
		{"what nobody asks for any more goes in a rebuild", func(s *script, wrong bool) {
			s.publish("vm", "n1")
			if !wrong {
				s.forget("vm", "n1") // by force
			}
			restart(s)
			s.wish("vm", "n2")
			s.begins("publish", "vm", "n2")
			s.ends("publish", "vm", "n2", "OK")
		}},
		{"the record went with its PersistentVolume", func(s *script, wrong bool) {
			s.publish("vm", "n1")
			if !wrong {
				s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "deleteVolume"})
				s.see(trace.Event{Kind: trace.Change, Verb: "deleted", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm"})
			}
			restart(s)
			s.wish("vm", "n2")
			s.begins("publish", "vm", "n2")
			s.ends("publish", "vm", "n2", "OK")
		}},
		{"an unpublish that cannot know the node", func(s *script, wrong bool) {
			attempted(s, "vm", "n1", "Unavailable")
			if !wrong {
				s.deleteNode("n1")
			}
			released(s, "vm", "n1", "OK")
			turned(s, "vm", "n2", "FailedPrecondition")
		}},
		{"a volume that is being deleted", func(s *script, wrong bool) {
			if !wrong {
				s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "deleteVolume"})
				s.see(trace.Event{Kind: trace.Change, Verb: "deleting", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm"})
			}
			turned(s, "vm", "n2", "FailedPrecondition")
		}},
		{"a node that a list did not show", func(s *script, wrong bool) {
			if !wrong {
				s.call("run", trace.Event{Verb: "list", Resource: "nodes", Code: "OK", Fault: "emptyList"})
			}
			turned(s, "vm", "n2", "NotFound")
		}},
		{"a system that does not show its writes", func(s *script, wrong bool) {
			if !wrong {
				s.header.Setup.Offers = nil
			}
			turned(s, "vm", "n1", "Unavailable")
			turned(s, "vm", "n2", "FailedPrecondition")
		}},
		{"a reservation of which nothing comes", func(s *script, wrong bool) {
			ends := func() {
				s.point(trace.Event{Kind: trace.Return, Op: 1, Proc: 1, Verb: "publish", Volume: "vm", Node: "n1", Code: "Unavailable"})
			}
			s.begins("publish", "vm", "n1")
			if wrong {
				ends()
			}
			turned(s, "vm", "n2", "FailedPrecondition")
			if !wrong {
				ends()
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wrong := range []bool{false, true} {
				s := begin()
				c.write(s, wrong)
				s.finish()
				want := model.Held
				if wrong {
					want = model.Violated
				}
				r, _ := model.Check(s.header, s.events).Lookup("S11")
				require.Equal(t, want, r.Outcome, r.String())
			}
		})
	}
}

// The page shows the volume that breaks and not the others, with what happened around it.
func TestVisualize(t *testing.T) {
	s := begin()
	s.publish("shared", "n1")
	s.publish("vm", "n1")
	s.call("op-2", trace.Event{Verb: "get", Resource: "nodes", Name: "n9", Code: "Timeout", Fault: "timeout"})
	s.deleteNode("n3")
	restart(s)
	turned(s, "vm", "n2", "OK")
	s.wait(time.Second)
	s.finish()
	var page bytes.Buffer
	require.NoError(t, model.Visualize(&page, s.header, s.events))
	text := page.String()
	require.True(t, strings.HasPrefix(text, "<!DOCTYPE html>") || strings.HasPrefix(text, "<!doctype html>") || strings.HasPrefix(text, "<html"), text[:20])
	for _, part := range []string{"publish of vm on n2: OK", "vm: n1 has it", "timeout of get nodes n9", "crash", "process 2", "leads", "n3 deleted", "converge"} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, text, "publish of shared")
}
