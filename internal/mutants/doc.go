// Package mutants proves that the harness catches what it says it catches.
//
// A test suite that is green shows that the code does what the suite looks at, and not that the suite looks at anything. So
// the product is broken on purpose, in many small ways: each patch in testdata takes one care out of attachment, its csi
// and deadline packages, or reconciler. The broken code is built in place of the real one (go build -overlay, the source tree
// is not touched) and put through the same chaos as the real code. A mutant is killed if a run finds something; one that
// survives is a hole in the oracle or in the chaos. The unmutated code goes through the same, and must come out clean.
//
//	product, err := mutants.Product()
//	harness, err := mutants.Harness()
//	score := mutants.Campaign{Root: root, Seeds: 400, Workers: 2}.Run(ctx, product, harness)
//	score.WriteTable(os.Stdout)
//
// A second group breaks the harness itself (testdata/harness): what runs the chaos and judges it must be noticed by a test when
// it is broken. Its patches name that test, and are counted apart.
//
// A patch is found by its lines and not by their numbers, and all of them must be there, once: one that no longer applies fails
// the tests, for it proves nothing any more. How to make one is in testdata/README.md.
//
// The nouns: a Patch is one mutant; a Campaign runs many; a Score is what came of it.
package mutants
