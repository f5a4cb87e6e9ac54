package sim

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// System is a storage driver's controller under test. Plain strings at this seam: a foreign driver needs one small adapter.
//
// Publish and Unpublish are called as a CSI sidecar calls them: concurrently, with a deadline, again after any error. An
// error's code is what its Code() string method or gRPC status says; a plain error is Internal.
type System interface {
	// Publish makes the volume available to the node.
	Publish(ctx context.Context, r PublishRequest) error
	// Unpublish ends that. An empty node means every node.
	Unpublish(ctx context.Context, volume, nodeID string) error
	// Run is called when the process becomes leader, and must return soon after ctx ends, which is when leadership ends. It is
	// called again when the process leads again. A Run that returns before ctx ends ends its process.
	Run(ctx context.Context) error
}

// PublishRequest is ControllerPublishVolume in plain words.
type PublishRequest struct {
	Volume  string // the volume handle
	NodeID  string // the driver's id of the node
	Mode    string // ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany, ReadWriteMany
	Context map[string]string
}

// Builder makes the system anew for each incarnation of its process. It must not wait for anything, so it must not call the
// client or the backend: what does belongs into Run.
type Builder func(Env) (System, error)

// Env is the world as one incarnation of the system sees it.
type Env struct {
	Incarnation int
	Driver      string // the CSI driver's name
	Client      kubernetes.Interface
	Clock       clock.WithTicker // also has Elapsed() time.Duration, monotonic
	Backend     Backend
	Logger      logr.Logger
	Metrics     prometheus.Registerer
	Recorder    record.EventRecorder
	Settings    Settings
}

// Settings are the scenario's wishes for the system's configuration.
type Settings struct {
	Interval   time.Duration // between reconcile passes
	Grace      time.Duration // a missing node is left alone for so long
	MaxHolders int           // holders of a ReadWriteMany volume; 0 is unbounded
	Fence      bool          // fence at the backend before an instance is cleared or evicted
}

// Backend is the storage system behind the driver. Calls are idempotent. Epochs order them: Revoke and Fence end the node's
// access granted up to their epoch, and a Grant at or below an ended epoch is refused, however late it arrives.
type Backend interface {
	Exists(ctx context.Context, volume string) (bool, error)
	Grant(ctx context.Context, volume, nodeID string, epoch uint64, readOnly bool) error
	Revoke(ctx context.Context, volume, nodeID string, epoch uint64) error
	Fence(ctx context.Context, volume, nodeID string, epoch uint64) error
}

// Instance is one attachment as the system believes it.
type Instance struct {
	Volume, Node, UID string // Node is the Node object's name; UID may be unknown
	Epoch             uint64
	State             string // held or uncertain
	Mode              string
	AttachedAt        time.Time
	MigrationStart    time.Time
	MigrationTimeout  time.Duration
}

// Lifecycle is the optional power to start and stop the reconciler apart from leadership.
type Lifecycle interface {
	Start(ctx context.Context) error
	Stop()
}

// Nudger is the optional power to ask for a reconcile pass now.
type Nudger interface{ Trigger() }

// Retrier is the optional power to say how soon the reconciler tries again what a pass left on doubt, at the latest. It is asked
// once, before the system has done anything.
type Retrier interface{ RetryMax() time.Duration }

// Rebuilder is the optional power to rebuild the memory from the API server.
type Rebuilder interface {
	Rebuild(ctx context.Context) error
}

// Believer is the optional power to tell what the system believes. One that also has the methods Changes and AttachmentsOf (see differ
// in the source) is asked only for what has changed, while it remembers much.
type Believer interface {
	// Attachments returns every instance and every detach stamp. No map at all means that the system keeps no stamps.
	Attachments() ([]Instance, map[string]time.Time)
	// Version changes whenever Attachments would answer differently, or a counter has moved. It is cheap.
	Version() uint64
}

// differ is a Believer's optional power to tell only what has changed, so that not all of a large memory has to be read after each
// step. All of it is still read now and then, and always while it is small.
type differ interface {
	// Changes returns the volumes of which Attachments would tell something else than when Changes was called last. all means that
	// any may be one of them.
	Changes() (volumes []string, all bool)
	// AttachmentsOf is Attachments for some volumes.
	AttachmentsOf(volumes []string) ([]Instance, map[string]time.Time)
}

// Stats is the optional power to tell sizes of internal tables by name, all of which are zero after a drain.
type Stats interface{ Sizes() map[string]int }

// Direct is the optional power to call a method of the Manager by name.
type Direct interface {
	// Methods lists the methods that Call takes.
	Methods() []string
	// Call calls one of them. What a method answers is a bool, a time.Time (zero if none) or a []Instance in any order; nil
	// if it answers nothing. The oracle compares it with what the Believer tells.
	Call(ctx context.Context, c DirectCall) (answer any, err error)
}

// DirectCall is a call of a method by name. Arguments that the method does not take are ignored.
type DirectCall struct {
	Method, Volume string
	Node           string        // the Node object's name
	Mode           string        // the volume's access mode
	UID            string        // with Epoch: the instance that ClearStale is asked to clear
	Epoch          uint64        // see UID
	Grace          time.Duration // what IsWithinGracePeriod is asked for
}
