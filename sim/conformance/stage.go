package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/csidriver"
)

// stage is where a case plays: a driver at work, and what it has been told.
type stage struct {
	build   func(sim.Env) (csi.ControllerServer, error)
	ctx     context.Context
	env     sim.Env
	array   *array
	drivers *sync.WaitGroup

	server csi.ControllerServer
	sys    sim.System
	leave  context.CancelFunc // ends the process
	wrong  []string
	done   bool
}

// The patience of external-attacher, and between two calls.
const (
	callTimeout = 15 * time.Second
	patience    = 5 * time.Minute
	pause       = time.Second
)

// start starts a process of the driver.
func (s *stage) start() bool {
	s.env.Metrics = prometheus.NewRegistry()
	sys, err := csidriver.System(func(env sim.Env) (csi.ControllerServer, error) {
		server, err := s.build(env)
		s.server = server
		return server, err
	})(s.env)
	if err != nil {
		s.fail("the driver cannot be built: %v", err)
		return false
	}
	ctx, leave := context.WithCancel(s.ctx)
	s.sys, s.leave = sys, leave
	s.drivers.Go(func() { _ = sys.Run(ctx) })
	return true
}

// stop ends the process, and waits until it has ended.
func (s *stage) stop() {
	s.leave()
	s.drivers.Wait()
}

// restart ends the process and starts another one, which knows nothing but what it can read.
func (s *stage) restart() {
	s.stop()
	s.env.Incarnation++
	s.start()
}

func (s *stage) fail(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// call makes a call, again while it fails in a way that may pass.
func (s *stage) call(f func(context.Context) error) error {
	for begun := s.env.Clock.Now(); ; s.sleep(pause) {
		err := s.once(f)
		transient := slices.Contains([]string{"Unavailable", "Aborted", "DeadlineExceeded", "Canceled"}, sim.CodeOf(err))
		if !transient || s.env.Clock.Since(begun) > patience || s.ctx.Err() != nil {
			return err
		}
	}
}

// once makes a call with external-attacher's patience.
func (s *stage) once(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	return f(ctx)
}

func (s *stage) sleep(d time.Duration) {
	select {
	case <-s.ctx.Done():
	case <-s.env.Clock.After(d):
	}
}

// modeOf is the access mode that a volume of the cluster is made for.
func modeOf(volume string) string {
	switch volume {
	case "shared":
		return "ReadWriteMany"
	case "image":
		return "ReadOnlyMany"
	}
	return "ReadWriteOnce"
}

// nodeOf is the name of the Node object of a node of the cluster; nobody's id has none.
func nodeOf(id string) (name string, known bool) {
	n, ok := strings.CutPrefix(id, "id-")
	return "node-" + n, ok && len(n) == 1
}

// wish makes the VolumeAttachment without which nobody is to have a volume: a driver may let go of what none asks for.
func (s *stage) wish(volume, id string) {
	node, known := nodeOf(id)
	if !known || strings.HasSuffix(volume, "nobody") {
		return
	}
	pv := "pv-" + volume
	_, err := s.env.Client.StorageV1().VolumeAttachments().Create(s.ctx, &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: wishName(volume, id)},
		Spec:       storagev1.VolumeAttachmentSpec{Attacher: s.env.Driver, NodeName: node, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &pv}},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		s.fail("make a VolumeAttachment: %v", err)
	}
}

// unwish deletes it.
func (s *stage) unwish(volume, id string) {
	err := s.env.Client.StorageV1().VolumeAttachments().Delete(s.ctx, wishName(volume, id), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		s.fail("delete a VolumeAttachment: %v", err)
	}
}

func wishName(volume, id string) string { return "va-" + volume + "." + id }

func (s *stage) publishing(volume, node string) func(context.Context) error {
	s.wish(volume, node)
	return func(ctx context.Context) error {
		return s.sys.Publish(ctx, sim.PublishRequest{Volume: volume, NodeID: node, Mode: modeOf(volume)})
	}
}

func (s *stage) unpublishing(volume, node string) func(context.Context) error {
	return func(ctx context.Context) error { return s.sys.Unpublish(ctx, volume, node) }
}

// publish publishes, and expects one of some codes.
func (s *stage) publish(volume, node string, want ...codes.Code) {
	s.expect(fmt.Sprintf("publish %s on %s", volume, node), s.call(s.publishing(volume, node)), want)
}

// unpublish unpublishes, and expects one of some codes.
func (s *stage) unpublish(volume, node string, want ...codes.Code) {
	s.expect(fmt.Sprintf("unpublish %s on %q", volume, node), s.call(s.unpublishing(volume, node)), want)
	s.unwish(volume, node)
}

// expect notes an answer that is none of those that are right; none means OK.
func (s *stage) expect(what string, err error, want []codes.Code) {
	if len(want) == 0 {
		want = []codes.Code{codes.OK}
	}
	var names []string
	for _, c := range want {
		names = append(names, c.String())
	}
	if got := sim.CodeOf(err); !slices.Contains(names, got) {
		text := ""
		if err != nil {
			text = " (" + err.Error() + ")"
		}
		s.fail("%s: got %s%s, want %s", what, got, text, strings.Join(names, " or "))
	}
}

// writers expects that the backend lets these nodes have a volume, and no others.
func (s *stage) writers(volume string, want ...string) {
	if got := s.array.nodes(volume); !slices.Equal(got, want) {
		s.fail("the backend lets %q have %q, and it should be %q", got, volume, want)
	}
}

// array is the storage backend, with a memory of what it has granted, and failures on demand.
type array struct {
	sim.Backend

	mu      sync.Mutex                 // never held over a call
	granted map[string]map[string]bool // by volume and node: for reading only
	broken  map[string]bool            // verbs that fail, and do nothing
}

var errArray = errors.New("the storage backend is away")

func (a *array) nodes(volume string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.granted[volume]))
}

// fail lets a verb fail from now on, or no longer.
func (a *array) fail(verb string, broken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = map[string]bool{verb: broken}
}

func (a *array) away(verb string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken[verb] {
		return status.Error(codes.Unavailable, errArray.Error())
	}
	return nil
}

func (a *array) Grant(ctx context.Context, volume, nodeID string, epoch uint64, readOnly bool) error {
	if err := a.away("grant"); err != nil {
		return err
	}
	if err := a.Backend.Grant(ctx, volume, nodeID, epoch, readOnly); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.granted[volume] == nil {
		a.granted[volume] = make(map[string]bool)
	}
	a.granted[volume][nodeID] = readOnly
	return nil
}

func (a *array) Revoke(ctx context.Context, volume, nodeID string, epoch uint64) error {
	if err := a.away("revoke"); err != nil {
		return err
	}
	if err := a.Backend.Revoke(ctx, volume, nodeID, epoch); err != nil {
		return err
	}
	a.end(volume, nodeID)
	return nil
}

func (a *array) Fence(ctx context.Context, volume, nodeID string, epoch uint64) error {
	if err := a.Backend.Fence(ctx, volume, nodeID, epoch); err != nil {
		return err
	}
	a.end(volume, nodeID)
	return nil
}

func (a *array) end(volume, nodeID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if nodeID == "" {
		delete(a.granted, volume)
		return
	}
	delete(a.granted[volume], nodeID)
}

// readOnly tells whether a node has a volume for reading only.
func (a *array) readOnly(volume, node string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.granted[volume][node]
}
