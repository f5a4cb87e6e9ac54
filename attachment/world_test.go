package attachment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
)

const driver = "csi.holdfast.dev"

var (
	pvResource = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"}
	noon       = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	first      = uint64(noon.UnixMicro()) // the epoch of the first reservation of a world
	// errReset is what a client sees when the connection breaks: nothing is known of the request.
	errReset = errors.New("connection reset by peer")
)

// jumpClock has a wall clock that can jump and a monotonic reading that cannot.
type jumpClock struct {
	*clocktesting.FakeClock
	mu   sync.Mutex
	skew time.Duration
}

func newJumpClock() *jumpClock { return &jumpClock{FakeClock: clocktesting.NewFakeClock(noon)} }

func (c *jumpClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.FakeClock.Now().Add(c.skew)
}

func (c *jumpClock) Elapsed() time.Duration { return c.FakeClock.Now().Sub(noon) }

func (c *jumpClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew += d
}

// effect is what becomes of a patch. The zero effect is that it is applied and answered.
type effect struct {
	err  error  // the answer, if not nil
	lost bool   // applied all the same
	late bool   // not applied yet, but when the world says so
	do   func() // happens before the patch is looked at
}

// world is an API server with resource versions, on which patches can fail, and a Manager that works with it.
type world struct {
	t       require.TestingT
	client  *fake.Clientset
	clock   *jumpClock
	metrics *prometheus.Registry
	events  *eventLog
	m       *Manager

	version int
	effects []effect // of the next patches, in order
	late    []k8stesting.PatchActionImpl
	records []string // every record that was written, in order
}

type eventLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *eventLog) Event(o runtime.Object, kind, reason, message string) {
	ref := o.(*corev1.ObjectReference)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.Join([]string{ref.Kind + "/" + ref.Name, kind, reason, message}, " "))
}

func (l *eventLog) Eventf(o runtime.Object, kind, reason, format string, args ...any) {
	l.Event(o, kind, reason, fmt.Sprintf(format, args...))
}

func (l *eventLog) AnnotatedEventf(o runtime.Object, _ map[string]string, kind, reason, format string, args ...any) {
	l.Eventf(o, kind, reason, format, args...)
}

// take returns the events since the last call.
func (l *eventLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// newWorld makes a world with a PersistentVolume pv-<name>, bound to claim-<name>, for each volume.
func newWorld(t require.TestingT, volumes ...string) *world {
	w := &world{t: t, client: fake.NewSimpleClientset(), clock: newJumpClock()}
	w.client.PrependReactor("patch", "persistentvolumes", w.patch)
	for _, v := range volumes {
		w.createPV("pv-"+v, v, "")
	}
	w.restart()
	return w
}

// restart makes a new Manager: a new incarnation of the process, which knows nothing.
func (w *world) restart(options ...Option) {
	w.metrics, w.events = prometheus.NewRegistry(), &eventLog{}
	m, err := NewManager(w.client, append([]Option{WithClock(w.clock), WithDriver(driver), WithMetrics(w.metrics), WithRecorder(w.events),
		WithGrace(time.Minute), WithMaxHolders(2)}, options...)...)
	require.NoError(w.t, err)
	w.m = m
}

func (w *world) nextVersion() string {
	w.version++
	return strconv.Itoa(w.version)
}

func (w *world) createPV(name, volume, record string) {
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: w.nextVersion()}}
	pv.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: volume}
	pv.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "default", Name: "claim-" + volume}
	if record != "" {
		pv.Annotations = map[string]string{Annotation: record}
	}
	require.NoError(w.t, w.client.Tracker().Add(pv))
}

// edit changes a PersistentVolume behind the Manager's back.
func (w *world) edit(name string, f func(*corev1.PersistentVolume)) {
	o, err := w.client.Tracker().Get(pvResource, "", name)
	require.NoError(w.t, err)
	pv := o.(*corev1.PersistentVolume).DeepCopy()
	f(pv)
	pv.ResourceVersion = w.nextVersion()
	require.NoError(w.t, w.client.Tracker().Update(pvResource, pv, ""))
}

func (w *world) setRecord(name, record string) {
	w.edit(name, func(pv *corev1.PersistentVolume) { pv.Annotations = map[string]string{Annotation: record} })
}

func (w *world) deletePV(name string) {
	require.NoError(w.t, w.client.Tracker().Delete(pvResource, "", name))
}

// wish makes a VolumeAttachment; how is any of "attached", "deleting".
func (w *world) wish(pv, node string, how ...string) {
	va := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: "va-" + pv + "-" + node, CreationTimestamp: metav1.NewTime(noon)}}
	va.Spec.Attacher = driver
	va.Spec.NodeName = node
	va.Spec.Source.PersistentVolumeName = &pv
	for _, h := range how {
		switch h {
		case "attached":
			va.Status.Attached = true
		case "deleting":
			va.DeletionTimestamp = &metav1.Time{Time: noon}
		}
	}
	require.NoError(w.t, w.client.Tracker().Add(va))
}

// patch is the API server's: it compares versions, which the fake does not.
func (w *world) patch(a k8stesting.Action) (bool, runtime.Object, error) {
	var e effect
	if len(w.effects) > 0 {
		e, w.effects = w.effects[0], w.effects[1:]
	}
	if e.do != nil {
		e.do()
	}
	action := a.(k8stesting.PatchActionImpl)
	switch {
	case e.late:
		w.late = append(w.late, action)
		return true, nil, e.err
	case e.err != nil && !e.lost:
		return true, nil, e.err
	}
	pv, err := w.apply(action)
	switch {
	case err == nil:
		err = e.err
	case e.lost && apierrors.IsConflict(err):
		w.effects = append([]effect{e}, w.effects...) // the reply lost is the one to a write that took effect
	}
	if err != nil {
		return true, nil, err
	}
	return true, pv, nil
}

// arrive lets the late patches take effect, if they still can.
func (w *world) arrive() {
	for _, a := range w.late {
		_, _ = w.apply(a)
	}
	w.late = nil
}

func (w *world) apply(a k8stesting.PatchActionImpl) (*corev1.PersistentVolume, error) {
	var body mergePatch
	if err := json.Unmarshal(a.Patch, &body); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	o, err := w.client.Tracker().Get(pvResource, "", a.Name)
	if err != nil {
		return nil, err
	}
	pv := o.(*corev1.PersistentVolume).DeepCopy()
	if body.Metadata.ResourceVersion != pv.ResourceVersion {
		return nil, apierrors.NewConflict(pvResource.GroupResource(), a.Name, errors.New("the object has been modified"))
	}
	pv.Annotations = body.Metadata.Annotations
	pv.ResourceVersion = w.nextVersion()
	w.records = append(w.records, pv.Annotations[Annotation])
	return pv.DeepCopy(), w.client.Tracker().Update(pvResource, pv, "")
}

// record is what the volume's PersistentVolume says now; "" if nothing.
func (w *world) record(name string) string {
	o, err := w.client.Tracker().Get(pvResource, "", name)
	require.NoError(w.t, err)
	return o.(*corev1.PersistentVolume).Annotations[Annotation]
}

// calls takes the calls made since it was last asked, as verb/resource.
func (w *world) calls() (calls []string) {
	for _, a := range w.client.Actions() {
		calls = append(calls, a.GetVerb()+" "+a.GetResource().Resource)
	}
	w.client.ClearActions()
	return calls
}

// counts returns all counters and gauges that are not zero, as the registry tells them.
func (w *world) counts() map[string]float64 {
	families, err := w.metrics.Gather()
	require.NoError(w.t, err)
	counts := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "holdfast_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()); v != 0 {
				counts[name] = v
			}
		}
	}
	return counts
}

// holders tells who has a volume, as node=state with the uid if it is known.
func (w *world) holders(volume string) (holders []string) {
	a, _ := w.m.GetAttachment(volume)
	for _, e := range a.Entries {
		name := e.Node
		if e.UID != "" {
			name += "/" + e.UID
		}
		holders = append(holders, name+"="+string(e.State))
	}
	return holders
}

// named tells whom the record names.
func (w *world) named(pv string) (nodes []string) {
	text := w.record(pv)
	if text == "" {
		return nil
	}
	r, _, err := decode(text)
	require.NoError(w.t, err)
	for _, h := range r.holders {
		nodes = append(nodes, h.node)
	}
	return nodes
}

// instance returns the volume's entry on a node.
func (w *world) instance(volume, node string) Instance {
	a, _ := w.m.GetAttachment(volume)
	for _, e := range a.Entries {
		if e.Node == node {
			return e.Instance
		}
	}
	require.FailNow(w.t, "no such instance", "%s on %s", volume, node)
	return Instance{}
}

// must runs a step that cannot fail.
func (w *world) must(err error, why ...any) { require.NoError(w.t, err, why...) }

var ctx = context.Background()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setVersion(o runtime.Object, version string) {
	o.(*corev1.PersistentVolume).ResourceVersion = version
}
