// Package sim runs a storage driver's controller under a virtual clock against a simulated Kubernetes and storage backend,
// lets a seed decide what happens next, and judges what it saw.
//
// Bugs of attachment controllers live in orderings that ordinary tests miss and real clusters show once. Here every request,
// reply, watch event, timer and crash is a point, one point happens at a time, and the same seed is the same run.
//
// A driver plugs in with three methods (System) and a Builder; what else it offers is found by type assertion. In its tests:
//
//	func TestChaos(t *testing.T) { sim.TestChaos(t, mydriver.Build) }
//
// Run performs one scenario under one seed and returns a Result: the verdict of each invariant, the trace's hash, and what
// the run met.
package sim
