package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/shrink"
)

// newExplain makes the verb that tells why.
func newExplain(known catalog) *cobra.Command {
	s := &settings{known: known}
	var invariant string
	c := &cobra.Command{
		Use:   "explain TRACE|SCENARIO|INVARIANT",
		Short: "Tell in a few sentences why a finding breaks its invariant, or what an invariant means",
		Long: `Explain makes a finding small, and tells what is left of it: the operations, faults and turns without any one of which the
invariant holds, in plain sentences, and the chain of events by which they led to the violation. It takes the trace of a finding,
or a resolved scenario.

Given the name or the title of an invariant it tells what that demands, what it costs if it does not hold, and where it comes from.

` + exitCodes,
		Example: "  holdfast explain holdfast-out/chaos-0x2a.trace\n  holdfast explain S3",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("holdfast explain holdfast-out/chaos-0x2a.trace", "explain takes one file, or the name of an invariant, not %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.resolve(c); err != nil {
				return err
			}
			if inv, ok := invariantCalled(args[0]); ok {
				return explainInvariant(c.OutOrStdout(), inv, s.output)
			}
			return explainFinding(c, args[0], invariant, s)
		},
	}
	s.flags(c.Flags(), "")
	c.Flags().IntVar(&s.workers, "workers", runtime.NumCPU(), "worker processes")
	c.Flags().StringVar(&invariant, "invariant", "", "what to explain, such as S3; default what the finding broke first")
	return c
}

// invariantCalled finds an invariant by its name or title.
func invariantCalled(word string) (model.Invariant, bool) {
	for _, inv := range model.Invariants() {
		if strings.EqualFold(word, inv.Name) || strings.EqualFold(word, inv.Title) {
			return inv, true
		}
	}
	return model.Invariant{}, false
}

func explainInvariant(w io.Writer, inv model.Invariant, output string) error {
	if output == "json" {
		return writeJSON(w, map[string]any{
			"invariant": inv.Name, "title": inv.Title, "text": inv.Text, "why": inv.Why, "source": inv.Source, "needs": inv.Needs,
		})
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "%s %s\n  what\t%s\n  why\t%s\n  from\t%s\n", inv.Name, inv.Title, inv.Text, inv.Why, inv.Source)
	if len(inv.Needs) > 0 {
		fmt.Fprintf(t, "  needs\ta system that offers: %s; of one that lacks any, a part is not judged\n", strings.Join(inv.Needs, ", "))
	}
	return t.Flush()
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func explainFinding(c *cobra.Command, path, invariant string, s *settings) error {
	found, err := finding(path, invariant, s)
	if err != nil {
		return err
	}
	m, err := newMinimizer(s, shrinkBudget)
	if err != nil {
		return err
	}
	defer m.pool.Close()
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	x, err := m.minimize(ctx, found)
	switch {
	case ctx.Err() != nil:
		return exitWith(exitInterrupted)
	case errors.Is(err, shrink.ErrHeld):
		return &failure{code: exitHarness, err: fmt.Errorf("%s: %w", found.Spec.Resolved.Breaks, err)}
	case err != nil:
		return &failure{code: exitHarness, err: err}
	}
	e, err := report.Explain(x.Trial.Run, x.Scenario, bytes.NewReader(x.Trial.Tape), x.Runs, x.Spent)
	if err != nil {
		return &failure{code: exitHarness, err: err}
	}
	if s.output == "json" {
		err = writeJSON(c.OutOrStdout(), e)
	} else {
		err = e.WriteText(c.OutOrStdout())
	}
	if err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	return exitWith(exitFound)
}
