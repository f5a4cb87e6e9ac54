package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/benchmarks/capacity"
	"github.com/holdfast-sim/holdfast/benchmarks/chart"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// benchCapacity asks how many volumes a minute can be published.
type benchCapacity struct {
	plan    capacity.Plan
	output  string
	plot    string
	seed    string
	atLeast float64
}

// newBenchCapacity makes the verb that finds the largest rate of publishes.
func newBenchCapacity() *cobra.Command {
	b := &benchCapacity{}
	c := &cobra.Command{
		Use:   "capacity",
		Short: "Find how many volumes a minute can be published before it takes too long",
		Long: `Capacity finds the largest rate at which volumes can be asked for, so that the slowest hundredth of publishes, and what is left at the end, are
done within the deadline. All is in virtual time: the answer is exact for the seed, on any machine. It depends on what a request takes, on the
driver's own limit of requests, and on how many calls the sidecar makes at once.

The rate doubles until it is too much, and then the gap is halved. From the first trial the study predicts how a backlog grows above the ceiling,
and a longer simulation tests that.

Exit codes:
  0    measured
  1    the largest rate is below --at-least
  2    usage, or output
  130  interrupted`,
		Example: "  holdfast bench capacity\n  holdfast bench capacity --latency 100ms --qps 20 --plot capacity.svg\n  holdfast bench capacity --at-least 500 -o json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	f := c.Flags()
	f.DurationVar(&b.plan.Latency, "latency", 100*time.Millisecond, "virtual time that each request takes")
	f.Float64Var(&b.plan.QPS, "qps", 20, "requests a second to the API server that the driver allows itself; 0 is no limit")
	f.IntVar(&b.plan.Burst, "burst", 0, "how many of them at once after a pause (default twice the QPS)")
	f.IntVar(&b.plan.Workers, "workers", 10, "calls that the sidecar has in flight at the most; 0 is no limit")
	f.DurationVar(&b.plan.Deadline, "deadline", 15*time.Second, "bound of publish p99, and of the time to converge")
	f.DurationVar(&b.plan.Window, "window", 5*time.Minute, "virtual time during which volumes are asked for")
	f.Float64Var(&b.plan.From, "from", 60, "smallest rate that is tried, in volumes a minute")
	f.Float64Var(&b.plan.To, "to", 4000, "largest one")
	f.Float64Var(&b.plan.Precision, "precision", 0.05, "gap between what is kept and what is not: 0.05 is a twentieth")
	f.Float64Var(&b.atLeast, "at-least", 0, "fail if the largest rate that is kept is less")
	f.StringVar(&b.seed, "seed", "1", "seed of the arrivals and of the runs")
	f.StringVarP(&b.output, "output", "o", "text", "form of the answer on stdout: text or json")
	f.StringVar(&b.plot, "plot", "", "NAME.svg or NAME.png: draws NAME-latency and NAME-backlog; the numbers come beside them as .csv")
	return c
}

var capacityOutputs = [...]string{"text", "json"}

func (b *benchCapacity) check() error {
	p := &b.plan
	switch {
	case p.Latency < 0:
		return usage("", "--latency %v is negative", p.Latency)
	case !(p.QPS >= 0 && p.QPS <= 1e6):
		return usage("a number from 0 to a million; 0 is no limit", "--qps %g is no rate", p.QPS)
	case p.Burst < 0 || p.Burst > 0 && p.QPS == 0:
		return usage("it goes with --qps", "--burst %d is no burst", p.Burst)
	case p.Workers < 0:
		return usage("", "--workers %d is negative", p.Workers)
	case p.Deadline <= 0:
		return usage("", "--deadline %v is no time", p.Deadline)
	case p.Window < time.Minute || p.Window > time.Hour:
		return usage("from 1m to 1h", "--window %v is out of range", p.Window)
	case !(p.From >= 1 && p.From <= p.To && p.To <= 60_000):
		return usage("from 1 to 60000 volumes a minute", "--from %g and --to %g are no range", p.From, p.To)
	case !(p.Precision >= 0.001):
		return usage("", "--precision %g is less than 0.001", p.Precision)
	case !(b.atLeast >= 0):
		return usage("", "--at-least %g is negative", b.atLeast)
	case !slices.Contains(capacityOutputs[:], b.output):
		return usage("it takes "+strings.Join(capacityOutputs[:], ", "), "--output %q is unknown%s", b.output, didYouMean(b.output, capacityOutputs[:], ""))
	}
	seed, ok := parseSeed(b.seed)
	if !ok {
		return usage("a seed is 42 or 0x2a", "--seed %q is not a seed", b.seed)
	}
	p.Seed = seed
	if b.plot != "" {
		if err := chart.Check(b.plot); err != nil {
			return usage("", "--plot: %w", err)
		}
	}
	return nil
}

func (b *benchCapacity) run(c *cobra.Command) error {
	if err := b.check(); err != nil {
		return err
	}
	command, err := workerCommand()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pool := campaign.NewPool(campaign.Config{Workers: 1, Command: command, Stall: time.Minute})
	defer pool.Close()
	table := c.OutOrStdout()
	if b.output == "json" {
		table = c.ErrOrStderr() // progress
	}
	b.plan.Do = func(ctx context.Context, s *scenarios.Scenario, each func(trace.Event)) ([]string, error) {
		return watchOnce(ctx, pool, s, b.plan.Seed, each)
	}
	b.plan.Each = func(t capacity.Trial) { _ = t.WriteText(table) }
	if err := b.plan.WriteQuestion(table); err != nil {
		return err
	}
	answer, err := b.plan.Run(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return exitWith(exitInterrupted)
	case err != nil:
		return err
	}
	return b.tell(c.OutOrStdout(), answer)
}

func (b *benchCapacity) tell(out io.Writer, answer capacity.Answer) error {
	var err error
	if b.output == "json" {
		err = writeJSON(out, capacityDocument{scenarios.APIVersion, "Capacity", sim.Version(), b.plan.Seed, answer})
	} else {
		err = answer.WriteText(out)
	}
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	if b.plot != "" {
		if err := chart.SaveCapacity(b.plot, answer); err != nil {
			return err
		}
	}
	if answer.Kept < b.atLeast {
		return exitWith(exitFound)
	}
	return nil
}

// capacityDocument is the answer as JSON.
type capacityDocument struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Holdfast   string `json:"holdfast"`
	Seed       uint64 `json:"seed"`
	capacity.Answer
}

// watchOnce runs a scenario on the built-in driver, hands on what happened, and names the invariants that it broke.
func watchOnce(ctx context.Context, pool *campaign.Pool, s *scenarios.Scenario, seed uint64, each func(trace.Event)) (broken []string, err error) {
	f, err := runOnce(ctx, pool, s, campaign.Job{Seed: seed, KeepTape: true})
	if err != nil {
		return nil, err
	}
	r := f.Run
	if r.Outcome != sim.Held && r.Outcome != sim.Violated {
		return nil, fmt.Errorf("%w: %s %s", errNotHeld, r.Outcome, r.Message)
	}
	for _, v := range r.Verdict.Violations() {
		broken = append(broken, v.Invariant)
	}
	_, err = trace.Each(s.Metadata.Name, bytes.NewReader(f.Tape), each)
	return broken, err
}
