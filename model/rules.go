package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/model/expression"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// rulebook judges the user's own invariants. They are asked when a step has settled in which something changed that a rule can
// see, and what looks at the time also just before the next such step, so that a bound on an age is not missed because what
// ended it came in one step.
type rulebook struct {
	rules []*userRule
	view  view
	last  moment            // before the present step, if that moved the time
	asked time.Duration     // when rules about time were last asked
	now   *expression.State // at the last change; nil before the first
	led   *proc             // the leader whose memory was known then
}

// userRule is one of them at work.
type userRule struct {
	ruling
	program *expression.Program // nil if the rule does not compile
	judged  bool                // it was asked
	failing bool                // and its last answer was no
	over    bool                // it costs too much, and is not asked any more
	before  *expression.State   // at the change before the last one
	now     *expression.State   // at the last change at which it was asked
}

// rulePart is the one part of a user's rule, and ruleTitle its title.
const (
	rulePart  = "rule"
	ruleTitle = "rule of the scenario"
)

// addRules compiles the rules of a trace's set-up. One that does not compile is inconclusive: a trace may be edited by hand.
func (c *Checker) addRules(setup trace.Setup) {
	if len(setup.Rules) == 0 {
		return
	}
	b := &rulebook{view: view{ready: make(map[string]bool), touched: make(map[string]int)}}
	compiler, err := expression.NewCompiler()
	if err != nil {
		panic("model: no rule can be judged: " + err.Error())
	}
	for _, text := range setup.Rules {
		inv := Invariant{Name: text.Name, Title: ruleTitle, Text: text.Rule, Why: text.Message, Source: "the scenario"}
		r := &userRule{}
		r.program, err = compiler.Compile(expression.Source(text))
		if err != nil {
			r.parts = []Part{{Name: rulePart, Outcome: Inconclusive, Reason: "the rule does not compile: " + firstLine(err)}}
		} else if r.judge(c.state, rulePart, r.program.Needs()...) {
			b.rules = append(b.rules, r)
			b.view.sees(r.program)
		}
		c.invs, c.rules = append(c.invs, inv), append(c.rules, r)
	}
	if len(b.rules) == 0 {
		return
	}
	c.settlers, c.tickers = append(c.settlers, b), append(c.tickers, b)
	for _, k := range []trace.Kind{trace.Change, trace.World, trace.Belief, trace.Process, trace.Phase, trace.Op, trace.Return, trace.Trouble} {
		c.byKind[k] = append(c.byKind[k], b)
	}
}

// asked reports whether an invariant is one that decides the verdict. What is not asked for works all the same, for the rules
// of the oracle share their picture of the world.
func (c *Checker) asked(i int) bool {
	judge := c.state.setup.Judge
	return len(judge) == 0 || slices.Contains(judge, c.invs[i].Name)
}

// notAsked is the reason of what was not asked for. A scenario asks for all of its own rules: they need no mention then.
func notAsked(setup trace.Setup) string {
	var names, rules []string
	for _, name := range setup.Judge {
		if slices.ContainsFunc(setup.Rules, func(r trace.Rule) bool { return r.Name == name }) {
			rules = append(rules, name)
		} else {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(rules) < len(setup.Rules) {
		names = append(names, rules...)
	}
	return "asked for is only " + strings.Join(names, ", ")
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (b *rulebook) ruled() *ruling { return &ruling{} }

func (b *rulebook) end(*state) {}

func (b *rulebook) step(_ *state, e *trace.Event) { b.view.note(e) }

// tick asks the rules about time about what goes on unchanged, once a second. The last instant before the next step counts.
func (b *rulebook) tick(s *state, now time.Duration) {
	b.last = s.now
	if now-b.asked >= time.Second {
		b.askLater(s, now-1)
	}
}

// settle asks all rules about what has changed.
func (b *rulebook) settle(s *state) {
	led := s.leader
	if led != nil && led.rebuilding {
		led = nil
	}
	if !b.view.dirty && led == b.led || s.phase == "setup" || s.phase == "" {
		return
	}
	b.askLater(s, s.now.at-1)
	b.view.dirty, b.led = false, led
	b.now, b.asked = b.view.state(s, led), s.now.at
	for _, r := range b.rules {
		if led == nil && slices.Contains(r.program.Needs(), "believer") {
			continue // nobody's memory is known
		}
		r.before, r.now = r.now, b.now
		b.ask(r, b.now, s.now)
	}
}

// askLater asks the rules about time about the state at the last change as it is at a later time.
func (b *rulebook) askLater(s *state, at time.Duration) {
	if b.now == nil || at <= b.asked {
		return
	}
	b.asked = at
	later := *b.now
	later.Elapsed = at
	later.Now = time.Unix(0, s.wall()-int64(s.now.at-at)).UTC()
	for _, r := range b.rules {
		if r.now == b.now && (r.program.Mentions("now") || r.program.Mentions("elapsed")) {
			b.ask(r, &later, moment{b.last.step, at})
		}
	}
}

// ask asks one rule. That it goes on to be false is no further violation.
func (b *rulebook) ask(r *userRule, now *expression.State, when moment) {
	if r.over || r.before == nil && r.program.Mentions("old") {
		return
	}
	r.judged = true
	holds, err := r.program.Holds(now, r.before)
	switch {
	case errors.Is(err, expression.ErrCost):
		r.over = true
		r.unanswered(rulePart, fmt.Sprintf("%s (step %d)", err, when.step))
	case err != nil:
		r.puzzled(err, when)
	case !holds && !r.failing:
		r.fail(b, now, when)
	}
	r.failing = err == nil && !holds
}

// puzzled notes the first error of a rule.
func (r *userRule) puzzled(err error, when moment) {
	if r.parts[0].Reason == "" {
		r.unanswered(rulePart, fmt.Sprintf("%s (step %d)", err, when.step))
	}
}

func (r *userRule) fail(b *rulebook, now *expression.State, when moment) {
	r.set(rulePart, Violated, "")
	if r.first != nil {
		r.more++
		return
	}
	why := r.program.Explain(now, r.before)
	r.first = &finding{when: when, message: why.Message, witnesses: append(orderedSteps(b.view.witnesses(why.About), when.step), when.step)}
}

// end says of a rule that was never asked that it has no answer: it would hold of anything.
func (r *userRule) end(*state) {
	if r.program != nil && !r.judged {
		r.unanswered(rulePart, "there was no point at which it could be judged")
	}
}
