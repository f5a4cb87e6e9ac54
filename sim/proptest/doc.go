// Package proptest tests a driver with property-based testing: rapid draws what happens in the cluster, which requests fail
// and how, and who goes on at every step. When a run breaks an invariant, rapid looks for the simplest run that breaks the
// same one: fewer steps, fewer faults, fewer turns out of order, all at once.
//
//	func TestDriver(t *testing.T) {
//		proptest.Check(t, mydriver.New)
//	}
//
// It works as other tests with pgregory.net/rapid do: -rapid.checks sets the number of runs, -rapid.seed where they begin,
// -rapid.shrinktime how long to simplify; a failure leaves a file in testdata/rapid, which later tests try first, and which
// -rapid.failfile names. Do not run tests in parallel with it: see sim.Run.
//
// Its nouns are rapid's draws, the Source that hands them out as answers, and the run that they make.
package proptest
