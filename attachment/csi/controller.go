// Package csi is the controller side of a CSI driver, ControllerPublishVolume and ControllerUnpublishVolume, in plain Go.
//
// The two calls arrive late, twice, concurrently, and from a caller that has given up; the process may die between any two
// of their steps, and another one may lead. The Controller brings three parties to one answer: the API server (does the
// node exist?), the Manager (who has the volume?) and the storage backend (who can write?). Its order is always the same:
// what is reserved and on record comes before what is granted, and what is revoked comes before it goes from the record. So
// whatever is lost on the way, the record never names too few.
//
//	c, err := csi.New(csi.Config{Manager: manager, Client: client, Backend: backend, Driver: "csi.holdfast.dev"})
//	if err != nil { ... }
//	go c.Run(ctx) // from leadership to its loss; outside of it every call is Unavailable
//	err = c.Publish(ctx, csi.PublishRequest{Volume: "vm-disk", NodeID: "id-node-1", Mode: attachment.ReadWriteOnce})
//	err = c.Unpublish(ctx, "vm-disk", "id-node-1")
//
// An error of either call is an *Error, whose Code is the name of a gRPC status code. The gRPC service is a thin layer above.
package csi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/holdfast-sim/holdfast/attachment"
)

// Backend is the storage system behind the driver. Calls are idempotent. Epochs order them: Revoke and Fence end the node's
// access granted up to their epoch, and a Grant at or below an ended epoch is refused, however late it arrives. A Revoke
// with an empty node id ends every node's access, and one with epoch 0 (the record is lost with its PersistentVolume, or
// there never was one) ends all that was granted until it arrives.
//
// An error with a method Code() string, the name of a gRPC status code, is a definite refusal if that code says so:
// InvalidArgument, NotFound, AlreadyExists, PermissionDenied, FailedPrecondition, OutOfRange, Unimplemented or
// Unauthenticated. After any other error the call may have taken effect, or may do so later.
type Backend interface {
	Exists(ctx context.Context, volume string) (bool, error)
	Grant(ctx context.Context, volume, nodeID string, epoch uint64, readOnly bool) error
	Revoke(ctx context.Context, volume, nodeID string, epoch uint64) error
	Fence(ctx context.Context, volume, nodeID string, epoch uint64) error
}

// Eviction says what publish does to an instance whose node is gone before it takes it off the record.
type Eviction int

// The kinds of eviction.
const (
	// EvictTrusting takes a deleted Node object for a machine that no longer writes.
	EvictTrusting Eviction = iota
	// EvictFencing fences the instance at the backend first.
	EvictFencing
)

// Config says what a Controller works with. Manager, Client and Backend are needed.
type Config struct {
	Manager *attachment.Manager
	Client  kubernetes.Interface
	Backend Backend
	// Driver is the CSI driver's name, by which CSINode objects tell its node ids. Default csi.holdfast.dev.
	Driver string
	// Clock times retries and bounds calls that no caller bounds. Default: the machine's clock.
	Clock clock.WithTicker
	// Eviction is what publish does to an instance whose node is gone. Default EvictTrusting.
	Eviction Eviction
	// OnReady, if not nil, is called each time that the Controller begins to serve. It must not block.
	OnReady func()
	// OnNode, if not nil, is called with the name of each node that the API server itself has just shown: whoever counts
	// how long a node has been missing wants to know. It must not block.
	OnNode func(name string)
	Logger logr.Logger
}

// Controller publishes and unpublishes volumes while it leads. All methods are safe for concurrent use.
type Controller struct {
	cfg   Config
	nodes *nodeIDs

	mu sync.Mutex // guards lead; never held over a call, a send or a wait
	// lead is the context of the Run under way, nil if there is none.
	lead context.Context
	// serving means that this Run has rebuilt the Manager.
	serving bool
}

var (
	errNoManager = errors.New("a manager is required")
	errNoClient  = errors.New("a Kubernetes client is required")
	errNoBackend = errors.New("a backend is required")
)

// New returns a Controller that does not lead yet.
func New(cfg Config) (*Controller, error) {
	switch {
	case cfg.Manager == nil:
		return nil, fmt.Errorf("new controller: %w", errNoManager)
	case cfg.Client == nil:
		return nil, fmt.Errorf("new controller: %w", errNoClient)
	case cfg.Backend == nil:
		return nil, fmt.Errorf("new controller: %w", errNoBackend)
	}
	if cfg.Driver == "" {
		cfg.Driver = "csi.holdfast.dev"
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.OnReady == nil {
		cfg.OnReady = func() {}
	}
	if cfg.OnNode == nil {
		cfg.OnNode = func(string) {}
	}
	return &Controller{cfg: cfg, nodes: newNodeIDs(cfg.Driver)}, nil
}

// NodeID returns the driver's id of a node, and the node's name if no CSINode tells one.
func (c *Controller) NodeID(node string) string { return c.nodes.id(node) }

// PublishRequest is ControllerPublishVolume in plain words.
type PublishRequest struct {
	Volume string          // the volume handle
	NodeID string          // the driver's id of the node
	Mode   attachment.Mode // what the capability asks for
	// Context is the volume's context. migrationTimeoutSeconds bounds a live migration: 5 minutes by default, held to 30
	// seconds to 1 hour.
	Context map[string]string
}

// Bounds of calls that no caller bounds. They differ, so that no two timers of one Run are alike.
const (
	rebuildTimeout = 30 * time.Second
	listTimeout    = 21 * time.Second
	sweepTimeout   = 12 * time.Second
	retryFirst     = 500 * time.Millisecond
	retryMax       = 8 * time.Second
)
