package proptest

import (
	"reflect"
	"slices"
	"strings"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/choice"
)

// drawScenario draws a scenario of chaos and leaves parts of it out. The generator tells stories, in which one thing leads to
// the next, and would tell a wholly different one if a single answer changed; so its answers follow from a drawn seed, and
// what shrinks is what is left of its story.
func drawScenario(draw choice.Source, p scenarios.Profile) *scenarios.Scenario {
	seed := uint64(0)
	for range 20 {
		seed = 2*seed + uint64(draw.Choose("seed", 2))
	}
	return leaveOut(draw, scenarios.Chaos(choice.Seeded(seed), p))
}

// leaveOut draws which steps and faults of a scenario stay. An answer of 0 leaves out.
func leaveOut(draw choice.Source, full *scenarios.Scenario) *scenarios.Scenario {
	s := *full
	spec := &s.Spec
	spec.Timeline = slices.DeleteFunc(slices.Clone(spec.Timeline), func(scenarios.Step) bool { return draw.Choose("step", 8) == 0 })
	spec.Timeline = endCalls(spec.Timeline, full.Spec.Timeline)
	spec.Faults = slices.DeleteFunc(slices.Clone(spec.Faults), func(scenarios.Fault) bool { return draw.Choose("rule", 2) == 0 })
	if draw.Choose("latency", 4) == 0 {
		spec.Latency = scenarios.Latency{}
	}
	if draw.Choose("deliver", 4) == 0 {
		spec.Deliver = scenarios.Latency{}
	}
	if draw.Choose("bystanders", 4) == 0 {
		dropBystanders(spec)
	}
	return &s
}

// endCalls mends what was left out of the calls of the Manager's own methods: what they track nobody else untracks. So if any
// are left, the last ones of the full timeline, which untrack, stay; else they go too.
func endCalls(left, full []scenarios.Step) []scenarios.Step {
	untracks := func(s scenarios.Step) bool { return s.Call != nil && s.Call.Method == "UntrackAttachment" }
	left = slices.DeleteFunc(left, untracks)
	if !slices.ContainsFunc(left, tracks) {
		return left
	}
	for len(full) > 0 && !untracks(full[len(full)-1]) {
		full = full[:len(full)-1]
	}
	from := len(full)
	for from > 0 && untracks(full[from-1]) {
		from--
	}
	left = append(left, full[from:]...)
	slices.SortStableFunc(left, func(a, b scenarios.Step) int { return int(a.At - b.At) })
	return left
}

func tracks(s scenarios.Step) bool {
	return s.Call != nil && (strings.HasPrefix(s.Call.Method, "Track") || s.Call.Method == "AddSecondaryAttachment")
}

// dropBystanders drops the volumes and nodes that no step names. One of each stays.
func dropBystanders(spec *scenarios.Spec) {
	named := make(map[string]bool)
	for _, s := range spec.Timeline {
		collect(reflect.ValueOf(s), named)
	}
	volumes := slices.DeleteFunc(slices.Clone(spec.Volumes), func(v scenarios.Volume) bool { return !named[v.Name] })
	nodes := slices.DeleteFunc(slices.Clone(spec.Nodes), func(n scenarios.Node) bool { return !named[n.Name] })
	if len(volumes) == 0 {
		volumes = spec.Volumes[:1]
	}
	if len(nodes) == 0 {
		nodes = spec.Nodes[:1]
	}
	spec.Volumes, spec.Nodes = volumes, nodes
}

// collect notes every text in a value.
func collect(v reflect.Value, texts map[string]bool) {
	switch v.Kind() {
	case reflect.String:
		texts[v.String()] = true
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), texts)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			collect(v.Field(i), texts)
		}
	}
}
