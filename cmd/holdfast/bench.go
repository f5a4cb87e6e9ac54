package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-sim/holdfast/benchmarks/chart"
	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/report"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
	"github.com/holdfast-sim/holdfast/sim"
)

// bench is the verb that measures.
type bench struct {
	plan        cost.Plan
	output      string
	compare     string
	threshold   float64
	counts      bool
	maxExponent float64
	profile     string
	plot        string
}

// newBench makes the verb that measures what the Manager and the Reconciler cost.
func newBench() *cobra.Command {
	b := &bench{plan: cost.Plan{Sizes: []int{100, 1_000, 10_000, 100_000}, Stale: []float64{0.01}, Rounds: 10}, output: "text", threshold: 0.1}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure what a pass costs, from hundreds of attachments to a million",
		Long: `Bench measures what the Manager and the Reconciler cost: processor time, allocations, bytes and API calls of each operation at each number
of attachments. Every round visits all operations at all sizes, so that a slow minute of the machine hits all alike. Medians and exponents of
growth come with intervals of 95 % confidence.

Two rows are for comparison: Control is a bare pass over a map, Copying a reconciler that copies all and asks about each. With --compare the
rows of an earlier study (its JSON, or benchmark text) are tested one by one (Mann and Whitney, with Holm's correction for many rows); a row
whose median has risen beyond the threshold, and not by chance, is worse. Times compare on one machine only, counts on any.

With --max-exponent it fails if something grows faster without doubt. Times are taken as ratios to the Control for that.

Exit codes:
  0    measured; nothing is worse, and nothing grows too fast
  1    something is
  2    usage, a bad file, input or output
  130  interrupted`,
		Example: "  holdfast bench --sizes 1000,10000,100000\n  holdfast bench -o json >new.json; holdfast bench --compare new.json\n  holdfast bench -o bench >new.txt; benchstat new.txt\n  holdfast bench --max-exponent 1.1",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	f := c.Flags()
	f.IntSliceVar(&b.plan.Sizes, "sizes", b.plan.Sizes, "numbers of attachments")
	f.Float64SliceVar(&b.plan.Stale, "stale", b.plan.Stale, "shares of them on nodes that are gone, each above 0 and at most 1")
	f.IntVar(&b.plan.Rounds, "samples", b.plan.Rounds, "rounds, and so values of each row")
	f.DurationVar(&b.plan.Least, "least", 0, "processor time that a value is taken over (default 10ms)")
	f.BoolVar(&b.counts, "counts", false, "leave times out: they are of one machine, and counts are of any")
	f.Float64Var(&b.maxExponent, "max-exponent", 0, "fail if anything grows faster than attachments to this power; 0 is no limit")
	f.StringVar(&b.plot, "plot", "", "file for a picture of the times, .svg or .png; the numbers come beside it as .csv")
	b.common(f)
	c.AddCommand(newBenchSim())
	return c
}

// common are the flags that every study takes.
func (b *bench) common(f *pflag.FlagSet) {
	f.StringVarP(&b.output, "output", "o", b.output, "form of the study on stdout: text, json, or bench for benchstat")
	f.StringVar(&b.compare, "compare", "", "file of an earlier study to test this one against")
	f.Float64Var(&b.threshold, "threshold", b.threshold, "with --compare, by how much a median may rise: 0.1 is a tenth")
	f.StringVar(&b.profile, profileFlag, "", "file for a CPU profile of what is measured")
}

var benchOutputs = [...]string{"text", "json", "bench"}

func (b *bench) check() error {
	switch {
	case len(b.plan.Sizes) == 0 || slices.Min(b.plan.Sizes) < 1:
		return usage("", "--sizes must be numbers from 1 on")
	case slices.ContainsFunc(b.plan.Stale, func(s float64) bool { return !(s > 0 && s <= 1) }):
		return usage("nothing stale is what Pass measures", "--stale must be shares above 0 and at most 1")
	case b.plan.Rounds < 2:
		return tooFewSamples(b.plan.Rounds)
	}
	if b.plot != "" {
		if err := chart.Check(b.plot); err != nil {
			return usage("", "--plot: %w", err)
		}
	}
	slices.Sort(b.plan.Sizes)
	b.plan.Sizes = slices.Compact(b.plan.Sizes)
	return b.checkCommon()
}

func (b *bench) checkCommon() error {
	switch {
	case !slices.Contains(benchOutputs[:], b.output):
		return usage("it takes "+strings.Join(benchOutputs[:], ", "), "--output %q is unknown%s", b.output, didYouMean(b.output, benchOutputs[:], ""))
	case !(b.threshold >= 0):
		return usage("", "--threshold %g is negative", b.threshold)
	}
	return nil
}

func tooFewSamples(n int) error {
	return usage(fmt.Sprintf("an interval of a median needs %d", study.RoundsMin), "--samples %d is less than 2", n)
}

func (b *bench) run(c *cobra.Command) error {
	if err := b.check(); err != nil {
		return err
	}
	return b.study(c, b.plan.Rounds*b.plan.Trials(), b.measure, nil)
}

// study measures, and tells what came of it. In text a summary may follow.
func (b *bench) study(c *cobra.Command, total int, measure func(context.Context, func()) ([]study.Row, error), summary func(*cobra.Command, *report.Document)) error {
	var old *report.Document
	if b.compare != "" {
		var err error
		if old, err = readStudy(b.compare); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := newProgressOf(c.ErrOrStderr(), total, "measurements")
	rows, err := measure(ctx, func() { p.add(false, nil) })
	p.end()
	switch {
	case errors.Is(err, context.Canceled):
		return exitWith(exitInterrupted)
	case err != nil:
		return err
	}
	d := report.New(b.wanted(rows), report.ThisMachine(sim.Version()))
	if err := b.write(c, d); err != nil {
		return fmt.Errorf("write the study: %w", err)
	}
	if summary != nil && b.output == "text" {
		summary(c, d)
	}
	if b.plot != "" {
		if err := chart.Save(b.plot, d); err != nil {
			return err
		}
	}
	return b.judge(c, old, d)
}

func readStudy(name string) (*report.Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return report.Read(name, f)
}

func (b *bench) measure(ctx context.Context, each func()) ([]study.Row, error) {
	end, err := startProfile(b.profile)
	if err != nil {
		return nil, err
	}
	defer end()
	b.plan.Each = func(int, int) { each() }
	return b.plan.Run(ctx)
}

func (b *bench) write(c *cobra.Command, d *report.Document) error {
	switch b.output {
	case "json":
		return d.WriteJSON(c.OutOrStdout())
	case "bench":
		return d.WriteBench(c.OutOrStdout())
	}
	return d.WriteText(c.OutOrStdout())
}

// wanted leaves out what is not to be looked at.
func (b *bench) wanted(rows []study.Row) []study.Row {
	if !b.counts {
		return rows
	}
	return slices.DeleteFunc(rows, func(r study.Row) bool { return r.Unit == cost.UnitTime })
}

// judge says what is worse than it was, and what grows too fast: beside the study in text, else on stderr.
func (b *bench) judge(c *cobra.Command, old, d *report.Document) error {
	out, code := c.OutOrStdout(), exitHeld
	if b.output != "text" {
		out = c.ErrOrStderr()
	}
	if old != nil {
		changes := study.Compare(b.wanted(old.Measured()), d.Measured(), report.Alpha, b.threshold)
		fmt.Fprintf(out, "\nAgainst %s:\n", b.compare)
		if err := report.WriteChanges(out, changes); err != nil {
			return fmt.Errorf("write the comparison: %w", err)
		}
		if slices.ContainsFunc(changes, func(c study.Change) bool { return c.Worse }) {
			code = exitFound
		}
	}
	if b.maxExponent > 0 {
		for _, g := range d.Above(b.maxExponent) {
			fmt.Fprintf(out, "TOO FAST  %s %s grows with exponent %.2f [%.2f, %.2f]\n", g.Operation, g.Unit, g.Exponent.Center, g.Exponent.Low, g.Exponent.High)
			code = exitFound
		}
	}
	return exitWith(code)
}
