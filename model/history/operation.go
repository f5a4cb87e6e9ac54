package history

import "math"

// Kind is what an operation asks for, or does.
type Kind uint8

// The kinds. Callers acquire and release; the rest happens around them.
const (
	// Acquire asks for the volume on a node, as publish does.
	Acquire Kind = iota
	// Join does so beside a node that has the volume already, as AddSecondaryAttachment does.
	Join
	// Release gives it back on a node, or on every node if that is empty, as unpublish does.
	Release
	// Lapse is the moment from which on a node's access may end without a call: its Node object went, or a restart forgot it.
	Lapse
	// Surmise is the moment from which on a node may be taken for one that has the volume: whoever restarted found a hint.
	Surmise
)

// Outcome is how an operation ended, as far as it can be known.
type Outcome uint8

// The outcomes.
const (
	// Done means that the answer was OK.
	Done Outcome = iota
	// Unknown means that it may be done or not: the reply was lost, the process died, or the answer asks to try again.
	Unknown
	// Taken means that it was refused because of who else has the volume.
	Taken
	// OtherMode means that it was refused because the node has the volume in another mode.
	OtherMode
	// Missing means that it was refused because there is no such node or volume.
	Missing
	// Nothing means that it surely changed nothing, and that its answer says nothing.
	Nothing
)

// Never is the return of an operation that has not returned.
const Never = math.MaxInt

// Operation is one call on a volume, from its call to its return, or one thing that happened around the calls.
type Operation struct {
	Num     int // the call's number in its run; 0 for what happens by itself
	Kind    Kind
	Outcome Outcome
	// Node is the Node object's name; empty is every node.
	Node string
	// Life tells one Node object from another of the same name, from 1; 0 is unknown, and equals any.
	Life int
	// Mode is the access mode asked for; empty is unknown, and agrees with any.
	Mode string
	// Fleeting means of a node that has just got the volume that it may lose it at once without a call: the Node went meanwhile.
	// Of a release it means that the driver's own name for the node could not be looked up, so that only an access that was
	// sure has surely ended.
	Fleeting bool
	// Excused means of a refusal that its reason lies outside of the calls.
	Excused bool
	// Call and Return are steps of the trace, of which each has one event at most that matters.
	Call, Return int
	// Text says in words what was asked, and what was answered.
	Text string
}

// String returns the operation in words.
func (o *Operation) String() string { return o.Text }

// History is what happened to one volume.
type History struct {
	Volume string
	// Mode is the volume's own access mode; empty if callers need not keep to it.
	Mode string
	// MaxHolders bounds the holders of a ReadWriteMany volume; 0 is unbounded.
	MaxHolders int
	// Ops are ordered by their calls.
	Ops []*Operation
}
