// Package history tells whether the calls on one volume can be put in one order that a sequential manager would have
// answered alike. Such a history is linearizable; one for which no order is left has told somebody something untrue.
//
// A History is the calls of one volume, each from its call to its return, and what happened around them. Check judges it:
//
//	r := history.Check(h)
//	if r.Outcome == history.Broken {
//		fmt.Println(h.Ops[r.First], r.Before)
//	}
//
// Visualize draws it, as a page of github.com/anishathalye/porcupine, whose search is behind Check.
//
// The sequential manager is nondeterministic. A call whose reply was lost, or whose process died, may have been done or not,
// and a holder whose node is gone may have been cleared or not. So each node is out, in, or either: a set of states, kept as
// the product that it is. An answer that leaves no state over is impossible; one that leaves fewer is a discovery.
package history
