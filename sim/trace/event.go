// Package trace is the narrow waist of Holdfast: a run is a function that ends in a Trace, a verdict is a function of a Trace.
//
// A trace is a header and a list of events, one JSON object a line. An Event says what happened at one step and what an actor
// could see of it; its canonical line goes into a running SHA-256, so that two runs are the same run exactly if their hashes
// are equal. The oracle, the report, replay and shrinking read traces and nothing else.
//
// The smallest use:
//
//	w := trace.NewWriter(file, header)
//	w.Append(trace.Event{Step: 1, Kind: trace.Wake, Label: "p1/clock/wake/timer/5m0s#1"})
//	fmt.Println(w.Hash())
package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Kind says what sort of thing happened. Seven of them are points: each is one step that the scheduler chose. The others
// are observations, made in the step whose number they carry.
type Kind string

// Points: one of these opens each step.
const (
	Op      Kind = "op"      // an operation starts (publish, unpublish, start, stop, deleteNode, ...)
	Call    Kind = "call"    // a request of an actor takes effect at the API server or at the storage backend, or fails
	Reply   Kind = "reply"   // the answer to a call is seen by its caller
	Deliver Kind = "deliver" // a watch event reaches one cache
	Wake    Kind = "wake"    // a timer fires
	Return  Kind = "return"  // the result of an operation reaches its caller
	Process Kind = "process" // an incarnation of the system starts, leads, is deposed, or crashes
)

// Observations: what was seen in the step of the point before them.
const (
	Phase    Kind = "phase"    // the run enters a phase: setup, chaos, heal, converge, drain, quiesce, teardown, or it is cut short: cut
	Change   Kind = "change"   // the API server holds a new version of an object, or an object is gone
	World    Kind = "world"    // the truth changed: a grant, a revoke, a machine, a writer
	Belief   Kind = "belief"   // what the system believes about one instance changed
	Counter  Kind = "counter"  // a metric of the system changed
	Recorded Kind = "recorded" // the system recorded a Kubernetes event
	Trouble  Kind = "trouble"  // a lasting fault begins or ends: outage, lag, pause, clock step
	Probe    Kind = "probe"    // an answer of a probe: sizes, goroutines, a hang
)

// Point reports whether an event of this kind opens a step of its own.
func (k Kind) Point() bool {
	switch k {
	case Op, Call, Reply, Deliver, Wake, Return, Process:
		return true
	}
	return false
}

// RateLimited is the code of a call that its own client held back for longer than its context lasts: it was never sent.
const RateLimited = "RateLimited"

// Event is one line of a trace. It is flat on purpose: a hand can write and edit it. Which fields are set depends on the kind:
//
//	op        Op Verb Volume Node Mode Actor            Verb: publish, unpublish, track..., start, stop, run, trigger, cancel, and the operator's deleteNode, createNode, ...
//	          UID Epoch Limit                           the instance, or the grace, that a method of the Manager is asked for
//	return    Op Verb Volume Node Mode Code Message     Late: the caller had given up before. Message: an error, or a method's answer
//	call      ID Actor Verb Resource Name Node Volume Epoch Code Fault UID Version
//	reply     ID Actor Verb Resource Name Node UID Code Fault Count Message
//	deliver   Verb Resource Name UID Version            Verb: ADDED, MODIFIED, DELETED, ERROR
//	wake      Name                                      what the timer was for, where it is known
//	process   Verb                                      start, lead, depose, crash, stopped
//	phase     Name
//	change    Resource Verb Name UID Version Volume Node State Record   Verb: created, updated, deleting, deleted
//	world     Verb Volume Node UID Epoch                Verb: grant, revoke, fence, write, rest, machineUp, machineDown; a workload begins to write, and ends
//	          Verb Volume Node UID Epoch Count Value Code   Verb io: one write; Count is the number of the write that it is based on, Value its own
//	belief    Volume Node UID Epoch State Mode Time Since Limit         State "" with an empty Node is about the volume: Time is its detach stamp
//	counter   Name Value                                Value is the new value; Name carries its labels, sorted
//	recorded  Name Verb Resource Message                Name: the object, Verb: the reason
//	trouble   Verb Resource Name Limit Proc             Verb ends in Begin or End, or is clockStep
//	probe     Name Value Code Message
//
// Volume is always the volume handle, Node always the name of the Node object, whatever the actor itself used.
type Event struct {
	// Step is the number of the point that this event is, or belongs to. It starts at 1 and grows by one a point.
	Step int `json:"step"`
	// At is the virtual time since the start of the run, monotonic, in nanoseconds. A step of the wall clock does not move it.
	At   time.Duration `json:"at"`
	Kind Kind          `json:"kind"`
	// Label identifies a point: incarnation/actor/verb/resource/name#ordinal. No two waiting points share one.
	Label string `json:"label,omitempty"`
	// Proc is the incarnation of the system, from 1; 0 is the world outside of it.
	Proc int `json:"proc,omitempty"`
	// Actor is who acts inside Proc: op-<n>, run, informer, sidecar, operator, other.
	Actor string `json:"actor,omitempty"`
	// Op is the operation's number in the run; it joins op, return and what the operation's own goroutine calls.
	Op int `json:"op,omitempty"`
	// ID joins a call with its reply.
	ID       int    `json:"id,omitempty"`
	Verb     string `json:"verb,omitempty"`
	Resource string `json:"resource,omitempty"`
	Name     string `json:"name,omitempty"`
	Volume   string `json:"volume,omitempty"`
	Node     string `json:"node,omitempty"`
	UID      string `json:"uid,omitempty"`
	Epoch    uint64 `json:"epoch,omitempty"`
	// Mode is a CSI access mode in Kubernetes' words: ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany, ReadWriteMany.
	Mode string `json:"mode,omitempty"`
	// State is an instance's (held, uncertain, gone), a VolumeAttachment's (wished, attached, deleting), a node's (ready, notReady).
	State string `json:"state,omitempty"`
	// Code is the outcome: OK, or a gRPC code's name (Unavailable, Aborted, ...), or an API reason (NotFound, Conflict, ...).
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Fault is the effect that the fault plan gave this point, in the words of package fault; empty if none.
	Fault string `json:"fault,omitempty"`
	// Version is an object's resourceVersion.
	Version string `json:"version,omitempty"`
	// Record is the value of the annotation holdfast.dev/attachment after a change of a PersistentVolume.
	Record string `json:"record,omitempty"`
	// Count is the number of items in a list's answer.
	Count int `json:"count,omitempty"`
	// Value is a counter's or probe's new value.
	Value float64 `json:"value,omitempty"`
	// Time is a wall-clock stamp as the system tells it (attached at, detached at), in nanoseconds since 1970; 0 if none.
	Time int64 `json:"time,omitempty"`
	// Since is the wall-clock start of a migration, in nanoseconds since 1970; 0 if none.
	Since int64 `json:"since,omitempty"`
	// Limit is a duration that belongs to the event: a migration's timeout, a lag, a clock step.
	Limit time.Duration `json:"limit,omitempty"`
	// Late marks a return whose caller had gone on before, and a call that takes effect when its caller has.
	Late bool `json:"late,omitempty"`
	// Lost marks a return whose caller never saw it.
	Lost bool `json:"lost,omitempty"`
}

// FormatVersion is the version of the trace's text form. A reader refuses what it does not know.
const FormatVersion = 1

// Digest is the SHA-256 of a scenario's own text, in hex, as Header.Digest has it.
func Digest(source []byte) string {
	sum := sha256.Sum256(source)
	return hex.EncodeToString(sum[:])
}

// Header is the first line of a trace: how the run can be repeated, and the facts about the set-up that the oracle needs.
// It stays outside the hash.
type Header struct {
	Format   int    `json:"format"`
	Holdfast string `json:"holdfast"`
	Go       string `json:"go"`
	System   string `json:"system"`
	Scenario string `json:"scenario"` // its name
	Digest   string `json:"digest"`   // SHA-256 of Source
	Source   string `json:"source"`   // the scenario's own text, so that a trace is complete in itself
	Seed     uint64 `json:"seed"`
	Strategy string `json:"strategy"`
	Setup    Setup  `json:"setup"`
}

// Setup is what the oracle must know of a run before its first event.
type Setup struct {
	Volumes []Volume `json:"volumes"`
	// Start is the wall clock at virtual time 0, in nanoseconds since 1970.
	Start    int64         `json:"start"`
	Interval time.Duration `json:"interval"`
	Grace    time.Duration `json:"grace"`
	// MaxHolders bounds the holders of a ReadWriteMany volume; 0 is unbounded.
	MaxHolders int `json:"maxHolders"`
	// NodeDead is the assumption A-dead: a deleted Node object means a machine that no longer writes (SPEC.md section 1).
	NodeDead bool `json:"nodeDead"`
	// Fence says whether the system was given a backend that can fence.
	Fence bool `json:"fence"`
	// Persist says whether PersistentVolumes exist, so that the system's record can be judged.
	Persist bool `json:"persist"`
	// CallLatencyMax is the plan's largest call latency, from which liveness bounds follow.
	CallLatencyMax time.Duration `json:"callLatencyMax"`
	// Retry is how long the system waits at most before it tries again what a pass left on doubt; 0 if it does not say.
	Retry time.Duration `json:"retry,omitempty"`
	// GuardMin and GuardShare are the mass-clear guard: k of n clears need a quorum list if k >= GuardMin and k > n*GuardShare.
	GuardMin   int     `json:"guardMin"`
	GuardShare float64 `json:"guardShare"`
	// Offers names the optional powers of the system under test: believer, stamps, metrics, recorder, stats, lifecycle, nudger,
	// record, direct, rebuilder, retrier.
	// An invariant that needs one that is missing is not judged.
	Offers []string `json:"offers"`
	// Rules are the user's own invariants.
	Rules []Rule `json:"rules,omitempty"`
	// Judge names the invariants and rules that are judged; none means all of them.
	Judge []string `json:"judge,omitempty"`
}

// Rule is an invariant that a user wrote: a CEL expression that is true as long as all is well.
type Rule struct {
	Name string `json:"name"`
	Rule string `json:"rule"`
	// Message says in plain words what a violation means; MessageExpression is CEL that gives such words.
	Message           string `json:"message,omitempty"`
	MessageExpression string `json:"messageExpression,omitempty"`
}

// Volume is one volume of the set-up.
type Volume struct {
	Handle string `json:"handle"`
	// PV is the name of its PersistentVolume, which differs from the handle; empty if it has none.
	PV   string `json:"pv,omitempty"`
	Mode string `json:"mode"`
	// Claim is the name of the PersistentVolumeClaim that its PersistentVolume is bound to; empty if to none.
	Claim string `json:"claim,omitempty"`
	// MigrationTimeout is what its volume context asks for; 0 leaves it to the driver.
	MigrationTimeout time.Duration `json:"migrationTimeout,omitempty"`
}

// Offer reports whether the system under test offers the power called name.
func (s Setup) Offer(name string) bool {
	for _, o := range s.Offers {
		if o == name {
			return true
		}
	}
	return false
}
