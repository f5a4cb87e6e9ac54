// Package model is the oracle: it says whether a trace keeps the invariants of volume attachment.
//
// A verdict is a function of a trace and of nothing else. The package runs no system, reads no clock and shares no code with
// what it judges: it builds its own picture of the world from the events (the API objects, the caches, the memory of the
// system, the persisted record, the storage backend) and asks the invariants of SPEC.md section 5 after every step.
//
// The smallest use:
//
//	v := model.Check(header, events)
//	fmt.Println(v.Outcome())
//	for _, r := range v.Violations() {
//		fmt.Println(r)
//	}
//
// A run that is still going feeds a Checker event by event and asks for the verdict when it has ended.
//
// The nouns are few. An instance is one attachment as somebody knows it: volume, node name, node uid and epoch. An Invariant
// is judged in parts, because a part may need a probe that a system does not offer; such a part is not judged, and is never
// called held. A removal is an instance that left the system's memory, together with the reason that the trace gives for it.
// A moment is a step and its virtual time.
//
// Where the specification leaves a system free, the oracle is silent. What it may not know for sure (which of two overlapping
// calls came first, whether a caller that gave up was served) counts in favour of the system.
package model
