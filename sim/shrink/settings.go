package shrink

import (
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// settings makes plain what need not be special: of the whole, and then of each volume, node, step and fault.
func (m *minimizer) settings() {
	for _, f := range []func(*scenarios.Spec){
		func(s *scenarios.Spec) { s.Latency, s.Deliver = scenarios.Latency{}, scenarios.Latency{} },
		func(s *scenarios.Spec) { s.Latency = scenarios.Latency{} },
		func(s *scenarios.Spec) { s.Deliver = scenarios.Latency{} },
		func(s *scenarios.Spec) { s.Assume = scenarios.Assume{} },
		func(s *scenarios.Spec) { s.Backend = scenarios.Backend{} },
		func(s *scenarios.Spec) { s.Backend.MaxHolders = 0 },
		func(s *scenarios.Spec) { s.Reconciler = scenarios.Reconciler{} },
		func(s *scenarios.Spec) { s.Reconciler.GracePeriod = 0 },
		func(s *scenarios.Spec) { s.Reconciler.Interval = 0 },
		func(s *scenarios.Spec) { s.Timeline = rounded(s.Timeline, time.Minute) },
		func(s *scenarios.Spec) { s.Timeline = rounded(s.Timeline, time.Second) },
	} {
		m.try(m.edit(f))
	}
	if m.Scenario.Spec.Resolved.Strategy == "" { // else the seed draws the order
		m.try(m.edit(func(s *scenarios.Spec) {
			r := *s.Resolved
			r.Seed = 1
			s.Resolved = &r
		}))
	}
	m.sooner()
	each(m, func(s *scenarios.Spec) *[]scenarios.Volume { return &s.Volumes }, plainVolume)
	each(m, func(s *scenarios.Spec) *[]scenarios.Node { return (*[]scenarios.Node)(&s.Nodes) }, plainNode)
	each(m, func(s *scenarios.Spec) *[]scenarios.Step { return &s.Timeline }, plainStep)
	each(m, func(s *scenarios.Spec) *[]scenarios.Fault { return &s.Faults }, plainFault)
}

// rounded puts every step at a whole multiple of unit.
func rounded(steps []scenarios.Step, unit time.Duration) []scenarios.Step {
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i].At = scenarios.Duration(time.Duration(steps[i].At).Truncate(unit))
	}
	return steps
}

// sooner makes the gaps between steps short, and round.
func (m *minimizer) sooner() {
	for i := 0; i < len(m.Scenario.Spec.Timeline); i++ {
		var before scenarios.Duration
		if i > 0 {
			before = m.Scenario.Spec.Timeline[i-1].At
		}
		var candidates []*scenarios.Scenario
		for _, gap := range []time.Duration{0, time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute} {
			less := m.Scenario.Spec.Timeline[i].At - before - scenarios.Duration(gap)
			if less <= 0 {
				break
			}
			candidates = append(candidates, m.edit(func(spec *scenarios.Spec) {
				spec.Timeline = slices.Clone(spec.Timeline)
				for j := i; j < len(spec.Timeline); j++ {
					spec.Timeline[j].At -= less
				}
			}))
		}
		m.try(candidates...)
	}
}

// each tries the simpler forms of every entry of a list.
func each[T any](m *minimizer, list func(*scenarios.Spec) *[]T, simpler func(T) []T) {
	for i := range *list(&m.Scenario.Spec) {
		for again := true; again && m.going(); {
			var candidates []*scenarios.Scenario
			for _, x := range simpler((*list(&m.Scenario.Spec))[i]) {
				candidates = append(candidates, m.edit(func(spec *scenarios.Spec) {
					all := list(spec)
					*all = slices.Clone(*all)
					(*all)[i] = x
				}))
			}
			again = m.try(candidates...) >= 0
		}
	}
}

func plainVolume(v scenarios.Volume) []scenarios.Volume {
	plain, once := v, v
	plain = scenarios.Volume{Name: v.Name, AccessMode: v.AccessMode}
	once.AccessMode = "ReadWriteOnce"
	return []scenarios.Volume{plain, once}
}

func plainNode(n scenarios.Node) []scenarios.Node { return []scenarios.Node{{Name: n.Name}} }

// plainStep returns simpler forms of a step.
func plainStep(s scenarios.Step) (simpler []scenarios.Step) {
	at := func(x scenarios.Step) { x.At = s.At; simpler = append(simpler, x) }
	simpler = rounded([]scenarios.Step{s}, time.Second)
	switch {
	case s.Publish != nil:
		at(scenarios.Step{Publish: &scenarios.Attachment{Volume: s.Publish.Volume, Node: s.Publish.Node}})
	case s.Unpublish != nil:
		at(scenarios.Step{Unpublish: &scenarios.Attachment{Volume: s.Unpublish.Volume, Node: s.Unpublish.Node}})
	case s.Trigger != nil:
		at(scenarios.Step{Trigger: &scenarios.Times{}})
	case s.Crash != nil:
		at(scenarios.Step{Crash: &scenarios.Downtime{For: scenarios.Duration(time.Second)}})
	case s.Depose != nil:
		at(scenarios.Step{Depose: &scenarios.Downtime{For: scenarios.Duration(time.Second)}})
	case s.Outage != nil:
		at(scenarios.Step{Outage: &scenarios.Outage{For: s.Outage.For}})
	case s.Disconnect != nil:
		at(scenarios.Step{Disconnect: &scenarios.Resource{Resource: s.Disconnect.Resource}})
	case len(s.Lifecycle) > 1:
		for i := range s.Lifecycle {
			at(scenarios.Step{Lifecycle: slices.Delete(slices.Clone(s.Lifecycle), i, i+1)})
		}
	}
	return simpler
}

// plainFault returns a fault that is told in fewer words: always in place of by chance, and without a bound in time.
func plainFault(f scenarios.Fault) []scenarios.Fault {
	always, whenever, quick := f, f, f
	always.Chance = 0
	whenever.On.From, whenever.On.Until = 0, 0
	if f.Effect.Delays() {
		quick.For = scenarios.Duration(time.Duration(f.For).Truncate(time.Second))
	}
	return []scenarios.Fault{always, whenever, quick}
}
