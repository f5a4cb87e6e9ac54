package cluster

import (
	"context"
	"reflect"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Loop is what the servers need of the scheduler.
type Loop interface {
	// Now is the virtual time since the run began.
	Now() time.Duration
	// Emit appends an observation to the step that is going on.
	Emit(trace.Event)
}

// Caller carries an actor's requests and a watch's deliveries to the loop. A sched.Process is one.
type Caller interface {
	// Call parks the request, lets it take effect on the loop's goroutine, and returns the answer, or ctx's error.
	Call(ctx context.Context, r sched.Request) (any, error)
	// Offer adds a point, which goes when the caller's process is cut.
	Offer(p *sched.Point)
	// Withdraw takes a point back and reports whether it was still waiting.
	Withdraw(p *sched.Point) bool
	// Cut reports whether the caller's process is gone.
	Cut() bool
}

// Config is what a Server needs.
type Config struct {
	// Loop is required.
	Loop Loop
	// Clock is the wall clock of the API server, for creation and deletion stamps. Required.
	Clock func() time.Time
	// Source says how far back a stale read goes; nil is one change back.
	Source choice.Source
	// Lag is what a watch event takes from its change to the cache, asked for by the label of its delivery; nil is nothing.
	Lag func(label string) time.Duration
	// Driver is the CSI driver whose volumes the trace tells of; empty is any.
	Driver string
	// HistoryMax is the number of changes of a resource that can be replayed to a watch; a watch from before them gets 410
	// Expired. Zero is 1024. The server keeps at most twice as many.
	HistoryMax int
}

// Server is the simulated API server. All its methods belong to the loop's goroutine; its clients are for everybody.
type Server struct {
	cfg      Config
	tables   map[string]*table
	types    map[reflect.Type]*table
	order    []*table // as kinds() has them, for what touches them all
	unserved *fake.Clientset

	version uint64 // the last resourceVersion given out
	uids    uint64
	names   uint64

	away    bool                     // an outage: nothing is delivered
	lags    map[string]time.Duration // by resource: nothing is delivered before
	opened  map[string]int           // watches so far, by process and resource
	handles map[string]string        // the volume handle of every PersistentVolume there ever was, by name
}

// New returns an empty server.
func New(cfg Config) *Server {
	if cfg.HistoryMax <= 0 {
		cfg.HistoryMax = 1024
	}
	s := &Server{
		cfg: cfg, tables: make(map[string]*table), types: make(map[reflect.Type]*table), lags: make(map[string]time.Duration),
		opened: make(map[string]int), handles: make(map[string]string),
		version: 1, // a list of nothing must not say 0, from which a watch does not replay but begins with what exists
	}
	for _, k := range kinds() {
		t := newTable(s, k)
		s.tables[k.resource] = t
		s.types[reflect.TypeOf(k.make())] = t
		s.order = append(s.order, t)
	}
	s.unserved = newUnserved(s.order)
	return s
}

// Version is the resourceVersion of the latest change.
func (s *Server) Version() string { return formatVersion(s.version) }

// uid returns a new one. It is a counter, so that the same run has the same uids.
func (s *Server) uid() types.UID {
	s.uids++
	return types.UID("uid-" + strconv.FormatUint(s.uids, 10))
}

// suffix returns what generateName is completed with: unlike the real server's it is not random, but it looks the same.
func (s *Server) suffix() string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	s.names++
	out := []byte("bbbbb")
	for i, n := len(out)-1, s.names; i >= 0 && n > 0; i, n = i-1, n/uint64(len(letters)) {
		out[i] = letters[n%uint64(len(letters))]
	}
	return string(out)
}

func formatVersion(v uint64) string { return strconv.FormatUint(v, 10) }
