package sim

import (
	"io"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Option changes how Run runs.
type Option interface{ apply(*options) }

type options struct {
	seed     uint64
	strategy string
	system   string
	trace    io.Writer
	maxSteps int
	keep     bool
	recorded []trace.Event
	choices  choice.Source
	noted    bool
	walk     *explore.Walk
	effects  []fault.Effect
}

type optionFunc func(*options)

func (f optionFunc) apply(o *options) { f(o) }

// A run that would not end by itself ends after so many steps, and so many more for each entry of its timeline. The longest scenario of
// the library takes a twentieth; a publish that nothing disturbs takes some thirty, with all that follows.
const (
	maxStepsDefault = 200_000
	maxStepsEach    = 100
)

// Seed sets the seed of every decision; default 1, or that of a resolved scenario.
func Seed(seed uint64) Option { return optionFunc(func(o *options) { o.seed = seed }) }

// Strategy names the scheduler's strategy; default random, or that of a resolved scenario.
func Strategy(name string) Option { return optionFunc(func(o *options) { o.strategy = name }) }

// SystemName is the name of the system under test that goes into the trace's header.
func SystemName(name string) Option { return optionFunc(func(o *options) { o.system = name }) }

// TraceTo streams the trace to w while it runs.
func TraceTo(w io.Writer) Option { return optionFunc(func(o *options) { o.trace = w }) }

// MaxSteps ends a run after n steps; its verdict is inconclusive then, where it is not violated.
func MaxSteps(n int) Option { return optionFunc(func(o *options) { o.maxSteps = n }) }

// KeepEvents keeps every event in Result.Events.
func KeepEvents() Option { return optionFunc(func(o *options) { o.keep = true }) }

// NoteTurns notes in Result.Turns what the strategy takes out of order.
func NoteTurns() Option { return optionFunc(func(o *options) { o.noted = true }) }

// Replay follows the labels and the fault effects of a recorded run.
func Replay(events []trace.Event) Option {
	return optionFunc(func(o *options) { o.strategy, o.recorded = "replay", events })
}

// Choices lets a source answer every question of the run, in place of the seed. The seed still seeds math/rand. What the
// source answers is not in the trace: repeat such a run by the same answers, not by a replay of its trace.
func Choices(src choice.Source) Option {
	return optionFunc(func(o *options) { o.strategy, o.choices = "drawn", src })
}

// Strategies lists the names that Strategy takes: random picks one point at a time, each with the same probability; pct lets one
// actor go on until it waits, with a few changes at random (sched.PCT); pos shares the chance among orders that differ in what
// races (sched.POS); round-robin lets the actors take turns; in-order lets each go on until it waits (sched.InOrder); recheck is random,
// run twice and compared; pairs picks two points for each step (see pairs.go); replay follows a trace.
func Strategies() []string {
	return []string{"random", "pct", "pos", "round-robin", inOrder, pairs, "recheck", "replay"}
}
