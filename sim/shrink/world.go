package shrink

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// world makes volumes and nodes one where two are not needed, and leaves out those that nothing names.
func (m *minimizer) world() {
	for again := true; again && m.going(); {
		var candidates []*scenarios.Scenario
		for i := range m.Scenario.Spec.Volumes {
			candidates = append(candidates, m.withoutVolume(i, i))
			for into := range i {
				candidates = append(candidates, m.withoutVolume(i, into))
			}
		}
		for i := range m.Scenario.Spec.Nodes {
			candidates = append(candidates, m.withoutNode(i, i))
			for into := range i {
				candidates = append(candidates, m.withoutNode(i, into))
			}
		}
		again = m.try(candidates...) >= 0
	}
}

// withoutVolume leaves a volume out; what is done to it is done to another one, or if that is the same, not at all.
func (m *minimizer) withoutVolume(i, into int) *scenarios.Scenario {
	return m.edit(func(spec *scenarios.Spec) {
		gone, kept := spec.Volumes[i], spec.Volumes[into]
		spec.Volumes = slices.Delete(slices.Clone(spec.Volumes), i, i+1)
		rewrite(spec, func(volume, node string) (string, string, bool) {
			if volume == gone.Name {
				return kept.Name, node, i != into
			}
			return volume, node, true
		})
	})
}

// withoutNode is the same for a node.
func (m *minimizer) withoutNode(i, into int) *scenarios.Scenario {
	return m.edit(func(spec *scenarios.Spec) {
		gone, kept := spec.Nodes[i], spec.Nodes[into]
		spec.Nodes = slices.Delete(slices.Clone(spec.Nodes), i, i+1)
		rewrite(spec, func(volume, node string) (string, string, bool) {
			if node == gone.Name {
				return volume, kept.Name, i != into
			}
			return volume, node, true
		})
	})
}

// rename gives volumes and nodes the names that a reader expects: node-1 to node-n in their order, and disk-1 to disk-n. A schedule
// goes by the order of names, so that it may not do.
func (m *minimizer) rename() {
	full := m.Scenario.Defaults().Spec
	m.try(m.edit(func(spec *scenarios.Spec) {
		names := make(map[string]string)
		spec.Nodes, spec.Volumes = slices.Clone(spec.Nodes), slices.Clone(spec.Volumes)
		for i := range spec.Nodes {
			names[full.Nodes[i].Name] = "node-" + strconv.Itoa(i+1)
			spec.Nodes[i].Name, spec.Nodes[i].ID = names[full.Nodes[i].Name], ""
		}
		for i := range spec.Volumes {
			v := full.Volumes[i]
			names[v.Name], names[v.PV] = "disk-"+strconv.Itoa(i+1), "pv-disk-"+strconv.Itoa(i+1)
			spec.Volumes[i].Name, spec.Volumes[i].PV = names[v.Name], ""
		}
		rewrite(spec, func(volume, node string) (string, string, bool) { return names[volume], names[node], true })
		spec.Faults = slices.Clone(spec.Faults)
		for i, f := range spec.Faults {
			spec.Faults[i].On.Name = cmp.Or(names[f.On.Name], f.On.Name)
		}
	}))
}

// rewrite changes the volume and the node of each step, or leaves the step out.
func rewrite(spec *scenarios.Spec, to func(volume, node string) (string, string, bool)) {
	var steps []scenarios.Step
	for _, s := range spec.Timeline {
		if volume, node, keep := to(s.Names()); keep {
			steps = append(steps, s.WithNames(volume, node))
		}
	}
	spec.Timeline = steps
}
