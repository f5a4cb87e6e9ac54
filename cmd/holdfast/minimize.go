package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/shrink"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// minimizer makes findings small, with workers of its own.
type minimizer struct {
	pool   *campaign.Pool
	budget int
}

func newMinimizer(s *settings, budget int) (*minimizer, error) {
	command, err := workerCommand()
	if err != nil {
		return nil, err
	}
	return &minimizer{
		pool:   campaign.NewPool(campaign.Config{Workers: s.workers, Command: command, Stall: s.stall, Judge: model.Check}),
		budget: budget,
	}, nil
}

// small is what became of a finding.
type small struct {
	shrink.Result
	found *scenarios.Scenario // as it was before
	wall  time.Duration
}

// target is what a finding broke first, in a word of shrink.Config; "" if nothing can be made of it: a stall takes too long to meet again
// and again, and a race of the detector's is not the same each time.
func target(r report.Run) string {
	vs := r.Verdict.Violations()
	switch {
	case r.Strategy == "pairs" || r.Outcome == report.Stalled || r.Fault:
		return ""
	case len(vs) > 0:
		return vs[0].Invariant
	case r.Outcome == report.Crashed:
		return string(report.Crashed)
	}
	return ""
}

// resolved is the scenario of a trace, as one that goes the same way each time.
func resolved(path string, h trace.Header, breaks string) (*scenarios.Scenario, error) {
	s, err := scenarios.Parse(path, strings.NewReader(h.Source))
	if err != nil {
		return nil, fmt.Errorf("the scenario in the trace: %w", err)
	}
	if s.Spec.Resolved == nil {
		s.Spec.Resolved = &scenarios.Resolved{Seed: h.Seed, Strategy: h.Strategy}
	}
	r := *s.Spec.Resolved
	r.System, r.Breaks = h.System, breaks
	s.Spec.Resolved = &r
	return s, nil
}

// minimize makes a resolved scenario small.
func (m *minimizer) minimize(ctx context.Context, s *scenarios.Scenario) (small, error) {
	begun := time.Now()
	r := s.Spec.Resolved
	result, err := shrink.Minimize(ctx, shrink.Config{
		Run: func(ctx context.Context, candidates []*scenarios.Scenario) ([]shrink.Trial, error) {
			return m.run(ctx, r.System, candidates)
		},
		Width: m.pool.Size(), Breaks: r.Breaks, Budget: m.budget,
	}, s)
	return small{Result: result, found: s, wall: time.Since(begun)}, err
}

func (m *minimizer) run(ctx context.Context, system string, candidates []*scenarios.Scenario) ([]shrink.Trial, error) {
	jobs := make([]campaign.Job, len(candidates))
	for i, c := range candidates {
		r := c.Defaults().Spec.Resolved
		jobs[i] = campaign.Job{
			System: system, Scenario: c.Metadata.Name, Source: string(scenarios.Format(c)), Seed: r.Seed, Strategy: r.Strategy, Turns: true,
		}
	}
	found, err := m.pool.Do(ctx, jobs)
	trials := make([]shrink.Trial, len(found))
	for i, f := range found {
		trials[i] = shrink.Trial{Run: f.Run, Tape: f.Tape}
	}
	return trials, err
}

// beside makes a finding small that has been saved, and saves what it comes to beside it.
func (m *minimizer) beside(ctx context.Context, r *report.Run, tape []byte) (*scenarios.Scenario, error) {
	h, _, err := trace.Read(r.Trace, bytes.NewReader(tape))
	if err != nil && h.Source == "" {
		return nil, err
	}
	s, err := resolved(r.Trace, h, target(*r))
	if err != nil {
		return nil, err
	}
	x, err := m.minimize(ctx, s)
	if err != nil {
		return nil, err
	}
	r.Minimal, err = x.save(strings.TrimSuffix(r.Trace, ".trace"))
	return x.Scenario, err
}

// save writes the small scenario and its trace beside the finding's own files, and returns what the report says of it.
func (x small) save(base string) (*report.Minimal, error) {
	path := base + ".min.yaml"
	if err := os.WriteFile(path, scenarios.Format(x.Scenario), 0o666); err != nil {
		return nil, fmt.Errorf("save a scenario: %w", err)
	}
	if err := os.WriteFile(base+".min.trace", x.Trial.Tape, 0o666); err != nil {
		return nil, fmt.Errorf("save a trace: %w", err)
	}
	return x.minimal(path), nil
}

func (x small) minimal(path string) *report.Minimal {
	was, is := x.found.Spec, x.Scenario.Spec
	r := &report.Minimal{
		Operations: len(is.Timeline), OperationsBefore: len(was.Timeline), Faults: len(is.Faults), FaultsBefore: len(was.Faults), Turns: len(is.Turns),
		Runs: x.Runs, CPU: x.CPU, Wall: x.wall, Spent: x.Spent, Path: path, Again: program() + " run " + quoteArg(path),
	}
	if is.Resolved.Strategy != "" {
		r.Schedule = is.Resolved.Strategy
	}
	run := x.Trial.Run
	if _, events, err := trace.Read(path, bytes.NewReader(x.Trial.Tape)); err == nil { // a crash may have cut it
		run.Tell(events)
	}
	r.Story, r.Step = run.Story, run.First().Step
	return r
}
