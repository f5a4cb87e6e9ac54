package model

import (
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Checker judges a trace while it grows. It belongs to one goroutine.
type Checker struct {
	state    *state
	invs     []Invariant
	rules    []rule // nil where this build has no rule
	settlers []settler
	tickers  []ticker
	byKind   map[trace.Kind][]rule
	event    trace.Event // the one that is taken in; kept here so that a step allocates nothing for it
	scenes   scenes
	cut      bool // the run was cut short: what comes now is its end, and no behaviour of the system
	done     bool
	verdict  Verdict
}

// New returns a Checker for the trace that begins with a header.
func New(h trace.Header) *Checker {
	c := &Checker{state: newState(h), invs: Invariants(), byKind: make(map[trace.Kind][]rule), scenes: scenes{seen: make(map[Scene]bool)}}
	for _, inv := range c.invs {
		if inv.build == nil {
			c.rules = append(c.rules, nil)
			continue
		}
		r := inv.build(c.state)
		c.rules = append(c.rules, r)
		for _, k := range inv.kinds {
			c.byKind[k] = append(c.byKind[k], r)
		}
		if x, ok := r.(settler); ok {
			c.settlers = append(c.settlers, x)
		}
		if x, ok := r.(ticker); ok {
			c.tickers = append(c.tickers, x)
		}
	}
	c.addRules(h.Setup)
	return c
}

// Cut is the phase of a run that has run out of steps: everything that is still under way is broken off.
const Cut = "cut"

// Check judges a whole trace.
func Check(h trace.Header, events []trace.Event) Verdict {
	c := New(h)
	for _, e := range events {
		c.Step(e)
	}
	return c.Verdict()
}

// Step takes the next event in. Events come in the order of the trace.
func (c *Checker) Step(e trace.Event) {
	s := c.state
	if c.cut = c.cut || e.Kind == trace.Phase && e.Name == Cut; c.cut {
		return
	}
	if e.Step != s.now.step || e.At > s.now.at { // a phase may begin in the last step, and later
		c.settle()
	}
	if e.At > s.now.at {
		for _, t := range c.tickers {
			t.tick(s, e.At)
		}
		s.advance(e.At)
	}
	s.now.step = e.Step
	c.event = e
	s.open(&c.event)
	c.scenes.before(s, &c.event)
	s.take(&c.event)
	for _, r := range c.byKind[e.Kind] {
		r.step(s, &c.event)
	}
}

// settle judges the step that has ended as a whole.
func (c *Checker) settle() {
	s := c.state
	if len(s.changes) > 0 {
		s.settleChanges()
	}
	for _, r := range c.settlers {
		r.settle(s)
	}
	s.changes, s.removals, s.moves = s.changes[:0], s.removals[:0], s.moves[:0]
	c.scenes.settle(s)
}

// Violated reports whether any invariant is violated so far.
func (c *Checker) Violated() bool {
	for i, r := range c.rules {
		if r != nil && r.ruled().first != nil && c.asked(i) {
			return true
		}
	}
	return false
}

// Tally returns what happened so far, by name.
func (c *Checker) Tally() Tally { return c.state.counts.tally() }

// Reach returns which calls there were so far, and which faults met them.
func (c *Checker) Reach() Reach { return c.state.reached.reach() }

// Scenes returns the scenes that the trace went through so far, in the order of their first appearance.
func (c *Checker) Scenes() []Scene { return c.scenes.all }

// Verdict ends the trace and judges it. No event can be taken in after that.
func (c *Checker) Verdict() Verdict {
	if c.done {
		return c.verdict
	}
	c.done = true
	c.settle()
	unfinished := ""
	if !c.state.ended {
		unfinished = "the trace ends before the run did"
		if c.state.phase != "" {
			unfinished = "the trace ends in phase " + c.state.phase
		}
	}
	for i, r := range c.rules {
		inv := c.invs[i]
		if !c.asked(i) {
			c.verdict.Results = append(c.verdict.Results, Result{Invariant: inv.Name, Title: inv.Title, Outcome: NotJudged, Reason: notAsked(c.state.setup)})
			continue
		}
		if r == nil {
			c.verdict.Results = append(c.verdict.Results, Result{Invariant: inv.Name, Title: inv.Title, Outcome: NotJudged, Reason: inv.missing})
			continue
		}
		r.end(c.state)
		c.verdict.Results = append(c.verdict.Results, r.ruled().result(inv, unfinished))
	}
	c.verdict.Tally = c.Tally()
	return c.verdict
}
