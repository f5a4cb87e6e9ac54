package expression

import "time"

// State is what a rule sees. A State and all that it points to is never changed once a rule has seen it, so that the one
// before can be compared with the one now.
type State struct {
	Volumes     []*Volume           `cel:"volumes"`     // as first spoken of
	Nodes       []*Node             `cel:"nodes"`       // sorted by name
	Attachments []*Attachment       `cel:"attachments"` // what the system believes; sorted by volume, then as they appeared
	VAs         []*VolumeAttachment `cel:"vas"`         // sorted by name
	// Now is the wall clock, which may jump. Elapsed is the time since the run began, which never does.
	Now     time.Time     `cel:"now"`
	Elapsed time.Duration `cel:"elapsed"`
	Phase   string        `cel:"phase"` // setup, chaos, heal, converge, drain, quiesce, teardown
}

// Volume is one volume: what callers were told, what the backend really allows, and what is on record.
type Volume struct {
	Handle string `cel:"handle"`
	PV     string `cel:"pv"`   // the name of its PersistentVolume; empty if it has none
	Mode   string `cel:"mode"` // ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany, ReadWriteMany
	// Holders are the nodes on which publish returned OK and was not called back since; Granted are those that the backend lets
	// in, and Writers those of them whose machine runs and writes. All are names, sorted.
	Holders []string `cel:"holders"`
	Granted []string `cel:"granted"`
	Writers []string `cel:"writers"`
	// Recorded are the nodes that the persisted record names, and Epoch is the record's own, the highest of the volume so far.
	Recorded []string `cel:"recorded"`
	Epoch    int64    `cel:"epoch"`
	// DetachedAt is the detach stamp that the system remembers; has(v.detachedAt) is false if there is none.
	DetachedAt time.Time `cel:"detachedAt"`
}

// Node is the name of a node, and the Node object and the machine that have it now.
type Node struct {
	Name   string        `cel:"name"`
	UID    string        `cel:"uid"` // the last one, if no object has the name now
	Exists bool          `cel:"exists"`
	Ready  bool          `cel:"ready"`
	Alive  bool          `cel:"alive"` // its machine runs
	Since  time.Duration `cel:"since"` // the elapsed time at which the object came, or went
}

// Attachment is one attachment as the system believes it.
type Attachment struct {
	Volume           string        `cel:"volume"`
	Node             string        `cel:"node"`
	UID              string        `cel:"uid"` // of the node; empty if the system does not know it
	Epoch            int64         `cel:"epoch"`
	State            string        `cel:"state"` // held, uncertain
	Mode             string        `cel:"mode"`
	AttachedAt       time.Time     `cel:"attachedAt"`
	MigrationStart   time.Time     `cel:"migrationStart"` // has() is false if none is under way
	MigrationTimeout time.Duration `cel:"migrationTimeout"`
	// NodeExists says whether the very node, name and uid, exists; NodeSince is the elapsed time at which it came, or went.
	NodeExists bool          `cel:"nodeExists"`
	NodeSince  time.Duration `cel:"nodeSince"`
}

// VolumeAttachment is Kubernetes' wish that a node has a volume.
type VolumeAttachment struct {
	Name     string        `cel:"name"`
	UID      string        `cel:"uid"`
	Volume   string        `cel:"volume"` // the handle
	Node     string        `cel:"node"`
	Attached bool          `cel:"attached"`
	Deleting bool          `cel:"deleting"`
	Since    time.Duration `cel:"since"` // the elapsed time at which attached or deleting last changed
}
