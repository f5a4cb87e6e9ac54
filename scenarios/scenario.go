// Package scenarios holds what a run is asked to do: the Scenario type, its YAML form, generators of chaos, and a library.
//
// The nouns are few: a Scenario is a set-up, a timeline of Steps, and the Faults that meet them. It comes from a text,
// from the library, or from a generator:
//
//	s, err := scenarios.Parse("outage.yaml", file)
//	s, err := scenarios.Lookup("node-same-name")
//	s := scenarios.Chaos(choice.Seeded(42))
//
// In YAML a step is one line, a time and exactly one action:
//
//	apiVersion: holdfast.dev/v1alpha1
//	kind: Scenario
//	metadata:
//	  name: hand-off
//	spec:
//	  nodes: 2
//	  volumes:
//	  - {name: vm-disk, accessMode: ReadWriteOnce}
//	  timeline:
//	  - {at: 10s, publish: {volume: vm-disk, node: node-1}}
//	  - {at: 40s, unpublish: {volume: vm-disk, node: node-1}}
//	  - {at: 42s, publish: {volume: vm-disk, node: node-2}}
package scenarios

import "github.com/holdfast-sim/holdfast/sim/fault"

// The two lines that open every scenario file.
const (
	APIVersion = "holdfast.dev/v1alpha1"
	Kind       = "Scenario"
)

// Scenario is a set-up, a timeline of operations, and the faults that meet them.
type Scenario struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
}

// Metadata names a scenario.
type Metadata struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Threads are the public threads of the incident that it tells, such as kubernetes/kubernetes#65392.
	Threads []string `json:"threads,omitempty"`
}

// Spec is the body of a scenario.
type Spec struct {
	// Nodes are a number (node-1 to node-n) or a list of names or {name, id}.
	Nodes      Nodes      `json:"nodes"`
	Volumes    []Volume   `json:"volumes,omitempty"`
	Reconciler Reconciler `json:"reconciler,omitempty,omitzero"`
	Backend    Backend    `json:"backend,omitempty,omitzero"`
	Assume     Assume     `json:"assume,omitempty,omitzero"`
	// Latency is the virtual time that calls take: each draws from [Min, Max].
	Latency Latency `json:"latency,omitempty,omitzero"`
	// Deliver is the lag of watch events: each draws from [Min, Max].
	Deliver Latency `json:"deliver,omitempty,omitzero"`
	// Client limits the requests of each process to the API server, as client-go does; without it there is no limit.
	Client Client `json:"client,omitempty,omitzero"`
	// SidecarWorkers is how many calls the sidecar has in flight at the most (its flag --worker-threads, 10 by default); 0 is no limit.
	SidecarWorkers int `json:"sidecarWorkers,omitempty"`
	// Timeline is in order of time: Parse sorts it, and steps of one instant keep their order in the text.
	Timeline []Step  `json:"timeline,omitempty"`
	Faults   []Fault `json:"faults,omitempty"`
	// Expect names the invariants that this scenario is about (S1 to S20, L1 to L10), for the reader and the report.
	Expect []string `json:"expect,omitempty"`
	// Invariants are the user's own rules, and names of built-in invariants (S1 to S20, L1 to L10). If any built-in one is named,
	// only those that are named decide the verdict.
	Invariants []Invariant `json:"invariants,omitempty"`
	// Resolved says how the run goes where it could go in several ways; without it, that is the seed's business.
	Resolved *Resolved `json:"resolved,omitempty"`
	// Turns are what happens out of order in a resolved scenario whose strategy is in-order.
	Turns []Turn `json:"turns,omitempty"`
}

// Resolved makes a scenario one that goes one way: it is a finding as it is kept, by names that survive changes of the code.
type Resolved struct {
	// Seed answers every question that the scenario leaves open, such as the time that each call takes.
	Seed uint64 `json:"seed"`
	// Strategy picks what happens next; default in-order, which lets each actor go on until it waits, but for the turns.
	Strategy string `json:"strategy,omitempty"`
	// System is the system under test, and Breaks the invariant that it broke.
	System string `json:"system,omitempty"`
	Breaks string `json:"breaks,omitempty"`
}

// Turn is one point that happens out of order: where Before would be next, Take is taken, once. Both are labels as traces have them.
type Turn struct {
	Take   string `json:"take"`
	Before string `json:"before"`
}

// Nodes is the set of nodes that exist when the run begins.
type Nodes []Node

// Node is one node: the name of its Node object, and the driver's id of it, which CSINode tells. ID defaults to "id-" and the name.
type Node struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Later marks a node that does not exist until the timeline creates it.
	Later bool `json:"later,omitempty"`
}

// Volume is one volume. Its name is the volume handle, which may be any text. PV defaults to "pv-" and the name, or to a
// digest of it where that is no name.
type Volume struct {
	Name string `json:"name"`
	// Count makes it a group of as many volumes, name-1 to name-n. A publish or unpublish of the group is one of each of them.
	Count      int    `json:"count,omitempty"`
	PV         string `json:"pv,omitempty"`
	AccessMode string `json:"accessMode"` // ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany, ReadWriteMany
	// Unclaimed leaves its PersistentVolume without a claim.
	Unclaimed bool `json:"unclaimed,omitempty"`
	// MigrationTimeout goes into the volume context as migrationTimeoutSeconds; 0 leaves it to the driver.
	MigrationTimeout Duration `json:"migrationTimeout,omitempty"`
}

// Reconciler configures the reconciler; zero values take its defaults (5 minutes, 30 seconds).
type Reconciler struct {
	Interval    Duration `json:"interval,omitempty"`
	GracePeriod Duration `json:"gracePeriod,omitempty"`
}

// Backend configures the storage backend and what the system is told about it.
type Backend struct {
	// Fence gives the system a backend that fences.
	Fence bool `json:"fence,omitempty"`
	// MaxHolders bounds the holders of a ReadWriteMany volume; 0 takes the default 2.
	MaxHolders int `json:"maxHolders,omitempty"`
}

// Assume states what a run takes for granted.
type Assume struct {
	// NodeDead: a deleted Node object means a machine that no longer writes. Default true.
	NodeDead *bool `json:"nodeDead,omitempty"`
}

// Latency is a range of virtual time.
type Latency struct {
	Min Duration `json:"min,omitempty"`
	Max Duration `json:"max,omitempty"`
}

// Client is a client's limit on its own requests (flags --kube-api-qps and --kube-api-burst of the sidecars; their defaults are 5 and 10).
type Client struct {
	// QPS is how many it makes a second in the long run.
	QPS float64 `json:"qps"`
	// Burst is how many it makes at once after a pause; 0 is twice the QPS.
	Burst int `json:"burst,omitempty"`
}

// Step is one entry of the timeline: a time and exactly one action.
type Step struct {
	At Duration `json:"at"`

	Publish   *Attachment `json:"publish,omitempty"`   // a VolumeAttachment is created: the sidecar publishes until it succeeds
	Unpublish *Attachment `json:"unpublish,omitempty"` // it is deleted: the sidecar unpublishes until it succeeds

	CreateNode   *NodeRef   `json:"createNode,omitempty"`   // a Node object with a new uid
	DeleteNode   *NodeRef   `json:"deleteNode,omitempty"`   // the Node object goes; under assume.nodeDead its machine dies
	SetReady     *NodeReady `json:"setReady,omitempty"`     // the Node's Ready condition
	DeletePV     *PV        `json:"deletePV,omitempty"`     // the volume's PersistentVolume is deleted, and gone after PV.For
	CreatePV     *PV        `json:"createPV,omitempty"`     // there is one again, with a new uid and without a record
	KillMachine  *NodeRef   `json:"killMachine,omitempty"`  // the machine stops writing; the Node object stays
	StartMachine *NodeRef   `json:"startMachine,omitempty"` // it is back, without grants
	OutOfService *NodeRef   `json:"outOfService,omitempty"` // the taint: whatever is attached there is detached at once, and nobody asks the workload

	Crash      *Downtime `json:"crash,omitempty"`      // the system's process dies and starts again after Downtime.For
	Overlap    *Overlap  `json:"overlap,omitempty"`    // another process leads before this one has ended
	Depose     *Downtime `json:"depose,omitempty"`     // it loses leadership (Run's context ends) and leads again after Downtime.For
	Pause      *Downtime `json:"pause,omitempty"`      // it stands still for Downtime.For; past its lease another one leads, and it wakes up not knowing
	Lifecycle  []string  `json:"lifecycle,omitempty"`  // start, stop, cancel: a burst by one goroutine, with no pause between
	Trigger    *Times    `json:"trigger,omitempty"`    // ask for a pass now, Times.Times times
	Call       *Call     `json:"call,omitempty"`       // a method of the Manager by name
	ClockStep  *Jump     `json:"clockStep,omitempty"`  // the wall clock jumps
	Outage     *Outage   `json:"outage,omitempty"`     // the API server is away
	Lag        *Lag      `json:"lag,omitempty"`        // watch events of one resource wait
	Disconnect *Resource `json:"disconnect,omitempty"` // the watches of one resource break; with Gone, they must list again (410)
	Replay     *Resource `json:"replay,omitempty"`     // the watches of one resource deliver their last events again, old after new
}

// Attachment names a volume and a node.
type Attachment struct {
	Volume string `json:"volume"`
	Node   string `json:"node"`
	// Over spreads the steps of a group of volumes evenly over a time. The node "*" is another one for each, in turn.
	Over Duration `json:"over,omitempty"`
	// Name is the VolumeAttachment's name; the default follows from volume and node (see Defaults).
	Name string `json:"name,omitempty"`
	// AccessMode is for publish: what the call asks for; empty is the volume's own.
	AccessMode string `json:"accessMode,omitempty"`
	// Force is for unpublish: the workload is not asked first and writes on, as when the attach/detach controller has waited
	// six minutes for a kubelet that does not answer, or finds the taint out-of-service.
	Force bool `json:"force,omitempty"`
	// Abandon is for unpublish: somebody takes the finalizer off, and the VolumeAttachment goes without an unpublish.
	Abandon bool `json:"abandon,omitempty"`
}

// NodeRef names a node.
type NodeRef struct {
	Node string `json:"node"`
}

// PV names a volume whose PersistentVolume comes or goes.
type PV struct {
	Volume string `json:"volume"`
	// For is how long it is still there while it is being deleted: its protection finalizer holds it.
	For Duration `json:"for,omitempty"`
}

// NodeReady is a node's Ready condition.
type NodeReady struct {
	Node  string `json:"node"`
	Ready bool   `json:"ready"`
}

// Downtime is how long a process is away.
type Downtime struct {
	For Duration `json:"for"`
}

// Overlap is a rolling update: the next process starts and leads while the one before still runs, for that long. The one
// before loses its leadership at that moment, and what it has begun goes on.
type Overlap struct {
	For Duration `json:"for"`
	// Unelected leaves both processes leader: there is no election, or it failed.
	Unelected bool `json:"unelected,omitempty"`
}

// Times is a number of repetitions; 0 means 1.
type Times struct {
	Times int `json:"times,omitempty"`
}

// Call is a method of the Manager, called by name.
type Call struct {
	Method string `json:"method"`
	Volume string `json:"volume,omitempty"` // methods about no volume have none (ListAttachments, Rebuild)
	Node   string `json:"node,omitempty"`
}

// Jump is a jump of the wall clock, which may be negative.
type Jump struct {
	By Duration `json:"by"`
	// Process leaves all clocks but that of the process as they are: it runs on a machine of its own.
	Process bool `json:"process,omitempty"`
}

// Outage is a time in which the API server answers nobody.
type Outage struct {
	For Duration `json:"for"`
	// Hang lets calls wait until their context ends; otherwise they are refused at once.
	Hang bool `json:"hang,omitempty"`
}

// Lag delays the watch events of a resource for a time.
type Lag struct {
	Resource string   `json:"resource"`
	For      Duration `json:"for"`
}

// Resource names a kind of API object, in the plural.
type Resource struct {
	Resource string `json:"resource"`
	// Gone is for disconnect: it makes the version that the watchers have too old, so that they must list again.
	Gone bool `json:"gone,omitempty"`
	// Events is for replay: how many of the last events each watch delivers again.
	Events int `json:"events,omitempty"`
}

// Fault is the text form of fault.Rule.
type Fault struct {
	// On selects requests; an empty one selects all.
	On     On           `json:"on"`
	Effect fault.Effect `json:"effect"`
	// For is the delay of latency, lateEffect and deaf.
	For Duration `json:"for,omitempty"`
	// Chance is the probability that a selected request gets the effect; 0, and in the text its absence, means always.
	Chance float64 `json:"chance,omitempty"`
}

// On is the text form of fault.Predicate.
type On struct {
	Verb     string `json:"verb,omitempty"`
	Resource string `json:"resource,omitempty"`
	Name     string `json:"name,omitempty"`
	Actor    string `json:"actor,omitempty"`
	// Label selects the one request that has it in a trace.
	Label string `json:"label,omitempty"`
	// API leaves out requests to the storage backend.
	API bool `json:"api,omitempty"`
	// Nth selects only the n-th request, from 1, that the rest selects.
	Nth   int      `json:"nth,omitempty"`
	From  Duration `json:"from,omitempty"`
	Until Duration `json:"until,omitempty"`
}
