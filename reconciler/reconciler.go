// Package reconciler clears attachments whose node is gone.
//
// A node that is deleted never unpublishes its volumes, so somebody must end their attachments, or no other node may have
// them. Who does that wrongly destroys a file system. The Reconciler therefore looks at a node's absence twice: its cache
// only makes a node *suspect*, the API server's own answer starts the grace period, and a second answer at its end is
// needed before anything is cleared. On any doubt nothing is changed (fail open), and the pass is tried again soon.
//
//	r, err := reconciler.New(reconciler.Config{Manager: manager, Client: client, Fencer: backend})
//	if err != nil { ... }
//	err = r.Start(ctx) // returns at once; the loop ends with ctx or with Stop
//	defer r.Stop()
//
// A pass runs at the start, at each interval, when triggered, when a node is deleted, and when a grace period ends.
package reconciler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/holdfast-sim/holdfast/attachment"
)

// The defaults of a Config.
const (
	DefaultInterval    = 5 * time.Minute
	DefaultGracePeriod = 30 * time.Second
	DefaultSettleTime  = 50 * time.Millisecond
	DefaultCallTimeout = 15 * time.Second
	DefaultGuardMin    = 3
	DefaultGuardShare  = 0.25
)

// The errors of New and Start, to be compared with errors.Is.
var (
	ErrNoManager = errors.New("a manager is required")
	ErrNoClient  = errors.New("a Kubernetes client is required")
	ErrRunning   = errors.New("the reconciler runs already")
)

// Manager is what the Reconciler needs of the keeper of attachments; *attachment.Manager is one.
type Manager interface {
	// Held is the number of instances on all nodes.
	Held() int
	// Nodes visits the nodes that have, or may have, volumes, until visit returns false.
	Nodes(visit func(name, uid string) bool)
	// Fresh visits the nodes that have got their first volume since it was called last.
	Fresh(visit func(name, uid string) bool)
	// On returns the instances on every node of a name, whatever its uid, sorted by volume.
	On(name string) []attachment.Instance
	// Begin takes the turn on a volume, so that what is looked at is what is cleared.
	Begin(ctx context.Context, volume string) (*attachment.Turn, error)
	// Clean reports whether Repair has nothing to do.
	Clean() bool
	// Repair reads what is dirty again.
	Repair(ctx context.Context) error
	// ExpireMigrations counts the migrations past their timeout, each once.
	ExpireMigrations()
	// NextDeadline is the reading of Elapsed at the next migration timeout.
	NextDeadline() (time.Duration, bool)
	// Elapsed is the Manager's monotonic clock.
	Elapsed() time.Duration
}

// Fencer ends a node's access to a volume at the storage backend, whatever the node does. It is idempotent.
type Fencer interface {
	Fence(ctx context.Context, volume, nodeID string, epoch uint64) error
}

// Sweeper ends what nobody else will end (attachments on record that no VolumeAttachment stands for). It is called once a
// pass, bounds its own calls, and an error means no more than that there is work left for the next pass.
type Sweeper interface {
	Sweep(ctx context.Context) error
}

// Config says what a Reconciler works with. Manager and Client are needed, all else has a default.
type Config struct {
	Manager Manager
	Client  kubernetes.Interface
	// Clock is asked for all times and timers. If it has a method Elapsed() time.Duration, ages are differences of that
	// monotonic reading, so that a step of the wall clock decides nothing. Default: the machine's clock.
	Clock clock.WithTicker
	// Interval is the time from the start of one pass to the start of the next, at most. Default 5 minutes.
	Interval time.Duration
	// GracePeriod is how long a node must have been missing before its attachments are cleared. Default 30 seconds.
	GracePeriod time.Duration
	// SettleTime is the time from a trigger, or a node's deletion, to its pass, and the least time between two passes: a burst
	// of deletions, or one list that shows many, is one pass then, and the mass-clear guard sees all of it. Default 50
	// milliseconds; negative is none.
	SettleTime time.Duration
	// CallTimeout bounds each call of a pass, so that one that hangs delays the others and no more. Default 15 seconds.
	CallTimeout time.Duration
	// Fencer, if not nil, is asked to fence an instance before it is cleared. Without one, a deleted Node object is taken
	// for a machine that no longer writes.
	Fencer Fencer
	// NodeID maps a node's name to the id by which the Fencer knows it, where none was kept with the attachment. Default:
	// the name.
	NodeID func(node string) string
	// Sweeper, if not nil, is called in each pass.
	Sweeper Sweeper
	// GuardMin and GuardShare are the mass-clear guard: a pass that would clear k of n attachments, k >= GuardMin and
	// k > n*GuardShare, needs a list of nodes that agrees. Defaults 3 and 0.25.
	GuardMin   int
	GuardShare float64
	// Metrics, if not nil, is where the metrics are registered.
	Metrics prometheus.Registerer
	Logger  logr.Logger
}

// Reconciler clears attachments whose node is gone. All methods are safe for concurrent use.
type Reconciler struct {
	cfg     Config
	elapsed func() time.Duration
	missing *missing
	metrics *metrics
	version atomic.Uint64

	mu sync.Mutex // guards run; never held over a call, a send or a wait
	// run is the latest run, which may have ended; nil before the first.
	run *run
}

// New returns a Reconciler that does not run yet.
func New(cfg Config) (*Reconciler, error) {
	if cfg.Manager == nil {
		return nil, fmt.Errorf("new reconciler: %w", ErrNoManager)
	}
	if cfg.Client == nil {
		return nil, fmt.Errorf("new reconciler: %w", ErrNoClient)
	}
	r := &Reconciler{cfg: cfg.withDefaults(), missing: newMissing()}
	r.elapsed = monotonic(r.cfg.Clock)
	r.metrics = newMetrics(&r.version)
	if err := r.metrics.register(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("new reconciler: %w", err)
	}
	return r, nil
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.Interval <= 0 {
		c.Interval = DefaultInterval
	}
	if c.GracePeriod <= 0 {
		c.GracePeriod = DefaultGracePeriod
	}
	if c.SettleTime == 0 {
		c.SettleTime = DefaultSettleTime
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = DefaultCallTimeout
	}
	if c.NodeID == nil {
		c.NodeID = func(node string) string { return node }
	}
	if c.GuardMin <= 0 {
		c.GuardMin = DefaultGuardMin
	}
	if c.GuardShare <= 0 {
		c.GuardShare = DefaultGuardShare
	}
	return c
}

// monotonic returns the reading of a clock from which ages are taken. A clock without Elapsed falls back to the distance
// from now, which is monotonic too if the clock's times are.
func monotonic(clk clock.Clock) func() time.Duration {
	if e, ok := clk.(interface{ Elapsed() time.Duration }); ok {
		return e.Elapsed
	}
	start := clk.Now()
	return func() time.Duration { return clk.Since(start) }
}

// GetGracePeriod returns the grace period in use.
func (r *Reconciler) GetGracePeriod() time.Duration { return r.cfg.GracePeriod }

// GetInterval returns the interval in use.
func (r *Reconciler) GetInterval() time.Duration { return r.cfg.Interval }

// Seen tells that the API server itself has just shown a node of that name to somebody else in this process. Where an
// instance's uid is not known, a node may have come and gone between two passes: the grace clock stops, as after a read of the
// reconciler's own. A known uid that was missing once does not come back, whatever an answer says that was long on its way.
func (r *Reconciler) Seen(name string) { r.missing.stop(nodeKey{name: name}) }

// Version changes with every change of what the metrics tell, passes begun and ended among them.
func (r *Reconciler) Version() uint64 { return r.version.Load() }

// Sizes returns the sizes of the internal tables, by name. All are 0 once no attachment is on a missing node.
func (r *Reconciler) Sizes() map[string]int { return map[string]int{"missingNodes": r.missing.len()} }
