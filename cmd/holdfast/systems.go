package main

import (
	"maps"
	"slices"

	"github.com/holdfast-sim/holdfast/examples/buggy"
	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/sim"
)

// defaultSystem is our own: attachment, reconciler and their CSI controller.
const defaultSystem = "holdfast"

// catalog holds systems under test by name.
type catalog map[string]sim.Builder

// names returns the names, sorted.
func (c catalog) names() []string { return slices.Sorted(maps.Keys(c)) }

// systems are the systems under test by name. To try your own driver, add a line here, or call sim.Run in a test of yours.
func systems() catalog {
	return catalog{
		defaultSystem:   stock.Builder,
		"example-buggy": buggy.New,
	}
}
