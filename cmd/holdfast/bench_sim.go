package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/benchmarks/report"
	"github.com/holdfast-sim/holdfast/benchmarks/speed"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	simreport "github.com/holdfast-sim/holdfast/sim/report"
)

// benchSim measures the simulation itself.
type benchSim struct {
	studyOptions
	plan speed.Plan
}

// newBenchSim makes the verb that measures how fast the simulation is.
func newBenchSim() *cobra.Command {
	b := &benchSim{plan: speed.Plan{Machines: []int{1, 10, 100}, Idle: []int{0, 1_000}}}
	c := &cobra.Command{
		Use:   "sim",
		Short: "Measure how fast the simulation itself is",
		Long: `Sim measures the simulation through the whole stack: the processor time of a step while machines are started and stopped, of a run in which
nothing is asked for, and of an hour in which nothing happens. The runs are made in a worker process, as those of a campaign are.`,
		Example: "  holdfast bench sim\n  holdfast bench sim --machines 10 --idle 0,10000 -o json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	f := c.Flags()
	f.IntSliceVar(&b.plan.Machines, "machines", b.plan.Machines, "numbers of machines that are started and stopped")
	f.IntSliceVar(&b.plan.Idle, "idle", b.plan.Idle, "numbers of volumes that are attached while nothing happens")
	b.flags(f)
	return c
}

func (b *benchSim) check() error {
	switch {
	case slices.ContainsFunc(b.plan.Machines, func(n int) bool { return n < 1 }):
		return usage("", "--machines must be numbers from 1 on")
	case slices.ContainsFunc(b.plan.Idle, func(n int) bool { return n < 0 }):
		return usage("", "--idle must be numbers from 0 on")
	}
	return b.studyOptions.check()
}

func (b *benchSim) run(c *cobra.Command) error {
	if err := b.check(); err != nil {
		return err
	}
	command, err := workerCommand()
	if err != nil {
		return err
	}
	profiled := func() *exec.Cmd {
		w := command()
		if b.profile != "" {
			w.Args = append(w.Args, "--"+profileFlag, b.profile)
		}
		return w
	}
	pool := campaign.NewPool(campaign.Config{Workers: 1, Command: profiled, Stall: time.Minute})
	defer pool.Close()
	b.plan.Do = func(ctx context.Context, s *scenarios.Scenario) (speed.Spent, error) { return spend(ctx, pool, s) }
	return b.study(c, b.plan.Trials(), func(ctx context.Context, each func()) ([]study.Row, error) {
		b.plan.Rounds = b.rounds
		b.plan.Each = func(int, int) { each() }
		return b.plan.Run(ctx)
	}, b.summary)
}

var errNotHeld = errors.New("a run that is measured has a finding")

// runOnce runs a scenario on the built-in driver, as a job that says how.
func runOnce(ctx context.Context, pool *campaign.Pool, s *scenarios.Scenario, how campaign.Job) (campaign.Finding, error) {
	how.System, how.Scenario, how.Source = defaultSystem, s.Metadata.Name, string(scenarios.Format(s))
	found, err := pool.Do(ctx, []campaign.Job{how})
	if err != nil {
		return campaign.Finding{}, err
	}
	return found[0], nil
}

// spend runs a scenario that is to hold, and tells what that took.
func spend(ctx context.Context, pool *campaign.Pool, s *scenarios.Scenario) (speed.Spent, error) {
	f, err := runOnce(ctx, pool, s, campaign.Job{Seed: 1})
	if err != nil {
		return speed.Spent{}, err
	}
	r := f.Run
	if r.Outcome != sim.Held {
		return speed.Spent{}, fmt.Errorf("%w: %s", errNotHeld, r.Outcome)
	}
	return speed.Spent{CPU: r.CPU, Steps: r.Steps}, nil
}

// summary tells the same in the units in which it is spoken of.
func (b *benchSim) summary(c *cobra.Command, d *report.Document) {
	out := c.OutOrStdout()
	fmt.Fprintln(out)
	for _, r := range d.Rows {
		switch r.Unit {
		case speed.UnitStep:
			fmt.Fprintf(out, "%s machines: %s steps per CPU second\n", simreport.Number(float64(r.Attachments)), simreport.Number(1e9/r.Median))
		case speed.UnitHour:
			fmt.Fprintf(out, "%s attachments, idle: virtual time goes %s times as fast as the processor's\n", simreport.Number(float64(r.Attachments)), simreport.Number(float64(time.Hour)/r.Median))
		}
	}
}
