package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/shrink"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// shrinkBudget bounds the runs that make one finding small, and shrinkDefault the findings of a campaign to which that is done.
const (
	shrinkBudget  = 2000
	shrinkDefault = 3
)

// newShrink makes the verb that makes a finding small.
func newShrink(known catalog) *cobra.Command {
	s := &settings{known: known}
	var invariant string
	budget := shrinkBudget
	c := &cobra.Command{
		Use:   "shrink TRACE|SCENARIO",
		Short: "Make a finding small: the least that breaks the same invariant",
		Long: `Shrink takes operations, faults, volumes, nodes and settings away, and moves the schedule towards the plain order, as long as
the same invariant breaks. It takes the trace of a finding, or a resolved scenario (one that says by which seed it goes). What is
left is 1-minimal: without any one part of it, the invariant holds.

It prints the smallest scenario, and leaves it in --out, with the trace of its run. The scenario is resolved: holdfast run FILE
repeats it, and keeps doing so after changes of the code, for it tells its faults and its turns by their names.

` + exitCodes,
		Example: "  holdfast shrink holdfast-out/chaos-0x2a.trace\n  holdfast shrink --invariant S3 --budget 500 holdfast-out/chaos-0x2a.trace",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("holdfast shrink holdfast-out/chaos-0x2a.trace", "shrink takes one file, not %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.resolve(c); err != nil {
				return err
			}
			if budget < 0 {
				return usage("0 is no bound", "%s %d is negative", s.called("budget"), budget)
			}
			found, err := finding(args[0], invariant, s)
			if err != nil {
				return err
			}
			return shrinkOne(c, found, s, budget)
		},
	}
	s.flags(c.Flags(), "")
	c.Flags().IntVar(&s.workers, "workers", runtime.NumCPU(), "worker processes")
	c.Flags().StringVar(&invariant, "invariant", "", "what has to break, such as S3; default what the finding broke first")
	c.Flags().IntVar(&budget, "budget", shrinkBudget, "most runs to make; 0 is no bound")
	return c
}

// finding reads the file that shrink is given, as a resolved scenario that says what it breaks.
func finding(path, invariant string, s *settings) (*scenarios.Scenario, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	form, r, err := recognise(path, f)
	if err != nil {
		return nil, err
	}
	var found *scenarios.Scenario
	switch form {
	case recordingText:
		return nil, usage("holdfast run "+quoteArg(path)+" leaves a trace if it finds something", "%s:1:1: a recording, which no run has broken yet", path)
	case traceText:
		h, events, err := trace.Read(path, r)
		if err != nil {
			return nil, err
		}
		if found, err = findingOf(path, h, events, invariant); err != nil {
			return nil, err
		}
	default:
		if found, err = scenarios.Parse(path, r); err != nil {
			return nil, err
		}
		if found.Spec.Resolved == nil {
			return nil, usage("spec.resolved: {seed: 0x2a, breaks: S3} does; or shrink the trace of a finding", "%s: the scenario does not say by which seed it goes", path)
		}
	}
	one := found.Spec.Resolved
	if invariant != "" {
		one.Breaks = invariant
	}
	if s.system != "" {
		one.System = s.system
	}
	if one.System == "" {
		one.System = defaultSystem
	}
	if s.known[one.System] == nil {
		return nil, usage("--system NAME takes one of "+strings.Join(s.known.names(), ", "), "%s: the system %q is not part of this program", path, one.System)
	}
	if one.Breaks == "" {
		return nil, usage("--invariant S3 says so", "%s: the scenario does not say what it breaks", path)
	}
	return found, nil
}

// findingOf makes a resolved scenario of a trace.
func findingOf(path string, h trace.Header, events []trace.Event, invariant string) (*scenarios.Scenario, error) {
	switch {
	case h.Strategy == "pairs", !slices.Contains(strategies(), h.Strategy):
		return nil, usage("holdfast replay "+quoteArg(path), "%s:1:1: a run of the strategy %s is not drawn from a seed, or not the same each time", path, h.Strategy)
	case invariant == "":
		r := report.Run{Outcome: report.Outcome(model.Check(h, events).Outcome()), Verdict: model.Check(h, events)}
		if invariant = target(r); invariant == "" {
			return nil, nothing("--invariant S3, or --invariant crashed, makes it small all the same", "%s: the trace breaks no invariant", path)
		}
	}
	return resolved(path, h, invariant)
}

func shrinkOne(c *cobra.Command, found *scenarios.Scenario, s *settings, budget int) error {
	m, err := newMinimizer(s, budget)
	if err != nil {
		return err
	}
	defer m.pool.Close()
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	x, err := m.minimize(ctx, found)
	switch {
	case errors.Is(err, shrink.ErrHeld):
		return &failure{code: exitHarness, err: fmt.Errorf("%s: %w", found.Spec.Resolved.Breaks, err)}
	case err != nil && !errors.Is(err, context.Canceled):
		return &failure{code: exitHarness, err: err}
	}
	if e := os.MkdirAll(s.out, 0o777); e != nil {
		return fmt.Errorf("make the directory for findings: %w", e)
	}
	fs := findings{dir: s.out}
	base := filepath.Join(s.out, fs.name(report.Run{Scenario: found.Metadata.Name, Seed: found.Spec.Resolved.Seed}))
	least, e := x.save(base)
	if e != nil {
		return e
	}
	if e := tellShrunk(c, s, x, least, base); e != nil {
		return e
	}
	if err != nil {
		return exitWith(exitInterrupted)
	}
	return exitWith(exitFound)
}

// tellShrunk prints what a finding came to.
func tellShrunk(c *cobra.Command, s *settings, x small, least *report.Minimal, base string) error {
	r := x.Trial.Run
	r.Minimal, r.Trace, r.Replay = least, base+".min.trace", replayLine(base+".min.trace")
	out := c.OutOrStdout()
	if s.output == "json" {
		var sum report.Summary
		sum.Add(r)
		return report.NewDocument(&sum, []report.Run{r}).Write(out)
	}
	var text bytes.Buffer
	_ = report.Failure(&text, r) // a bytes.Buffer takes everything
	_, err := fmt.Fprintf(out, "%s\n%s", text.Bytes(), scenarios.Format(x.Scenario))
	return err
}
