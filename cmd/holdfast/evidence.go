package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/model/expression"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// evidence is a trace that is judged again.
type evidence struct {
	path   string
	header trace.Header
	events []trace.Event
}

// readEvidence reads a trace strictly: nobody will run it again to see whether it says what its writer meant.
func readEvidence(path string) (evidence, error) {
	f, err := open(path)
	if err != nil {
		return evidence{}, err
	}
	defer f.Close()
	form, r, err := recognise(path, f)
	switch {
	case err != nil:
		return evidence{}, err
	case form == recordingText:
		return evidence{}, usage("holdfast run "+quoteArg(path)+" replays the recording and judges that", "%s:1:1: a recording, not a trace", path)
	}
	h, events, err := trace.ReadStrict(path, r)
	switch {
	case err != nil && form == traceText:
		return evidence{}, err
	case err != nil:
		return evidence{}, usage("a trace is what holdfast run leaves for each finding; its first line begins with {\"format\":", "%w", err)
	case len(events) == 0:
		return evidence{}, usage("", "%s: the trace has no events", path)
	}
	return evidence{path, h, events}, nil
}

// add judges the trace by more invariants.
func (e *evidence) add(more []scenarios.Invariant) {
	rules, judge := sim.RulesOf(more)
	setup := &e.header.Setup
	for _, r := range rules {
		if i := indexOfRule(setup.Rules, r.Name); i >= 0 {
			setup.Rules[i] = r
		} else {
			setup.Rules = append(setup.Rules, r)
		}
	}
	if len(judge) > 0 {
		setup.Judge = judge
	}
}

func indexOfRule(all []trace.Rule, name string) int {
	for i, r := range all {
		if r.Name == name {
			return i
		}
	}
	return -1
}

// compiles refuses rules of the header that are no rules.
func (e *evidence) compiles() error {
	if len(e.header.Setup.Rules) == 0 {
		return nil
	}
	c, err := expression.NewCompiler()
	if err != nil {
		return &failure{code: exitHarness, err: err}
	}
	for _, r := range e.header.Setup.Rules {
		_, err := c.Compile(expression.Source(r))
		if wrong := new(expression.Problem); errors.As(err, &wrong) {
			hint := wrong.Hint
			wrong.Hint = ""
			return usage(hint, "%s:1: rule %s: %w", e.path, r.Name, wrong)
		}
	}
	return nil
}

// narrow judges only what was asked for. A word may be a name or a title.
func (e *evidence) narrow(asked []string) error {
	if len(asked) == 0 {
		return nil
	}
	e.header.Setup.Judge = nil
	everything := model.New(e.header).Verdict()
	var names []string
	for _, r := range everything.Results {
		names = append(names, r.Invariant)
	}
	for _, word := range asked {
		r, ok := everything.Lookup(word)
		if !ok {
			return usage("it takes S1 to S20, L1 to L10, and the names of rules", "--invariant %q is unknown%s", word, didYouMean(word, names, ""))
		}
		e.header.Setup.Judge = append(e.header.Setup.Judge, r.Invariant)
	}
	return nil
}

// judge makes a run of the trace, as if it had just been run.
func (e *evidence) judge() report.Run {
	h, last := e.header, e.events[len(e.events)-1]
	v := model.Check(h, e.events)
	r := report.Run{
		Scenario: h.Scenario, Seed: h.Seed, Strategy: h.Strategy, System: h.System, Outcome: report.Outcome(v.Outcome()),
		TraceHash: trace.Hash(e.events), Steps: last.Step, Virtual: last.At, Busy: campaign.Busy(e.events), Verdict: v, Tally: v.Tally,
		Trace: e.path, Again: program() + " check " + quoteArg(e.path),
	}
	r.Tell(e.events)
	return r
}

// draw writes the page that shows S11's view of the trace.
func (e *evidence) draw(path string) error {
	var page bytes.Buffer
	if err := model.Visualize(&page, e.header, e.events); err != nil {
		return fmt.Errorf("draw a history: %w", err)
	}
	if err := os.WriteFile(path, page.Bytes(), 0o666); err != nil {
		return fmt.Errorf("save a history: %w", err)
	}
	return nil
}
