package csi_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	typedstorage "k8s.io/client-go/kubernetes/typed/storage/v1"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/csi"
)

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	require.TestingT
	Fatalf(format string, args ...any)
}

const driver = "csi.holdfast.dev"

// world is an API server, a storage backend, and a process that leads over both. Everything runs in a bubble.
type world struct {
	t        tb
	client   *fake.Clientset
	backend  *backend
	process  // the one that leads
	eviction csi.Eviction
}

// process is one incarnation of the controller's process.
type process struct {
	*csi.Controller
	manager  *attachment.Manager
	registry *prometheus.Registry
	recorder *record.FakeRecorder
	depose   func()
}

// newWorld makes a world with nodes, each with a CSINode, and volumes v and w, each with a PersistentVolume. Nobody leads.
func newWorld(t tb, eviction csi.Eviction, names ...string) *world {
	w := &world{t: t, client: fake.NewSimpleClientset(), backend: &backend{}, eviction: eviction}
	for _, n := range names {
		w.createNode(n, n+"-uid")
	}
	for _, v := range []string{"v", "w"} {
		w.create("persistentvolumes", pv(v))
		w.backend.create(v)
	}
	w.start()
	return w
}

// lead makes a world whose process leads and serves.
func lead(t tb, eviction csi.Eviction, names ...string) *world {
	w := newWorld(t, eviction, names...)
	w.run()
	return w
}

// start starts a process anew; the one before it is forgotten.
func (w *world) start() {
	w.process = process{registry: prometheus.NewRegistry(), recorder: record.NewFakeRecorder(1000), depose: func() {}}
	var err error
	w.manager, err = attachment.NewManager(w.client, attachment.WithMetrics(w.registry), attachment.WithRecorder(w.recorder))
	require.NoError(w.t, err)
	w.Controller, err = csi.New(csi.Config{Manager: w.manager, Client: w.client, Backend: w.backend, Eviction: w.eviction})
	require.NoError(w.t, err)
}

// run makes the process the leader until depose.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error)
	go func() { over <- w.Run(ctx) }()
	w.depose = sync.OnceFunc(func() {
		cancel()
		require.NoError(w.t, <-over)
	})
	synctest.Wait()
}

// restart ends the process and starts and leads with another one.
func (w *world) restart() {
	w.depose()
	w.start()
	w.run()
}

func (w *world) create(resource string, o runtime.Object) {
	group := corev1.SchemeGroupVersion
	if resource != "nodes" && resource != "persistentvolumes" {
		group = storagev1.SchemeGroupVersion
	}
	require.NoError(w.t, w.client.Tracker().Create(group.WithResource(resource), o, ""))
}

func (w *world) createNode(name, uid string) {
	w.create("nodes", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid)}})
	w.create("csinodes", csiNode(name, "id-"+name))
}

// deleteNode deletes a node, and its CSINode, as the garbage collector does.
func (w *world) deleteNode(name string) {
	require.NoError(w.t, w.client.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{}))
	require.NoError(w.t, w.client.StorageV1().CSINodes().Delete(context.Background(), name, metav1.DeleteOptions{}))
	synctest.Wait()
}

func csiNode(name, id string) *storagev1.CSINode {
	return &storagev1.CSINode{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: "other", NodeID: "x"}, {Name: driver, NodeID: id}}},
	}
}

func pv(volume string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv-" + volume, ResourceVersion: "1"},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
			ClaimRef:               &corev1.ObjectReference{Namespace: "default", Name: "claim-" + volume},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: volume}},
		},
	}
}

// narrow makes the volume one that the PersistentVolume allows for one node only.
func (w *world) narrow(volume string) {
	p := pv(volume)
	p.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	_, err := w.client.CoreV1().PersistentVolumes().Update(context.Background(), p, metav1.UpdateOptions{})
	require.NoError(w.t, err)
}

// va is a VolumeAttachment of volume v.
func (w *world) va(volume, node string, attached bool) {
	name := "pv-" + volume
	w.create("volumeattachments", &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: "va-" + volume + "-" + node},
		Spec:       storagev1.VolumeAttachmentSpec{Attacher: driver, NodeName: node, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &name}},
		Status:     storagev1.VolumeAttachmentStatus{Attached: attached},
	})
}

// deleting marks a VolumeAttachment as being deleted.
func (w *world) deleting(volume, node string) {
	all := w.client.StorageV1().VolumeAttachments()
	va, err := all.Get(context.Background(), "va-"+volume+"-"+node, metav1.GetOptions{})
	require.NoError(w.t, err)
	va.DeletionTimestamp, va.Finalizers = &metav1.Time{Time: time.Now()}, []string{"external-attacher"}
	_, err = all.Update(context.Background(), va, metav1.UpdateOptions{})
	require.NoError(w.t, err)
}

// publish asks for volume v as the sidecar does, for 15 s at most.
func (w *world) publish(node string, mode attachment.Mode) error {
	return w.publishWith(csi.PublishRequest{Volume: "v", NodeID: "id-" + node, Mode: mode})
}

func (w *world) publishWith(r csi.PublishRequest) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return w.Publish(ctx, r)
}

func (w *world) unpublish(node string) error {
	id := ""
	if node != "" {
		id = "id-" + node
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return w.Unpublish(ctx, "v", id)
}

// ok and code say how a call ended.
func (w *world) ok(err error) { require.NoError(w.t, err) }

func (w *world) code(want string, err error) {
	var e *csi.Error
	require.ErrorAs(w.t, err, &e, "wanted %s", want)
	require.Equal(w.t, want, e.Code(), "%v", err)
}

// believed is what the Manager believes of volume v: node, uid and state.
func (w *world) believed() []string {
	a, _ := w.manager.GetAttachment("v")
	all := []string{}
	for _, e := range a.Entries {
		all = append(all, fmt.Sprintf("%s %s %s", e.Node, e.UID, e.State))
	}
	return all
}

func (w *world) epoch(node string) uint64 {
	a, _ := w.manager.GetAttachment("v")
	for _, e := range a.Entries {
		if e.Node == node {
			return e.Epoch
		}
	}
	w.t.Fatalf("v is not on %s: %v", node, w.believed())
	return 0
}

// persisted is the record on volume v's PersistentVolume, as text.
func (w *world) persisted() string {
	pv, err := w.client.CoreV1().PersistentVolumes().Get(context.Background(), "pv-v", metav1.GetOptions{})
	require.NoError(w.t, err)
	return pv.Annotations[attachment.Annotation]
}

// metric sums a metric over its labels, and over those that are given as "name=value" only where they match.
func (w *world) metric(name string, labels ...string) (sum float64) {
	families, err := w.registry.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			all := []string{}
			for _, l := range m.Label {
				all = append(all, l.GetName()+"="+l.GetValue())
			}
			if !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(all, l) }) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// events drains the reasons of the events that were recorded.
func (w *world) events() (reasons []string) {
	for {
		select {
		case e := <-w.recorder.Events:
			reasons = append(reasons, strings.Fields(e)[1])
		default:
			return reasons
		}
	}
}

// fail makes a verb on a resource fail while the returned flag is true.
func (w *world) fail(verb, resource string, err error) *atomic.Bool {
	failing := &atomic.Bool{}
	failing.Store(true)
	w.client.PrependReactor(verb, resource, func(clienttesting.Action) (bool, runtime.Object, error) { return failing.Load(), nil, err })
	return failing
}

// backend is a storage system in memory, by the rules of csi.Backend. hook, if not nil, is called before a call takes
// effect, may block, and says whether it does and what the caller is told.
type backend struct {
	mu     sync.Mutex
	grants map[string]map[string]uint64
	ended  map[string]map[string]uint64
	log    []string
	hook   func(ctx context.Context, verb, volume, nodeID string, epoch uint64) (effect bool, err error)
}

// refusal is a backend's error with a code.
type refusal string

func (r refusal) Error() string { return "the backend says " + string(r) }
func (r refusal) Code() string  { return string(r) }

func (b *backend) create(volume string) {
	if b.grants == nil {
		b.grants, b.ended = map[string]map[string]uint64{}, map[string]map[string]uint64{}
	}
	b.grants[volume], b.ended[volume] = map[string]uint64{}, map[string]uint64{}
}

// call is one request: do takes effect under the lock.
func (b *backend) call(ctx context.Context, verb, volume, nodeID string, epoch uint64, do func() error) error {
	b.mu.Lock()
	if verb != "exists" {
		b.log = append(b.log, fmt.Sprintf("%s %s", verb, nodeID))
	}
	hook := b.hook
	b.mu.Unlock()
	effect, told := true, error(nil)
	if hook != nil {
		effect, told = hook(ctx, verb, volume, nodeID, epoch)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if effect {
		if err := do(); err != nil {
			return err
		}
	}
	return told
}

func (b *backend) Exists(ctx context.Context, volume string) (exists bool, err error) {
	err = b.call(ctx, "exists", volume, "", 0, func() error { exists = b.grants[volume] != nil; return nil })
	return exists, err
}

func (b *backend) Grant(ctx context.Context, volume, nodeID string, epoch uint64, readOnly bool) error {
	verb := "grant"
	if readOnly {
		verb = "grantReadOnly"
	}
	return b.call(ctx, verb, volume, nodeID, epoch, func() error {
		if epoch <= b.ended[volume][nodeID] {
			return refusal("FailedPrecondition")
		}
		b.grants[volume][nodeID] = max(epoch, b.grants[volume][nodeID])
		return nil
	})
}

func (b *backend) Revoke(ctx context.Context, volume, nodeID string, epoch uint64) error {
	return b.call(ctx, "revoke", volume, nodeID, epoch, func() error { b.end(volume, nodeID, epoch); return nil })
}

func (b *backend) Fence(ctx context.Context, volume, nodeID string, epoch uint64) error {
	return b.call(ctx, "fence", volume, nodeID, epoch, func() error { b.end(volume, nodeID, epoch); return nil })
}

func (b *backend) end(volume, nodeID string, epoch uint64) {
	for _, id := range slices.Sorted(maps.Keys(b.grants[volume])) {
		if g := b.grants[volume][id]; (nodeID == "" || nodeID == id) && (epoch == 0 || g <= epoch) {
			delete(b.grants[volume], id)
			b.ended[volume][id] = max(b.ended[volume][id], g)
		}
	}
	if nodeID != "" {
		b.ended[volume][nodeID] = max(b.ended[volume][nodeID], epoch)
	}
}

// granted returns the ids of the nodes that are granted volume v.
func (b *backend) granted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := slices.Sorted(maps.Keys(b.grants["v"]))
	return append([]string{}, ids...)
}

// calls drains the log.
func (b *backend) calls() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	log := append([]string{}, b.log...)
	b.log = nil
	return log
}

// on makes a verb of the backend end in an error, with or without effect, while the returned flag is true.
func (b *backend) on(verb string, effect bool, err error) *atomic.Bool {
	failing := &atomic.Bool{}
	failing.Store(true)
	before := b.hook
	b.hook = func(ctx context.Context, v, volume, nodeID string, epoch uint64) (bool, error) {
		switch {
		case v == verb && failing.Load():
			return effect, err
		case before != nil:
			return before(ctx, v, volume, nodeID, epoch)
		}
		return true, nil
	}
	return failing
}

// bare is a node without CSINode.
func bare(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name + "-uid")}}
}

var pvs = corev1.SchemeGroupVersion.WithResource("persistentvolumes")

// getFails fails the reads of one object.
func getFails(name string) clienttesting.ReactionFunc {
	return func(a clienttesting.Action) (bool, runtime.Object, error) {
		return a.(clienttesting.GetAction).GetName() == name, nil, errDown
	}
}

// slowLists is a client whose quorum lists of VolumeAttachments meet a hook, with their context.
type slowLists struct {
	kubernetes.Interface
	hook func(ctx context.Context) error
}

func (c *slowLists) IsWatchListSemanticsUnSupported() bool { return true }

func (c *slowLists) StorageV1() typedstorage.StorageV1Interface {
	return slowStorage{c.Interface.StorageV1(), c}
}

type slowStorage struct {
	typedstorage.StorageV1Interface
	c *slowLists
}

func (s slowStorage) VolumeAttachments() typedstorage.VolumeAttachmentInterface {
	return slowAttachments{s.StorageV1Interface.VolumeAttachments(), s.c}
}

type slowAttachments struct {
	typedstorage.VolumeAttachmentInterface
	c *slowLists
}

func (a slowAttachments) List(ctx context.Context, o metav1.ListOptions) (*storagev1.VolumeAttachmentList, error) {
	if o.ResourceVersion == "" {
		if err := a.c.hook(ctx); err != nil {
			return nil, err
		}
	}
	return a.VolumeAttachmentInterface.List(ctx, o)
}
