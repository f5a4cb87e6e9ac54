package proptest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// The length of drawn timelines. Long stories are the seeds' business (sim.TestChaos): a short one shrinks to the end.
const (
	stepsMin = 2
	stepsMax = 16
)

// Check draws runs of the system that build makes, and fails t with the simplest run that it finds for the first invariant
// that breaks. That run's trace lies in t's artifact directory.
func Check(t *testing.T, build sim.Builder, opts ...Option) {
	t.Helper()
	c := &checker{t: t, build: build}
	c.profile = scenarios.Profile{Name: "drawn", StepsMin: stepsMin, StepsMax: stepsMax}
	for _, o := range opts {
		o.apply(&c.options)
	}
	defer c.report()
	rapid.Check(t, func(rt *rapid.T) {
		// Drawn inside a generator, a run is one draw in rapid's output; each bit of it would be a line of its own.
		c.judge(rt, rapid.Custom(c.play).Draw(rt, "run"))
	})
}

type checker struct {
	options
	t      *testing.T
	build  sim.Builder
	broken string // what the first finding broke: shrinking must not slip to another
	last   *run   // the last run that broke it, which is the simplest one in the end
}

// play draws a run.
func (c *checker) play(rt *rapid.T) *run {
	draw := Source(rt)
	var s *scenarios.Scenario
	if c.scenario != nil {
		s = leaveOut(draw, c.scenario)
	} else {
		s = drawScenario(draw, c.profile)
	}
	r := &run{scenario: s, choices: newChoices(draw)}
	name := sim.SystemName("go test: " + c.t.Name())
	r.Result = sim.Run(c.t, c.build, s, append([]sim.Option{name}, append(c.run, sim.Choices(r.choices), sim.TraceTo(&r.recorded))...)...)
	return r
}

// judge fails rt if the run broke anything, or, when something has been found, the same.
func (c *checker) judge(rt *rapid.T, r *run) {
	what, why := r.finding(func(what string) bool {
		return c.broken == what || c.broken == "" && (len(c.only) == 0 || slices.Contains(c.only, what))
	})
	if what == "" || c.broken != "" && c.broken != what {
		return
	}
	c.broken, c.last = what, r
	if r.Outcome == sim.Stalled { // what stalled is still there, and no later run would ever be still
		c.t.Fatalf("%s: %s\n%#v", what, why, r)
	}
	rt.Fatalf("%s: %s", what, why)
}

// report writes down the simplest run.
func (c *checker) report() {
	r := c.last
	if r == nil || !c.t.Failed() {
		return
	}
	out := report.Run{
		Scenario: r.Scenario, Seed: r.Seed, Strategy: r.Strategy, Outcome: r.Outcome, Verdict: r.Verdict, Message: r.Message,
		Again: "go test -run '^" + strings.ReplaceAll(c.t.Name(), "/", "$/^") + "$', which tries the fail file first",
	}
	path := filepath.Join(c.t.ArtifactDir(), "holdfast.trace")
	if err := os.WriteFile(path, r.recorded.Bytes(), 0o644); err == nil {
		out.Trace = path
	}
	if _, events, err := trace.Read(path, &r.recorded); err == nil {
		out.Tell(events)
	}
	var text bytes.Buffer
	_ = report.Failure(&text, out)                                                   // a bytes.Buffer takes everything
	story := strings.Replace(text.String(), fmt.Sprintf(" seed=%#x", r.Seed), "", 1) // it decides nothing here
	c.t.Logf("\n%s  trace:    %s (kept with go test -artifacts)", story, out.Trace)
}
