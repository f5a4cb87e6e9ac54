package model_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// reached names the marks that a script reaches.
func (s *script) reached() (names []string) {
	c := model.New(s.header)
	for _, e := range s.events {
		c.Step(e)
	}
	c.Verdict()
	for _, m := range model.Marks() {
		if slices.ContainsFunc(c.Scenes(), m.In) {
			names = append(names, m.Name)
		}
	}
	return names
}

func (s *script) lifecycle(verb string) {
	s.op++
	s.point(trace.Event{Kind: trace.Op, Op: s.op, Proc: s.proc, Actor: "lifecycle", Verb: verb})
}

func (s *script) crash() { s.point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "crash"}) }

func TestMarks(t *testing.T) {
	const later = graceful + time.Second
	for _, c := range []struct {
		mark    string
		reaches bool
		tell    func(s *script)
	}{
		{"grace-stop-pending", true, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1"); s.lifecycle("stop") }},
		{"grace-stop-pending", false, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1"); s.wait(later); s.lifecycle("stop") }},
		{"grace-stop-pending", false, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n2"); s.lifecycle("stop") }},
		{"grace-crash", true, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1"); s.crash() }},
		{"grace-crash", false, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1"); s.wait(later); s.crash() }},
		{"grace-without-leader", true, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1"); s.crash() }},
		{"grace-clock-jumps", true, func(s *script) {
			s.publish("vm", "n1")
			s.deleteNode("n1")
			s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "clockStep"})
			s.see(trace.Event{Kind: trace.Trouble, Verb: "clockStep", Limit: time.Hour})
		}},
		{"grace-reborn", true, func(s *script) {
			s.publish("vm", "n1")
			s.deleteNode("n1")
			s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "createNode", Node: "n1"})
			s.createNode("n1", "another")
		}},
		{"gone-in-pass", true, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1"); s.wait(later); s.pass(func() {}) }},
		{"gone-in-pass", false, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1"); s.pass(func() {}) }},
		{"publish-target-gone", true, func(s *script) { s.begins("publish", "vm", "n1"); s.deleteNode("n1") }},
		{"publish-target-gone", false, func(s *script) { s.publish("vm", "n1"); s.deleteNode("n1") }},
		{"crash-granted-unanswered", true, func(s *script) { s.grant(s.begins("publish", "vm", "n1"), "vm", "n1", 1); s.crash() }},
		{"crash-granted-unanswered", false, func(s *script) { s.begins("publish", "vm", "n1"); s.crash() }},
		{"crash-granted-unanswered", false, func(s *script) { s.publish("vm", "n1"); s.crash() }},
		{"publish-and-unpublish", true, func(s *script) { s.begins("publish", "vm", "n1"); s.begins("unpublish", "vm", "n2") }},
		{"publish-and-unpublish", false, func(s *script) { s.begins("publish", "vm", "n1"); s.begins("unpublish", "shared", "n2") }},
		{"migration-crash", true, func(s *script) { s.publish("shared", "n1"); s.publish("shared", "n2"); s.crash() }},
		{"migration-crash", false, func(s *script) { s.publish("shared", "n1"); s.crash() }},
		{"migration-overdue", true, func(s *script) {
			s.publish("shared", "n1")
			s.publish("shared", "n2")
			s.wait(6 * time.Minute)
			s.pass(func() {})
		}},
		{"machine-off-wanted-elsewhere", true, func(s *script) {
			s.publish("vm", "n1")
			s.wish("vm", "n2")
			s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "killMachine", Node: "n1"})
			s.see(trace.Event{Kind: trace.World, Verb: "machineDown", Node: "n1"})
		}},
	} {
		s := begin()
		c.tell(s)
		if c.reaches {
			require.Contains(t, s.reached(), c.mark)
		} else {
			require.NotContains(t, s.reached(), c.mark)
		}
	}
}

func TestAQuietRunReachesNoMark(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.unpublish("vm", "n1")
	s.pass(func() {})
	require.Empty(t, s.reached())
}

func TestMarksAreDeclaredOnce(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range model.Marks() {
		require.False(t, seen[m.Name], m.Name)
		seen[m.Name] = true
		require.NotEmpty(t, m.Leads, m.Name)
		require.False(t, m.In(0), "%s is reached by everything", m.Name)
	}
}

// A trouble that meets a state makes it no other state.
func TestStatesLeaveTroublesOut(t *testing.T) {
	states := func(tell func(s *script)) map[model.Scene]bool {
		s := begin()
		s.publish("vm", "n1")
		tell(s)
		c := model.New(s.header)
		for _, e := range s.events {
			c.Step(e)
		}
		c.Verdict()
		found := make(map[model.Scene]bool)
		for _, scene := range c.Scenes() {
			found[scene.State()] = true
		}
		return found
	}
	quiet := states(func(*script) {})
	require.Equal(t, quiet, states(func(s *script) {
		s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "clockStep"})
		s.see(trace.Event{Kind: trace.Trouble, Verb: "clockStep", Limit: time.Hour})
	}))
	require.NotEqual(t, quiet, states(func(s *script) { s.deleteNode("n1") }))
}
