// Package shrink makes the scenario of a finding small: what is left is what the finding needs.
//
// It tries simpler scenarios, one after the other, and keeps each that breaks the same invariant: without some operations,
// without some faults, with volumes and nodes that are one, with plain settings, with a schedule nearer to the plain order. No
// single part can be taken away from what it ends with: it is 1-minimal (Zeller, Hildebrandt: Simplifying and Isolating
// Failure-Inducing Input, IEEE TSE 2002), unless the budget ended before.
//
//	small, err := shrink.Minimize(ctx, shrink.Config{Run: run, Breaks: "S3", Budget: 1000}, finding)
//
// The same finding gives the same scenario, however many runs go on at once.
package shrink

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/report"
)

// Trial is a run of a candidate: what came of it, and if it did not hold, its trace.
type Trial struct {
	Run  report.Run
	Tape []byte
}

// Config says how a finding is made small.
type Config struct {
	// Run runs resolved scenarios, and returns a trial for each, in their order. Report.Run.Turns of one that did not hold are
	// what its strategy took out of order.
	Run func(ctx context.Context, candidates []*scenarios.Scenario) ([]Trial, error)
	// Width is how many candidates Run takes at once; less than 1 means 1. It does not change the result.
	Width int
	// Breaks is the invariant that has to break, or the outcome (crashed, stalled) of a finding that broke none.
	Breaks string
	// Budget bounds the runs; 0 is no bound.
	Budget int
}

// Result is what a finding came to.
type Result struct {
	// Scenario is the smallest one, resolved: it breaks the invariant each time that it is run.
	Scenario *scenarios.Scenario
	// Trial is its run.
	Trial Trial
	// Runs is how many were made, and CPU the processor time that they took.
	Runs int
	CPU  time.Duration
	// Spent means that the budget ended before there was nothing left to try.
	Spent bool
}

// ErrHeld means that the scenario to be made small does not break the invariant, or not each time.
var ErrHeld = errors.New("it does not break the same invariant when it is run again")

// Minimize makes a resolved scenario small. When ctx ends it returns the smallest one by then, with ctx's error.
func Minimize(ctx context.Context, cfg Config, s *scenarios.Scenario) (Result, error) {
	cfg.Width = max(1, cfg.Width)
	m := &minimizer{Config: cfg, ctx: ctx, tried: make(map[string]bool)}
	m.Scenario = s
	if m.try(s.Plain()); m.Trial.Run.Outcome == "" {
		return m.Result, errors.Join(m.err, ErrHeld)
	}
	m.schedule()
	for size := m.size() + 1; m.size() < size && m.going(); {
		size = m.size()
		m.operations()
		m.faults()
		m.world()
		m.settings()
	}
	m.rename()
	m.byLabel()
	m.turns()
	return m.Result, m.err
}

// minimizer is a search under way. Result.Scenario is the smallest scenario so far.
type minimizer struct {
	Config
	Result
	ctx   context.Context
	tried map[string]bool // texts of the candidates that were looked at
	err   error
}

// going reports whether there may be more runs.
func (m *minimizer) going() bool {
	m.Spent = m.Budget > 0 && m.Runs >= m.Budget
	return !m.Spent && m.err == nil
}

// size is what a step towards the minimum makes less.
func (m *minimizer) size() int { return len(text(m.Scenario)) }

// try runs candidates until one breaks the invariant, which then is the smallest scenario so far, and returns its index; -1 if none.
func (m *minimizer) try(candidates ...*scenarios.Scenario) int {
	for from := 0; from < len(candidates) && m.going(); from += m.Width {
		batch := candidates[from:min(from+m.Width, len(candidates))]
		if i := m.batch(batch); i >= 0 {
			return from + i
		}
	}
	return -1
}

// batch is try for as many as run at once.
func (m *minimizer) batch(candidates []*scenarios.Scenario) int {
	var fresh []*scenarios.Scenario
	for _, c := range candidates {
		if !m.tried[text(c)] && c.Validate() == nil {
			fresh = append(fresh, c)
		}
	}
	if len(fresh) == 0 {
		return -1
	}
	trials, err := m.Run(m.ctx, fresh)
	if err != nil {
		m.err = err
		return -1
	}
	m.Runs += len(fresh)
	for _, t := range trials {
		m.CPU += t.Run.CPU
	}
	for i, t := range trials {
		m.tried[text(fresh[i])] = true
		if m.broken(t.Run) {
			m.Scenario, m.Trial = fresh[i], t
			return slices.Index(candidates, fresh[i])
		}
	}
	return -1
}

func text(s *scenarios.Scenario) string { return string(scenarios.Format(s)) }

// broken reports whether a run breaks what it is to break.
func (m *minimizer) broken(r report.Run) bool {
	if string(r.Outcome) == m.Breaks {
		return true
	}
	return slices.ContainsFunc(r.Verdict.Violations(), func(v model.Result) bool { return v.Invariant == m.Breaks })
}

// edit returns a copy of the smallest scenario that f has changed. Lists and what pointers point at are shared: f replaces them.
func (m *minimizer) edit(f func(spec *scenarios.Spec)) *scenarios.Scenario {
	c := *m.Scenario
	f(&c.Spec)
	return &c
}
