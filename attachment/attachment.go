package attachment

import (
	"fmt"
	"time"
)

// Mode is how a volume may be used, in Kubernetes' words for access modes.
type Mode string

// The access modes. The first two allow one node, the others several.
const (
	ReadWriteOnce    Mode = "ReadWriteOnce"
	ReadWriteOncePod Mode = "ReadWriteOncePod"
	ReadOnlyMany     Mode = "ReadOnlyMany"
	ReadWriteMany    Mode = "ReadWriteMany"
)

// ManyNode reports whether several nodes may hold a volume of this mode at once.
func (m Mode) ManyNode() bool { return m == ReadOnlyMany || m == ReadWriteMany }

// Valid reports whether the mode is one of the four.
func (m Mode) Valid() bool { return m.ManyNode() || m == ReadWriteOnce || m == ReadWriteOncePod }

// State is how far an instance has come. Either state blocks other nodes.
type State string

// The states of an instance.
const (
	// Held means that publish returned OK, and nothing has put that in doubt since.
	Held State = "held"
	// Uncertain means that the node may or may not have access: from the reservation to OK, and after an unpublish, fence or
	// clear that did not succeed.
	Uncertain State = "uncertain"
)

// Instance identifies one attachment of a volume to a node. The zero UID is unknown and equals any.
type Instance struct {
	Volume string // the volume handle
	Node   string // the name of the Node object
	UID    string // the uid of the Node object
	Epoch  uint64 // the number of its reservation, which grows and never repeats within a volume
}

// String is the instance as a person reads it.
func (i Instance) String() string {
	return fmt.Sprintf("%s on %s (uid %q, epoch %d)", i.Volume, i.Node, i.UID, i.Epoch)
}

// Entry is an instance and what is known of it.
type Entry struct {
	Instance
	State      State
	AttachedAt time.Time // the wall clock at its reservation
	// NodeID is the driver's own id of the node, "" if it was not told. It is kept because the object that maps one to the
	// other (CSINode) goes with the Node, and an instance outlives both.
	NodeID string
}

// Migration is the live migration of a ReadWriteMany volume: from the moment at which a second node holds it to the end of
// one of the two.
type Migration struct {
	StartedAt      time.Time // the wall clock at the target's reservation
	Timeout        time.Duration
	Source, Target string // names of nodes
}

// Attachment is all that is known of a volume. It is a copy: what happens later does not change it, and changing it has no
// effect on the Manager.
type Attachment struct {
	Volume    string
	Mode      Mode
	Entries   []Entry    // by the time of their reservation, never empty
	Migration *Migration // nil unless one is under way
}

// Claim asks for a reservation.
type Claim struct {
	Node string // the name of the Node object
	UID  string // its uid, read live; "" is unknown and equals any
	// NodeID is the driver's own id of the node, for its Entry; it decides nothing.
	NodeID string
	Mode   Mode
	// MigrationTimeout bounds the migration that the reservation starts, if it starts one. It is held to 30 s to 1 h; zero
	// and less is the default, 5 min.
	MigrationTimeout time.Duration
}

// Cause is why an instance goes, which decides what is counted and recorded. Detach stamp and migration do not depend on it.
type Cause string

// The causes for which an instance goes.
const (
	// Detached counts a detach and records VolumeDetached, if the instance was held.
	Detached Cause = "detached"
	// StaleCleared is the reconciler's: the instance's node is gone.
	StaleCleared Cause = "stale cleared"
	// Evicted is publish's: the instance's node is gone and another node wants the volume.
	Evicted Cause = "evicted"
	// Refused undoes a new reservation that the backend definitely refused: nothing is counted, and a detach stamp that was
	// there stays as it was.
	Refused Cause = "refused"
)
