package attachment

import (
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// Annotation is where a PersistentVolume carries the record of its volume: one JSON document, see document.go.
const Annotation = "holdfast.dev/attachment"

// Option sets something of a Manager that has a default.
type Option func(*settings)

type settings struct {
	clock      clock.Clock
	driver     string
	identity   string
	maxHolders int
	grace      time.Duration
	registerer prometheus.Registerer
	recorder   events.EventRecorder // nil records nothing
	logger     logr.Logger
}

func defaults() settings {
	return settings{
		clock:      clock.RealClock{},
		driver:     "csi.holdfast.dev",
		maxHolders: 2,
		grace:      30 * time.Second,
		logger:     logr.Discard(),
	}
}

// WithClock sets the clock. Its Now makes the wall-clock stamps. If it has Elapsed() time.Duration, a monotonic reading,
// ages and timeouts are measured with that, so that a jump of the wall clock changes none.
func WithClock(c clock.Clock) Option { return func(s *settings) { s.clock = c } }

// WithDriver sets the name of the CSI driver whose volumes are managed. The default is csi.holdfast.dev.
func WithDriver(name string) Option { return func(s *settings) { s.driver = name } }

// WithIdentity names the process, as in a leader election: no two that run may have one name. Reservations bear it on record, so that
// of two Managers that lead at once neither takes the other's for its own. The default is none; then the instant of the reservation
// has to tell them apart.
func WithIdentity(name string) Option { return func(s *settings) { s.identity = name } }

// WithMaxHolders bounds the nodes that may have a ReadWriteMany volume at once. The default is 2, a migration's source and
// target; 0 is unbounded.
func WithMaxHolders(n int) Option { return func(s *settings) { s.maxHolders = n } }

// WithGrace tells the longest grace period in use, 30 s by default: detach stamps that are older are forgotten.
func WithGrace(longest time.Duration) Option { return func(s *settings) { s.grace = longest } }

// WithMetrics registers the Manager's metrics. By default they are counted and nobody sees them.
func WithMetrics(r prometheus.Registerer) Option { return func(s *settings) { s.registerer = r } }

// WithRecorder sets where Kubernetes events are recorded; by default nowhere.
func WithRecorder(r events.EventRecorder) Option { return func(s *settings) { s.recorder = r } }

// WithLogger sets where the Manager tells of troubles that no caller gets as an error; by default nowhere.
func WithLogger(l logr.Logger) Option { return func(s *settings) { s.logger = l } }

// TrackOption sets something of an attachment that has a default.
type TrackOption func(*Claim)

// WithUID tells the uid of the node, read live. By default it is unknown and equals any.
func WithUID(uid string) TrackOption { return func(c *Claim) { c.UID = uid } }

// WithMigrationTimeout bounds the migration that the attachment starts, if it starts one; see Claim.
func WithMigrationTimeout(d time.Duration) TrackOption {
	return func(c *Claim) { c.MigrationTimeout = d }
}
