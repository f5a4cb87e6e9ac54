package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/report"
)

// newCheck makes the verb that judges saved traces again.
func newCheck(known catalog) *cobra.Command {
	s := &settings{known: known, out: "."}
	var asked []string
	var rules, page string
	c := &cobra.Command{
		Use:   "check TRACE...",
		Short: "Judge recorded runs again, without running anything",
		Long: `Check judges traces by today's invariants, and by the rules that their scenarios had. It runs no system: a trace says all
that the oracle needs. So a trace may be old, come from elsewhere, or be edited by hand, plain or .gz: a line that is no event, a
misspelt field or a step out of order is an error with its line.

--invariant judges only what it names, and may be given more than once. --rules judges by the invariants of a scenario file
as well, whose rules take the place of those of the same name.

` + exitCodes,
		Example: "  holdfast check holdfast-out/chaos-0x2a.trace --invariant S3\n  holdfast check -o json --rules my-rules.yaml holdfast-out/*.trace",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("holdfast check holdfast-out/chaos-0x2a.trace", "check takes the traces to judge")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.resolve(c); err != nil {
				return err
			}
			more, err := rulesOfFile(rules)
			if err != nil {
				return err
			}
			if page != "" && len(args) != 1 {
				return usage("check them one by one", "--history draws one trace, not %d", len(args))
			}
			return check(c, args, s, more, asked, page)
		},
	}
	c.Flags().StringVarP(&s.output, "output", "o", "text", "form of the report on stdout: text, or json for one document")
	c.Flags().StringArrayVar(&asked, "invariant", nil, "judge only this invariant or rule, such as S3; may be repeated")
	c.Flags().StringVar(&rules, "rules", "", "scenario file whose invariants are judged as well")
	c.Flags().StringVar(&page, "history", "", "write a page of HTML with the calls on each volume that no order explains, or all of them")
	return c
}

// rulesOfFile reads the invariants of a scenario file; no file has none.
func rulesOfFile(path string) ([]scenarios.Invariant, error) {
	if path == "" {
		return nil, nil
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	form, r, err := recognise(path, f)
	if err != nil {
		return nil, err
	}
	if form != scenarioText {
		return nil, usage("--rules takes a scenario file", "%s:1:1: not a scenario", path)
	}
	s, err := scenarios.Parse(path, r)
	if err != nil {
		return nil, err
	}
	if len(s.Spec.Invariants) == 0 {
		return nil, usage("docs/your-own-invariants.md shows some", "%s: the scenario has no invariants", path)
	}
	return s.Spec.Invariants, nil
}

// check judges traces one by one. All are read first, so that bad input ends in nothing but its error.
func check(c *cobra.Command, paths []string, s *settings, more []scenarios.Invariant, asked []string, page string) error {
	cases := make([]evidence, 0, len(paths))
	for _, path := range paths {
		e, err := readEvidence(path)
		if err != nil {
			return err
		}
		e.add(more)
		if err := e.compiles(); err != nil {
			return err
		}
		if err := e.narrow(asked); err != nil {
			return err
		}
		cases = append(cases, e)
	}
	begun := time.Now()
	var sum report.Summary
	var runs []report.Run
	for _, e := range cases {
		r := e.judge()
		if page != "" {
			if err := e.draw(page); err != nil {
				return err
			}
			r.History = page
		}
		sum.Add(r)
		runs = append(runs, r)
	}
	sum.Wall = time.Since(begun)
	return tellCheck(c, s, &sum, runs)
}

// tellCheck reports what was judged and returns the exit code as an error.
func tellCheck(c *cobra.Command, s *settings, sum *report.Summary, runs []report.Run) error {
	out, code := c.OutOrStdout(), exitHeld
	switch {
	case sum.Findings() > 0:
		code = exitFound
	case sum.Outcomes[report.Inconclusive] > 0:
		code = exitIncomplete
	}
	if s.output == "json" {
		if err := report.NewDocument(sum, runs).Write(out); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return exitWith(code)
	}
	write := report.Failure
	if len(runs) == 1 {
		write = report.Details
	}
	told := 0
	for _, r := range runs {
		if r.Outcome == report.Held {
			continue
		}
		if told++; told > blocksMax {
			continue
		}
		if err := write(out, r); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		fmt.Fprintln(out)
	}
	if told > blocksMax {
		fmt.Fprintf(out, "and %d more; check them one by one\n\n", told-blocksMax)
	}
	if err := report.Verdicts(out, sum); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return exitWith(code)
}
