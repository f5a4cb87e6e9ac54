package proptest

import (
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
)

// Option changes what Check draws.
type Option interface{ apply(*options) }

type options struct {
	profile  scenarios.Profile
	scenario *scenarios.Scenario
	only     []string
	run      []sim.Option
}

type optionFunc func(*options)

func (f optionFunc) apply(o *options) { f(o) }

// Profile narrows the scenarios that are drawn. By default they have 2 to 16 steps, and everything may happen.
func Profile(p scenarios.Profile) Option {
	return optionFunc(func(o *options) { o.profile = p })
}

// Of takes the steps and faults from one scenario instead of drawing any: what is drawn is which of them stay.
func Of(s *scenarios.Scenario) Option { return optionFunc(func(o *options) { o.scenario = s }) }

// Only makes findings of these invariants alone (S1 to S20, L1 to L10), and of a run that comes to no end.
func Only(invariants ...string) Option { return optionFunc(func(o *options) { o.only = invariants }) }

// With passes options on to sim.Run.
func With(opts ...sim.Option) Option {
	return optionFunc(func(o *options) { o.run = append(o.run, opts...) })
}
