package proptest_test

import (
	"testing"

	"github.com/holdfast-sim/holdfast/examples/buggy"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/proptest"
)

// In the driver's own go test.
func ExampleCheck() {
	_ = func(t *testing.T) { // func TestDriver(t *testing.T)
		proptest.Check(t, buggy.New)
	}
}

// Long stories, and nothing but what tells of two writers.
func ExampleProfile() {
	_ = func(t *testing.T) {
		proptest.Check(t, buggy.New, proptest.Profile(scenarios.Profile{StepsMin: 20, StepsMax: 60}), proptest.Only("S1", "S2"))
	}
}
