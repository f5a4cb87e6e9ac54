// Package envelope names the settings whose border somebody may ask for: how short may the grace period be, how far may watches lag behind,
// how rare may passes be, how slow may calls be, before an invariant breaks?
//
//	for _, a := range envelope.Axes() {
//		for _, v := range a.Values { ... run a.At(scenario, v) ... }
//	}
package envelope

import (
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// Axis is one setting of a scenario.
type Axis struct {
	// Name is the word for it, Meaning what it is.
	Name, Meaning string
	// Values are those to look at, in ascending order.
	Values []time.Duration

	set func(*scenarios.Spec, scenarios.Duration)
}

// Axes returns all of them.
func Axes() []Axis {
	return []Axis{
		{
			"grace", "grace period", seconds(1, 2, 5, 10, 30, 60, 300, 900),
			func(s *scenarios.Spec, d scenarios.Duration) { s.Reconciler.GracePeriod = d },
		},
		{
			"lag", "how far watches lag behind, at most", append([]time.Duration{0, 50 * time.Millisecond}, seconds(1, 5, 20, 60, 180)...),
			func(s *scenarios.Spec, d scenarios.Duration) { s.Deliver = scenarios.Latency{Max: d} },
		},
		{
			"interval", "time between passes", seconds(1, 5, 15, 60, 300, 1800, 7200),
			func(s *scenarios.Spec, d scenarios.Duration) { s.Reconciler.Interval = d },
		},
		{
			"latency", "time that calls take, at most", append([]time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond}, seconds(1, 3, 6, 12)...),
			func(s *scenarios.Spec, d scenarios.Duration) { s.Latency = scenarios.Latency{Max: d} },
		},
	}
}

func seconds(values ...int) []time.Duration {
	all := make([]time.Duration, len(values))
	for i, v := range values {
		all[i] = time.Duration(v) * time.Second
	}
	return all
}

// At returns the scenario with the setting at a value.
func (a Axis) At(s *scenarios.Scenario, value time.Duration) *scenarios.Scenario {
	c := *s
	a.set(&c.Spec, scenarios.Duration(value))
	return &c
}

// Halve returns the value in the middle of two, and false if they are too near to each other for another look: a tenth of the larger one.
func Halve(a, b time.Duration) (time.Duration, bool) {
	low, high := min(a, b), max(a, b)
	middle := (low + (high-low)/2).Round(time.Millisecond)
	return middle, high-low > high/10 && middle > low && middle < high
}
