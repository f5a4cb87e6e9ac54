package naive_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/examples/naive"
	"github.com/holdfast-sim/holdfast/sim/conformance"
)

// A driver's own test would be conformance.Test(t, naive.New). Each of the four bugs fails it, and so does what the driver never asks: whether
// the arguments are there, the node and the volume exist.
func TestConformance(t *testing.T) {
	broken := conformance.Broken(t, naive.New)
	require.Contains(t, broken, "restart", "it remembers in memory alone")
	require.Contains(t, broken, "revoke-fails", "it forgets before the backend lets go")
	require.Contains(t, broken, "unpublish-of-another-node", "it does not look at the node")
	require.Contains(t, broken, "readers", "it takes every mode for a single writer's")
	require.Equal(t, []string{
		"missing-arguments", "unknown-node", "unknown-volume", "incompatible-capability", "two-writers-of-a-shared-volume", "readers",
		"unpublish-of-another-node", "unpublish-without-a-node", "revoke-fails", "restart", "node-deleted",
	}, broken)
}

// What is left out is skipped, and all else is asked.
func TestTheRestOfConformance(t *testing.T) {
	var options []conformance.Option
	for _, name := range conformance.Broken(t, naive.New) {
		options = append(options, conformance.Skip(name, "a bug that is meant"))
	}
	conformance.Test(t, naive.New, options...)
	require.Less(t, len(options), len(conformance.Names()))
}
