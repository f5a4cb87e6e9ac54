package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
)

// bench is the verb that measures.
type bench struct {
	studyOptions
	plan cost.Plan
}

// newBench makes the verb that measures what the Manager and the Reconciler cost.
func newBench() *cobra.Command {
	b := &bench{plan: cost.Plan{Sizes: []int{100, 1_000, 10_000, 100_000}, Stale: []float64{0.01}}}
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
	f.DurationVar(&b.plan.Least, "least", 0, "processor time that a value is taken over (default 10ms)")
	f.BoolVar(&b.counts, "counts", false, "leave times out: they are of one machine, and counts are of any")
	f.Float64Var(&b.maxExponent, "max-exponent", 0, "fail if anything grows faster than attachments to this power; 0 is no limit")
	f.StringVar(&b.plot, "plot", "", "file for a picture of the times, .svg or .png; the numbers come beside it as .csv")
	b.flags(f)
	c.AddCommand(newBenchSim(), newBenchCapacity())
	return c
}

func (b *bench) check() error {
	switch {
	case len(b.plan.Sizes) == 0 || slices.Min(b.plan.Sizes) < 1:
		return usage("", "--sizes must be numbers from 1 on")
	case slices.ContainsFunc(b.plan.Stale, func(s float64) bool { return !(s > 0 && s <= 1) }):
		return usage("nothing stale is what Pass measures", "--stale must be shares above 0 and at most 1")
	}
	slices.Sort(b.plan.Sizes)
	b.plan.Sizes = slices.Compact(b.plan.Sizes)
	return b.studyOptions.check()
}

func (b *bench) run(c *cobra.Command) error {
	if err := b.check(); err != nil {
		return err
	}
	return b.study(c, b.plan.Trials(), b.measure, nil)
}

func (b *bench) measure(ctx context.Context, each func()) ([]study.Row, error) {
	end, err := startProfile(b.profile)
	if err != nil {
		return nil, err
	}
	defer end()
	b.plan.Rounds = b.rounds
	b.plan.Each = func(int, int) { each() }
	return b.plan.Run(ctx)
}
