package shrink

import (
	"bytes"
	"slices"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// schedule tries the plain order, without any turn, and else the same schedule told by its turns. A finding that needs neither is
// left to the strategy that made it: its seed draws the same schedule for as long as operations only go.
func (m *minimizer) schedule() {
	plain := m.edit(func(spec *scenarios.Spec) { resolve(spec, nil) })
	m.try(plain)
}

// turns tells the schedule by what happens out of order, and leaves out what need not.
func (m *minimizer) turns() {
	if m.Scenario.Spec.Resolved.Strategy != "" {
		noted := m.Trial.Run.Turns
		if m.try(m.edit(func(spec *scenarios.Spec) { resolve(spec, nil) }), m.edit(func(spec *scenarios.Spec) { resolve(spec, noted) })) < 0 {
			return
		}
	}
	drop(m, func(s *scenarios.Spec) *[]scenarios.Turn { return &s.Turns })
}

// resolve gives a scenario the strategy in-order.
func resolve(spec *scenarios.Spec, turns []scenarios.Turn) {
	r := *spec.Resolved
	r.Strategy = ""
	spec.Resolved, spec.Turns = &r, turns
}

// hitsMax bounds the requests that a fault's rule may have met, if they are to be told one by one.
const hitsMax = 60

// byLabel replaces faults that meet requests by chance, or several, by faults of single requests, and leaves out those that the finding does
// not need.
func (m *minimizer) byLabel() {
	if !slices.ContainsFunc(m.Scenario.Spec.Faults, func(f scenarios.Fault) bool { return f.On.Label == "" && f.On.Nth == 0 }) {
		return
	}
	hits := m.hits()
	if len(hits) == 0 || len(hits) > hitsMax {
		return
	}
	if m.try(m.edit(func(spec *scenarios.Spec) { spec.Faults = hits })) >= 0 {
		m.faults()
	}
}

// hits are the requests that a fault met in the smallest run, while the plan was in force.
func (m *minimizer) hits() []scenarios.Fault {
	_, events, err := trace.Read("tape", bytes.NewReader(m.Trial.Tape))
	if err != nil {
		return nil
	}
	return Hits(events)
}

// Hits returns the faults of a run one by one, each at the label of the request that it met.
func Hits(events []trace.Event) (hits []scenarios.Fault) {
	seen := make(map[string]bool)
	for _, e := range events {
		if e.Kind != trace.Call || e.Fault == "" || e.Late && e.Fault == string(fault.LateEffect) || seen[e.Label] {
			continue
		}
		seen[e.Label] = true
		f := scenarios.Fault{On: scenarios.On{Label: e.Label}, Effect: fault.Effect(e.Fault)}
		if f.Effect.Delays() {
			f.For = scenarios.Duration(e.Limit)
		}
		hits = append(hits, f)
	}
	return hits
}
