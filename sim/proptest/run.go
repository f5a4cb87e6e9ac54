package proptest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// run is a run, and what it was drawn from.
type run struct {
	*sim.Result
	scenario *scenarios.Scenario
	choices  *choices
	recorded bytes.Buffer
}

// finding is what the run broke, among what counts, and how; what is "" if it broke nothing. The same draws give the same text.
func (r *run) finding(counts func(what string) bool) (what, why string) {
	for _, v := range r.Verdict.Violations() {
		if counts(v.Invariant) {
			return v.Invariant, v.Title + ": " + v.Message
		}
	}
	switch what = string(r.Outcome); {
	case r.Outcome == sim.Held, r.Outcome == sim.Violated:
		return "", ""
	case r.Outcome == sim.Crashed:
		why, _, _ = strings.Cut(r.Message, "\n")
	default:
		why = fmt.Sprintf("after %d steps", r.Steps)
	}
	return what, why
}

// turnsShown bounds the turns out of order that a run tells.
const turnsShown = 12

// GoString is how rapid shows the run: what was out of the ordinary, and the scenario.
func (r *run) GoString() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps on the timeline, %d rules of faults, %v, trace %.12s\n", len(r.scenario.Spec.Timeline), len(r.scenario.Spec.Faults), r.choices, r.TraceHash)
	for i, turn := range r.outOfOrder() {
		if i == turnsShown {
			fmt.Fprintln(&b, "out of order: and more")
			break
		}
		fmt.Fprintln(&b, "out of order:", turn)
	}
	b.Write(scenarios.Format(r.scenario))
	return b.String()
}

// outOfOrder names the turns that were taken out of order, by step and label.
func (r *run) outOfOrder() (turns []string) {
	_, events, _ := trace.Read("", bytes.NewReader(r.recorded.Bytes())) // what can be read of it
	seen := 0
	for _, e := range events {
		if e.Label != "" && e.Step > seen && slices.Contains(r.choices.turns, e.Step) {
			seen = e.Step
			turns = append(turns, fmt.Sprintf("step %d, %s", e.Step, e.Label))
		}
	}
	return turns
}
