package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/internal/mutants"
	"github.com/holdfast-sim/holdfast/sim/campaign"
)

// mutantsSeeds is how many seeds of chaos a mutant gets if nothing else is said.
const mutantsSeeds = 400

// mutation is what the verb mutants was told.
type mutation struct {
	only    []string
	seeds   int
	workers int
	list    bool
	shrink  bool
	shown   bool // incidents only
	output  string

	strategies []string // which are compared, instead of a score
	samples    int
}

// newMutants makes the verb that measures the harness itself.
func newMutants() *cobra.Command {
	m := &mutation{seeds: mutantsSeeds, workers: runtime.NumCPU(), output: "text"}
	c := &cobra.Command{
		Use:   "mutants",
		Short: "Break the built-in driver in many ways, and see whether each is found",
		Long: `Mutants builds the built-in driver with one care taken out at a time, in a source tree of Holdfast, and runs chaos on it until
something is found. What is found for none of the seeds, nor in the library, is a hole in the harness. The unmutated code
gets the same runs, and no finding is allowed there. A second group breaks the harness itself, and a test is to notice.

The table says which invariant killed the mutant, under which seed, after how many runs, in how much processor time (without
compile and link), and whether the race detector was built in. Neither the source tree nor --out is written to.

With --strategies it compares how soon strategies of run find each mutant, each in --samples tries of up to --seeds runs.

` + exitCodes,
		Example: "  holdfast mutants\n  holdfast mutants --only 'D*' --seeds 1000 -o json\n  holdfast mutants --strategies random,pct,perturb --samples 20",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return m.run(c) },
	}
	f := c.Flags()
	f.StringSliceVar(&m.only, "only", nil, "ids of mutants to try, or patterns of ids")
	f.IntVar(&m.seeds, "seeds", m.seeds, "seeds of chaos that a mutant gets, from 1 on")
	f.IntVar(&m.workers, "workers", m.workers, "mutants that are built and run at once")
	f.BoolVar(&m.shrink, "shrink", false, "make each finding small, and say to how many lines")
	f.BoolVar(&m.shown, "incidents", false, "show only the incidents of the library: each with the mutant that repeats it")
	f.StringSliceVar(&m.strategies, "strategies", nil, "compare how soon these strategies find each mutant")
	f.IntVar(&m.samples, "samples", 20, "with --strategies, tries of each at each mutant")
	f.BoolVar(&m.list, "list", false, "list the mutants, and run none")
	f.StringVarP(&m.output, "output", "o", m.output, "form of the score on stdout: text, or json for one document")
	return c
}

func (m *mutation) run(c *cobra.Command) error {
	switch {
	case m.output != "text" && m.output != "json":
		return usage("it takes text, json", "--output %q is unknown%s", m.output, didYouMean(m.output, []string{"text", "json"}, ""))
	case m.seeds < 1 || m.seeds > seedsMax:
		return usage("", "--seeds %d is not between 1 and %d", m.seeds, seedsMax)
	case m.samples < 1 || m.samples*m.seeds > seedsMax:
		return usage("", "--samples %d is not between 1 and %d", m.samples, seedsMax/m.seeds)
	case m.workers < 0:
		return usage("", "--workers %d is negative", m.workers)
	}
	for _, s := range m.strategies {
		if !slices.Contains(strategies(), s) {
			return usage("it takes "+strings.Join(strategies(), ", "), "--strategies %q is unknown%s", s, didYouMean(s, strategies(), ""))
		}
	}
	product, harness, err := m.choose()
	if err != nil {
		return err
	}
	if m.shown {
		product, harness = slices.DeleteFunc(product, func(p mutants.Patch) bool { return len(p.Shows) == 0 }), nil
		if len(product) == 0 {
			return nothing("holdfast mutants --incidents shows all", "none of these mutants shows an incident")
		}
	}
	if m.list {
		return listMutants(c, append(product, harness...))
	}
	root, err := mutants.FindRoot(".")
	if err != nil {
		return usage("run it in a checkout of Holdfast", "%w", err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return usage("mutants are compiled, so Go is needed", "%w", err)
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tries := mutants.Campaign{Root: root, Seeds: m.seeds, Workers: m.workers, Shrink: m.shrink, Incidents: m.shown, Each: m.tell(c)}
	if len(m.strategies) > 0 {
		return m.hunt(ctx, c, mutants.Hunt{
			Campaign: tries, Strategies: m.strategies, Samples: m.samples, Worker: workerOf,
			Job: func(strategy string, seed uint64) campaign.Job {
				return campaign.Job{System: defaultSystem, Scenario: chaosName, Seed: seed, Strategy: strategy}
			},
		}, product)
	}
	return m.report(c, tries.Run(ctx, product, harness))
}

// hunt compares strategies.
func (m *mutation) hunt(ctx context.Context, c *cobra.Command, h mutants.Hunt, product []mutants.Patch) error {
	found := h.Run(ctx, product)
	write := h.WriteHunt
	if m.output == "json" {
		write = h.WriteHuntJSON
	}
	if err := write(c.OutOrStdout(), found); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	switch {
	case ctx.Err() != nil:
		return exitWith(exitInterrupted)
	case slices.ContainsFunc(found, func(x mutants.Hunted) bool { return x.Err != nil }):
		return exitWith(exitHarness)
	}
	return nil
}

// choose returns the mutants that --only names, all if it names none.
func (m *mutation) choose() (product, harness []mutants.Patch, err error) {
	if product, err = mutants.Product(); err != nil {
		return nil, nil, &failure{code: exitHarness, err: err}
	}
	if harness, err = mutants.Harness(); err != nil {
		return nil, nil, &failure{code: exitHarness, err: err}
	}
	if len(m.only) == 0 {
		return product, harness, nil
	}
	hit := make([]bool, len(m.only))
	unwanted := func(p mutants.Patch) bool {
		wanted := false
		for i, pattern := range m.only {
			ok, e := path.Match(pattern, p.ID)
			if e != nil {
				err = usage("", "--only %s: %w", pattern, e)
			}
			hit[i] = hit[i] || ok
			wanted = wanted || ok
		}
		return !wanted
	}
	product, harness = slices.DeleteFunc(product, unwanted), slices.DeleteFunc(harness, unwanted)
	if i := slices.Index(hit, false); i >= 0 && err == nil {
		err = nothing("holdfast mutants --list shows all", "no mutant matches %s", m.only[i])
	}
	return product, harness, err
}

// listMutants shows what there is.
func listMutants(c *cobra.Command, all []mutants.Patch) error {
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "MUTANT\tFROM\tEXPECTED\tWHAT IT DOES WRONG")
	for _, p := range all {
		expected := strings.Join(p.Breaks, " ")
		if p.Test != "" {
			expected = p.Test
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", p.ID, p.Source, expected, p.Title)
	}
	return t.Flush()
}

// tell makes the function that says on stderr how far the campaign is.
func (m *mutation) tell(c *cobra.Command) func(done, of int, row mutants.Row) {
	return func(done, of int, row mutants.Row) {
		what := "survived"
		switch {
		case row.Err != nil:
			what = "no answer: " + row.Err.Error()
		case m.shown, len(m.strategies) > 0:
			what = "run"
		case row.Killed():
			what = fmt.Sprintf("%s after %d runs, %.2fs", row.Killer, row.Runs, row.CPU.Seconds())
		case row.ID == "control":
			what = fmt.Sprintf("no finding in %d runs", row.Runs)
		}
		fmt.Fprintf(c.ErrOrStderr(), "%d of %d  %s (%s): %s\n", done, of, row.ID, row.Title, what)
	}
}

func (m *mutation) report(c *cobra.Command, score mutants.Score) error {
	write := score.WriteTable
	switch {
	case m.output == "json":
		write = score.WriteJSON
	case m.shown:
		write = score.WriteIncidents
	}
	if err := write(c.OutOrStdout()); err != nil {
		return fmt.Errorf("write the score: %w", err)
	}
	switch {
	case score.Interrupted:
		return exitWith(exitInterrupted)
	case m.shown && score.Shown(), !m.shown && score.Clean():
		return nil
	default:
		return exitWith(exitFound)
	}
}
