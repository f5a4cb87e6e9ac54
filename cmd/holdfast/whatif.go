package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/perturb"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// whatIf is what the verb was told, and what it has found so far.
type whatIf struct {
	*settings
	budget, changes int

	base      *scenarios.Scenario
	reference report.Run
	rings     []ring
	nearest   *neighbour
}

// ring are the neighbours at one distance.
type ring struct {
	Distance   int `json:"distance"`
	Neighbours int `json:"neighbours"`
	Run        int `json:"run"`
	// indices into the changes, for each neighbour that is to be run
	chosen [][]int
}

// neighbour is a scenario near the reference that broke something.
type neighbour struct {
	Changes []string `json:"changes"`
	run     report.Run
	tape    []byte
}

// newWhatIf makes the verb that looks for the nearest failing neighbour.
func newWhatIf(known catalog) *cobra.Command {
	w := &whatIf{settings: &settings{known: known}}
	c := &cobra.Command{
		Use:   "whatif SCENARIO|FILE|RECORDING",
		Short: "Change one thing after the other in a scenario or recording: how near is the next failure?",
		Long: `Whatif runs a scenario once for reference, and then its neighbours: the same with one thing different. A write of the system fails,
is answered to nobody, takes effect later, or the process dies before or after it; a read fails; a watch stands still or breaks while
what it shows changes; at each operation the process, its leadership or the API server goes away, or the operation comes later. What
could have no influence is left out. Then come neighbours that differ in two things, as far as the budget goes.

It reports the nearest neighbour that breaks an invariant, by the number of changes and then by how far they move something in time, or
that none was found, and how much of each distance was looked at.

` + exitCodes,
		Example: "  holdfast whatif node-deleted\n  holdfast whatif --budget 10000 --system example-buggy cluster.audit.log",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("holdfast whatif node-deleted", "whatif takes one scenario or recording, not %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := w.resolve(c); err != nil {
				return err
			}
			if err := w.load(args[0], c); err != nil {
				return err
			}
			return w.run(c)
		},
	}
	w.flags(c.Flags(), defaultSystem)
	c.Flags().StringVar(&w.seed, "seed", "", "seed of what the scenario leaves open, decimal or 0x and hexadecimal; default 1, or the scenario's own")
	c.Flags().IntVar(&w.workers, "workers", runtime.NumCPU(), "worker processes")
	c.Flags().IntVar(&w.budget, "budget", 2000, "most runs to make")
	c.Flags().IntVar(&w.changes, "changes", 2, "most changes at once: 1 or 2")
	return c
}

// load reads the scenario, and makes it one that goes one way.
func (w *whatIf) load(arg string, c *cobra.Command) error {
	switch {
	case w.budget < 1:
		return usage("", "%s %d is less than 1", w.called("budget"), w.budget)
	case w.changes != 1 && w.changes != 2:
		return usage("", "%s %d is neither 1 nor 2", w.called("changes"), w.changes)
	}
	var err error
	if w.base, err = theScenario(arg, c.InOrStdin()); err != nil {
		return err
	}
	one := scenarios.Resolved{Seed: defaultSeed, System: w.system}
	if w.base.Spec.Resolved != nil {
		one.Seed, one.Strategy = w.base.Spec.Resolved.Seed, w.base.Spec.Resolved.Strategy
	}
	if w.seed != "" {
		span, _, err := parseSpan(w.seed, "", w.called)
		if err != nil {
			return err
		}
		one.Seed = span.from
	}
	w.base.Spec.Resolved = &one
	w.base = w.base.Plain()
	return nil
}

func (w *whatIf) job(s *scenarios.Scenario) campaign.Job {
	r := s.Defaults().Spec.Resolved
	return campaign.Job{System: w.system, Scenario: s.Metadata.Name, Source: string(scenarios.Format(s)), Seed: r.Seed, Strategy: r.Strategy}
}

func (w *whatIf) run(c *cobra.Command) error {
	m, err := newMinimizer(w.settings, shrinkBudget)
	if err != nil {
		return err
	}
	defer m.pool.Close()
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	changes, err := w.refer(ctx, m)
	if err != nil {
		return err
	}
	if w.nearest == nil {
		err = w.search(ctx, c, changes)
	}
	if w.nearest != nil && ctx.Err() == nil {
		err = errors.Join(err, w.keep(ctx, m))
	}
	if e := w.tell(c); e != nil {
		return e
	}
	switch {
	case ctx.Err() != nil:
		return exitWith(exitInterrupted)
	case err != nil:
		return &failure{code: exitHarness, err: err}
	case w.nearest != nil:
		return exitWith(exitFound)
	}
	return nil
}

// refer runs the reference, and returns what may be different from it.
func (w *whatIf) refer(ctx context.Context, m *minimizer) ([]perturb.Change, error) {
	job := w.job(w.base)
	job.KeepTape = true
	found, err := m.pool.Do(ctx, []campaign.Job{job})
	switch {
	case ctx.Err() != nil:
		return nil, exitWith(exitInterrupted)
	case err != nil:
		return nil, &failure{code: exitHarness, err: err}
	}
	w.reference = found[0].Run
	_, events, err := trace.Read("tape", bytes.NewReader(found[0].Tape))
	if w.reference.Outcome.Finding() {
		w.nearest = &neighbour{run: w.reference, tape: found[0].Tape}
		return nil, nil
	}
	if err != nil {
		return nil, &failure{code: exitHarness, err: err}
	}
	return perturb.Changes(w.base, events), nil
}

// search runs the neighbours, the nearest first, until one breaks something.
func (w *whatIf) search(ctx context.Context, c *cobra.Command, changes []perturb.Change) error {
	command, err := workerCommand()
	if err != nil {
		return err
	}
	w.plan(len(changes))
	var order [][]int
	for _, r := range w.rings {
		order = append(order, r.chosen...)
	}
	progress := newProgress(c.ErrOrStderr(), len(order))
	defer progress.end()
	err = campaign.Run(ctx, campaign.Config{
		Workers: w.workers, Command: command, Stall: w.stall, FailFast: true, Judge: model.Check,
		Each: func(f campaign.Finding) {
			w.rings[len(order[f.Index])-1].Run++
			if f.Run.Outcome.Finding() {
				w.nearest = &neighbour{run: f.Run, tape: f.Tape}
				for _, i := range order[f.Index] {
					w.nearest.Changes = append(w.nearest.Changes, changes[i].What)
				}
			}
			progress.add(f.Run.Outcome.Finding(), nil)
		},
	}, len(order), func(i int) campaign.Job { return w.job(w.neighbour(changes, order[i])) })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (w *whatIf) neighbour(changes []perturb.Change, which []int) *scenarios.Scenario {
	var some []perturb.Change
	for _, i := range which {
		some = append(some, changes[i])
	}
	return perturb.Apply(w.base, some...)
}

// plan chooses the neighbours to run: all at distance 1, and of those at distance 2 as many as the budget has left, drawn evenly.
func (w *whatIf) plan(n int) {
	one := ring{Distance: 1, Neighbours: n}
	for i := range min(n, w.budget) {
		one.chosen = append(one.chosen, []int{i})
	}
	w.rings = append(w.rings, one)
	if w.changes < 2 {
		return
	}
	two := ring{Distance: 2, Neighbours: n * (n - 1) / 2}
	draw := rand.New(rand.NewPCG(1, 0))
	taken := make(map[[2]int]bool)
	for left := min(w.budget-len(one.chosen), two.Neighbours); left > 0; {
		i, j := draw.IntN(n), draw.IntN(n)
		if i > j {
			i, j = j, i
		}
		if i == j || taken[[2]int{i, j}] {
			continue
		}
		taken[[2]int{i, j}] = true
		two.chosen = append(two.chosen, []int{i, j})
		left--
	}
	w.rings = append(w.rings, two)
}

// keep saves the neighbour that broke something, and makes it small.
func (w *whatIf) keep(ctx context.Context, m *minimizer) error {
	r := &w.nearest.run
	fs := findings{dir: w.out}
	if err := fs.save(r, w.nearest.tape); err != nil {
		return err
	}
	if target(*r) == "" {
		return nil
	}
	_, err := m.beside(ctx, r, w.nearest.tape)
	return err
}

// tell writes the report.
func (w *whatIf) tell(c *cobra.Command) error {
	out := c.OutOrStdout()
	if w.output == "json" {
		return writeJSON(out, w.document())
	}
	if w.nearest != nil {
		if err := report.Failure(out, w.nearest.run); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		fmt.Fprintln(out)
	}
	r := w.reference
	fmt.Fprintf(out, "reference: %s, seed %#x: %s in %d steps\n", r.Scenario, r.Seed, r.Outcome, r.Steps)
	runs := 1
	for _, x := range w.rings {
		runs += x.Run
		fmt.Fprintf(out, "distance %d: %d neighbours, %d run\n", x.Distance, x.Neighbours, x.Run)
	}
	switch n := w.nearest; {
	case n == nil:
		fmt.Fprintf(out, "\nno failing neighbour found in %d runs\n", runs)
	case len(n.Changes) == 0:
		fmt.Fprintln(out, "\nthe scenario breaks without any change")
	default:
		fmt.Fprintf(out, "\nnearest failing neighbour, at distance %d:\n  %s\n", len(n.Changes), strings.Join(n.Changes, "\n  "))
	}
	return nil
}

// document is the report in JSON.
func (w *whatIf) document() any {
	var sum report.Summary
	listed := []report.Run{w.reference}
	sum.Add(w.reference)
	if w.nearest != nil && len(w.nearest.Changes) > 0 {
		sum.Add(w.nearest.run)
		listed = append(listed, w.nearest.run)
	}
	return map[string]any{
		"apiVersion": "holdfast.dev/v1alpha1", "kind": "WhatIf", "distances": w.rings, "nearest": w.nearest, "results": report.NewDocument(&sum, listed).Results,
	}
}
