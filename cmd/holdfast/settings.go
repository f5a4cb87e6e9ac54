package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/report"
)

// settings are what a campaign is run with. Each is a flag, and an environment variable of the same name with HOLDFAST_
// before it; the flag goes before the variable, the variable before the default.
type settings struct {
	known       catalog // the systems that --system may name
	seed, seeds string
	strategy    string
	out         string
	output      string
	results     string
	system      string
	workers     int
	failFast    bool
	coverage    bool
	selfCheck   bool
	aim         string
	shrink      int // findings to make small
	graveyard   string
	stall       time.Duration
	effective   []string          // name=value, and where it came from
	variables   map[string]string // of the flags whose values came from the environment
	given       map[string]bool   // the flags that somebody set, one way or the other
}

// defaultStrategy is what a run takes that is told nothing else.
const defaultStrategy = "random"

// flags adds the flags that run and replay share. Without a system of its own, replay takes the one of the trace.
func (s *settings) flags(f *pflag.FlagSet, system string) {
	f.StringVar(&s.out, "out", "holdfast-out", "directory for findings, a trace that replays and a text each; made only if there is one")
	f.StringVarP(&s.output, "output", "o", "text", "form of the report on stdout: text, or json for one document")
	f.StringVar(&s.system, "system", system, "system under test: "+strings.Join(s.known.names(), ", "))
	f.DurationVar(&s.stall, "stall", 30*time.Second, "wall time without a step after which a worker counts as stalled")
}

// campaignFlags adds the flags of run alone.
func (s *settings) campaignFlags(f *pflag.FlagSet) {
	f.StringVar(&s.seed, "seed", "", "one seed, decimal or 0x and hexadecimal")
	f.StringVar(&s.seeds, "seeds", "", "seeds from A to B, both included: A-B")
	f.StringVar(&s.strategy, "strategy", defaultStrategy, "how the scheduler picks what happens next: "+strings.Join(strategies(), ", "))
	f.StringVar(&s.results, "results", string(report.ListFailed), "runs to list one by one: failed, all, none")
	f.IntVar(&s.workers, "workers", runtime.NumCPU(), "worker processes")
	f.IntVar(&s.shrink, "shrink", shrinkDefault, "how many findings, the first ones, to make small")
	f.StringVar(&s.graveyard, "graveyard", graveyardDefault, "directory of earlier findings, which are run first, and of new ones; empty is none")
	f.BoolVar(&s.failFast, "fail-fast", false, "end with the first finding")
	f.BoolVar(&s.coverage, "coverage", false, "print the whole fault grid and every mark, and not only what was never reached")
	f.BoolVar(&s.selfCheck, "self-check", false, "exit with 5 if a mark was never reached")
	f.StringVar(&s.aim, "aim", "", "draw chaos towards marks: their names with commas between, or "+aimUnreached+", which is in each round of "+
		fmt.Sprint(roundLength)+" runs what no earlier round reached")
}

// resolve takes what no flag says from the environment, and checks everything.
func (s *settings) resolve(c *cobra.Command) error {
	var err error
	s.given = make(map[string]bool)
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || err != nil {
			return
		}
		from := ""
		variable := variableOf(f.Name)
		if value := os.Getenv(variable); value != "" && !f.Changed && !s.overruled(c, f.Name) {
			if e := f.Value.Set(value); e != nil {
				err = wrongValue(variable, value, f)
			}
			if s.variables == nil {
				s.variables = make(map[string]string)
			}
			s.variables[f.Name] = variable
			from = " (from " + variable + ")"
		}
		s.given[f.Name] = f.Changed || from != ""
		if f.Value.String() != "" {
			s.effective = append(s.effective, f.Name+"="+f.Value.String()+from)
		}
	})
	if err != nil {
		return err
	}
	warnOfVariables(c)
	return s.check()
}

// called is how a setting was given, for messages: as a flag or by its variable.
func (s *settings) called(flag string) string {
	if variable := s.variables[flag]; variable != "" {
		return variable
	}
	return "--" + flag
}

// overruled reports whether a variable says something about seeds that a flag has already decided.
func (s *settings) overruled(c *cobra.Command, name string) bool {
	return name == "seed" && c.Flags().Changed("seeds") || name == "seeds" && c.Flags().Changed("seed")
}

func (s *settings) check() error {
	oneOf := func(flag, value string, allowed ...string) error {
		if value == "" || slices.Contains(allowed, value) {
			return nil
		}
		return usage("it takes "+strings.Join(allowed, ", "), "%s %q is unknown%s", s.called(flag), value, didYouMean(value, allowed, ""))
	}
	for _, err := range []error{
		oneOf("output", s.output, "text", "json"),
		oneOf("results", s.results, string(report.ListFailed), string(report.ListAll), string(report.ListNone)),
		oneOf("system", s.system, s.known.names()...),
		oneOf("strategy", s.strategy, strategies()...),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case s.seed != "" && s.seeds != "":
		return usage("", "%s and %s exclude each other", s.called("seed"), s.called("seeds"))
	case s.workers < 0:
		return usage("", "%s %d is negative", s.called("workers"), s.workers)
	case s.shrink < 0:
		return usage("0 makes none small", "%s %d is negative", s.called("shrink"), s.shrink)
	case s.stall < 0:
		return usage("", "%s %s is negative", s.called("stall"), s.stall)
	case s.aim != "" && s.aim != aimUnreached:
		return s.checkAim()
	case s.out == "":
		return usage("--out . is this directory", "%s is empty", s.called("out"))
	}
	return nil
}

// strategies are those that --strategy takes; replay is a verb of its own.
func strategies() []string {
	return append(slices.DeleteFunc(sim.Strategies(), func(name string) bool { return name == "replay" }), perturbation)
}

// String tells the effective settings, so that a failure can be repeated elsewhere.
func (s *settings) String() string {
	return fmt.Sprintf("settings: %s %s", strings.Join(s.effective, " "), runtime.Version())
}
