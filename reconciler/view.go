package reconciler

import (
	"maps"
	"slices"

	"github.com/holdfast-sim/holdfast/attachment"
)

// view is what a pass looks through: the Manager, or what it had at one moment.
type view interface {
	Nodes(visit func(name, uid string) bool)
	On(name string) []attachment.Instance
}

// frozen are instances by the name of their node.
type frozen map[string][]attachment.Instance

func snapshot(v view) frozen {
	now := make(frozen)
	v.Nodes(func(name, _ string) bool {
		if on := v.On(name); len(on) > 0 {
			now[name] = on
		}
		return true
	})
	return now
}

// Nodes implements view.
func (f frozen) Nodes(visit func(name, uid string) bool) {
	for name, on := range f {
		for _, i := range on {
			if !visit(name, i.UID) {
				return
			}
		}
	}
}

// On implements view.
func (f frozen) On(name string) []attachment.Instance { return f[name] }

func (f frozen) all() (all []attachment.Instance) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		all = append(all, f[name]...)
	}
	return all
}
