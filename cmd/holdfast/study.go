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

// studyOptions are what every study takes: how often it measures, how it tells it, and what it is tested against.
type studyOptions struct {
	rounds    int
	output    string
	compare   string
	threshold float64
	profile   string
	// Not every study has these.
	counts      bool
	maxExponent float64
	plot        string
}

// flags declares the flags that every study takes.
func (o *studyOptions) flags(f *pflag.FlagSet) {
	f.IntVar(&o.rounds, "samples", 10, "rounds, and so values of each row")
	f.StringVarP(&o.output, "output", "o", "text", "form of the study on stdout: text, json, or bench for benchstat")
	f.StringVar(&o.compare, "compare", "", "file of an earlier study to test this one against")
	f.Float64Var(&o.threshold, "threshold", 0.1, "with --compare, by how much a median may rise: 0.1 is a tenth")
	f.StringVar(&o.profile, profileFlag, "", "file for a CPU profile of what is measured")
}

var benchOutputs = [...]string{"text", "json", "bench"}

func (o *studyOptions) check() error {
	switch {
	case o.rounds < 2:
		return usage(fmt.Sprintf("an interval of a median needs %d", study.RoundsMin), "--samples %d is less than 2", o.rounds)
	case !slices.Contains(benchOutputs[:], o.output):
		return usage("it takes "+strings.Join(benchOutputs[:], ", "), "--output %q is unknown%s", o.output, didYouMean(o.output, benchOutputs[:], ""))
	case !(o.threshold >= 0):
		return usage("", "--threshold %g is negative", o.threshold)
	}
	if o.plot != "" {
		if err := chart.Check(o.plot); err != nil {
			return usage("", "--plot: %w", err)
		}
	}
	return nil
}

// study measures so many trials in each round, and tells what came of it. In text a summary may follow.
func (o *studyOptions) study(c *cobra.Command, trials int, measure func(context.Context, func()) ([]study.Row, error), summary func(*cobra.Command, *report.Document)) error {
	var old *report.Document
	if o.compare != "" {
		var err error
		if old, err = readStudy(o.compare); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := newProgressOf(c.ErrOrStderr(), o.rounds*trials, "measurements")
	rows, err := measure(ctx, func() { p.add(false, nil) })
	p.end()
	switch {
	case errors.Is(err, context.Canceled):
		return exitWith(exitInterrupted)
	case err != nil:
		return err
	}
	d := report.New(o.wanted(rows), report.ThisMachine(sim.Version()))
	if err := o.write(c, d); err != nil {
		return fmt.Errorf("write the study: %w", err)
	}
	if summary != nil && o.output == "text" {
		summary(c, d)
	}
	if o.plot != "" {
		if err := chart.Save(o.plot, d); err != nil {
			return err
		}
	}
	return o.judge(c, old, d)
}

func readStudy(name string) (*report.Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return report.Read(name, f)
}

func (o *studyOptions) write(c *cobra.Command, d *report.Document) error {
	switch o.output {
	case "json":
		return d.WriteJSON(c.OutOrStdout())
	case "bench":
		return d.WriteBench(c.OutOrStdout())
	}
	return d.WriteText(c.OutOrStdout())
}

// wanted leaves out what is not to be looked at.
func (o *studyOptions) wanted(rows []study.Row) []study.Row {
	if !o.counts {
		return rows
	}
	return slices.DeleteFunc(rows, func(r study.Row) bool { return r.Unit == cost.UnitTime })
}

// judge says what is worse than it was, and what grows too fast: beside the study in text, else on stderr.
func (o *studyOptions) judge(c *cobra.Command, old, d *report.Document) error {
	out, code := c.OutOrStdout(), exitHeld
	if o.output != "text" {
		out = c.ErrOrStderr()
	}
	if old != nil {
		changes := study.Compare(o.wanted(old.Measured()), d.Measured(), report.Alpha, o.threshold)
		fmt.Fprintf(out, "\nAgainst %s:\n", o.compare)
		if err := report.WriteChanges(out, changes); err != nil {
			return fmt.Errorf("write the comparison: %w", err)
		}
		if slices.ContainsFunc(changes, func(c study.Change) bool { return c.Worse }) {
			code = exitFound
		}
	}
	if o.maxExponent > 0 {
		for _, g := range d.Above(o.maxExponent) {
			fmt.Fprintf(out, "TOO FAST  %s %s grows with exponent %.2f [%.2f, %.2f]\n", g.Operation, g.Unit, g.Exponent.Center, g.Exponent.Low, g.Exponent.High)
			code = exitFound
		}
	}
	return exitWith(code)
}
