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
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// newReplay makes the verb that repeats a recorded run.
func newReplay(known catalog) *cobra.Command {
	s := &settings{known: known}
	c := &cobra.Command{
		Use:   "replay TRACE",
		Short: "Run a recorded run again, step by step",
		Long: `Replay runs the scenario of a trace again, and lets happen at each step what happened then. It judges the run anew, and says
where it left the recorded one if it did: after a change of the system under test that is what the change did.

` + exitCodes,
		Example: "  holdfast replay holdfast-out/chaos-0x2a.trace\n  holdfast replay -o json --system holdfast holdfast-out/chaos-0x2a.trace",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("holdfast replay holdfast-out/chaos-0x2a.trace", "replay takes one trace, not %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.resolve(c); err != nil {
				return err
			}
			return replay(c, args[0], s)
		},
	}
	s.flags(c.Flags(), "")
	return c
}

func replay(c *cobra.Command, path string, s *settings) error {
	header, recorded, err := readTrace(path)
	if err != nil {
		return err
	}
	if s.system == "" {
		if err := knownSystem(path, header, s.known); err != nil {
			return err
		}
		s.system = header.System
	}
	command, err := workerCommand()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	job := campaign.Job{System: s.system, Scenario: header.Scenario, Source: header.Source, Seed: header.Seed, Replay: path}
	var f campaign.Finding
	begun := time.Now()
	err = campaign.Run(ctx, campaign.Config{
		Workers: 1, Command: command, Stall: s.stall, Judge: model.Check, Each: func(got campaign.Finding) { f = got },
	}, 1, func(int) campaign.Job { return job })
	switch {
	case errors.Is(err, context.Canceled):
		return exitWith(exitInterrupted)
	case err != nil:
		return &failure{code: exitHarness, err: err}
	}
	f.Run.Trace, f.Run.Replay = path, replayLine(path)
	f.Run.Again, f.Run.Strategy = f.Run.Replay, recordedStrategy(header)
	return tellReplay(c, s, f.Run, recorded, time.Since(begun))
}

// knownSystem refuses a trace of a system that this program cannot build, and says how to repeat its run.
func knownSystem(path string, h trace.Header, known catalog) error {
	if known[h.System] != nil {
		return nil
	}
	again := "--system NAME replays it on one of " + strings.Join(known.names(), ", ")
	test, isTest := strings.CutPrefix(h.System, "go test")
	if test = strings.TrimPrefix(test, ": "); isTest {
		again = fmt.Sprintf("HOLDFAST_SEED=%#x go test -run %s in the package of that test repeats it", h.Seed, quoteArg(testPattern(test)))
	}
	if h.System == "" {
		return usage(again, "%s:1:1: the trace does not say of which system it is", path)
	}
	return usage(again, "%s:1:1: the trace is of the system %q, which is not part of this program", path, h.System)
}

// testPattern is what go test -run takes to select a test; of an unknown one it selects all.
func testPattern(test string) string {
	if test == "" {
		return "."
	}
	test, _, _ = strings.Cut(test, "/seed=")
	return "^" + strings.ReplaceAll(test, "/", "$/^") + "$"
}

// recordedStrategy is the strategy that made the recorded run, in a word that --strategy takes.
func recordedStrategy(h trace.Header) string {
	if slices.Contains(strategies(), h.Strategy) {
		return h.Strategy
	}
	return defaultStrategy
}

// readTrace reads a trace file.
func readTrace(path string) (trace.Header, []trace.Event, error) {
	f, err := open(path)
	if err != nil {
		return trace.Header{}, nil, err
	}
	defer f.Close()
	what, r, err := recognise(path, f)
	if err != nil {
		return trace.Header{}, nil, err
	}
	if what != traceText {
		return trace.Header{}, nil, usage("holdfast run "+quoteArg(path)+" runs a scenario or a recording", "%s:1:1: not a trace", path)
	}
	return trace.Read(path, r)
}

// tellReplay reports a replay and returns the exit code as an error.
func tellReplay(c *cobra.Command, s *settings, r report.Run, recorded []trace.Event, wall time.Duration) error {
	code := exitHeld
	switch {
	case r.Diverged != "" || r.Fault:
		code = exitHarness
	case r.Outcome.Finding():
		code = exitFound
	case r.Outcome == report.Inconclusive:
		code = exitIncomplete
	}
	out := c.OutOrStdout()
	if s.output == "json" {
		var sum report.Summary
		sum.Add(r)
		sum.Wall = wall
		if err := report.NewDocument(&sum, []report.Run{r}).Write(out); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return exitWith(code)
	}
	if r.Outcome != report.Held || r.Diverged != "" {
		r.Again = ""
		if err := report.Failure(out, r); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	fmt.Fprintf(out, "replayed %d steps: %s, %s\n", r.Steps, r.Outcome, sameness(r, recorded))
	return exitWith(code)
}

// sameness compares a replay with what was recorded.
func sameness(r report.Run, recorded []trace.Event) string {
	switch {
	case r.Fault:
		return "for the harness failed"
	case r.Steps == 0:
		return "for there was nothing to replay"
	case r.Diverged != "":
		return "but it left the recorded run at " + r.Diverged
	case r.TraceHash == trace.Hash(recorded):
		return fmt.Sprintf("the same trace (%.12s)", r.TraceHash)
	}
	return "the same steps, though not every detail of what they showed"
}
