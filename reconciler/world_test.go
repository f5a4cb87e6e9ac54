package reconciler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	clienttesting "k8s.io/client-go/testing"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/reconciler"
)

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	require.TestingT
	Fatalf(format string, args ...any)
}

const grace = 30 * time.Second

// world is a Manager in memory, an API server's nodes, and a Reconciler over both. Everything runs in a bubble.
type world struct {
	t        tb
	client   *fake.Clientset
	nodes    *nodes
	manager  *attachment.Manager
	registry *prometheus.Registry
	cfg      reconciler.Config
	*reconciler.Reconciler
}

// newWorld makes a world with nodes; each option changes the configuration.
func newWorld(t tb, names []string, options ...func(*reconciler.Config)) *world {
	w := &world{t: t, registry: prometheus.NewRegistry()}
	var objects []runtime.Object
	for _, n := range names {
		objects = append(objects, node(n, n+"-uid"))
	}
	w.client = fake.NewSimpleClientset(objects...)
	w.nodes = &nodes{Interface: w.client}
	var err error
	w.manager, err = attachment.NewManager(nil, attachment.WithMaxHolders(0))
	require.NoError(t, err)
	w.cfg = reconciler.Config{Manager: w.manager, Client: w.nodes, GracePeriod: grace, SettleTime: -1, Metrics: w.registry}
	for _, o := range options {
		o(&w.cfg)
	}
	w.Reconciler, err = reconciler.New(w.cfg)
	require.NoError(t, err)
	return w
}

// start starts the reconciler and lets the first pass end.
func (w *world) start() {
	require.NoError(w.t, w.Start(context.Background()))
	synctest.Wait()
}

// attach tracks a volume on a node whose uid is known, and more nodes beside it if there are more.
func (w *world) attach(volume string, names ...string) {
	for _, n := range names {
		w.attachUID(volume, n, n+"-uid")
	}
}

func (w *world) attachUID(volume, name, uid string) {
	require.NoError(w.t, w.manager.TrackAttachmentWithMode(context.Background(), volume, name, attachment.ReadWriteMany, attachment.WithUID(uid)))
}

func (w *world) create(name, uid string) {
	_, err := w.client.CoreV1().Nodes().Create(context.Background(), node(name, uid), metav1.CreateOptions{})
	require.NoError(w.t, err)
	synctest.Wait()
}

func (w *world) delete(name string) {
	require.NoError(w.t, w.client.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{}))
	synctest.Wait()
}

// after lets time pass.
func (w *world) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// pass triggers a pass and lets it end.
func (w *world) pass() {
	before := w.metric("holdfast_reconcile_passes_total")
	w.Trigger()
	synctest.Wait()
	require.Equal(w.t, before+1, w.metric("holdfast_reconcile_passes_total"))
}

// holders returns the nodes that hold a volume.
func (w *world) holders(volume string) []string {
	a, _ := w.manager.GetAttachment(volume)
	names := []string{}
	for _, e := range a.Entries {
		names = append(names, e.Node)
	}
	return names
}

func (w *world) metric(name string) float64 { return metric(w.t, w.registry, name) }

func metric(t tb, g prometheus.Gatherer, name string) float64 {
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			if h := f.Metric[0].GetHistogram(); h != nil {
				return float64(h.GetSampleCount())
			}
			return f.Metric[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// calls returns how often a verb was used on nodes since the last forget.
func (w *world) calls(verb string) (n int) {
	for _, a := range w.client.Actions() {
		if a.Matches(verb, "nodes") {
			n++
		}
	}
	return n
}

func (w *world) forget() { w.client.ClearActions() }

// react makes a verb on nodes answer otherwise.
func (w *world) react(verb string, answer func(clienttesting.Action) (bool, runtime.Object, error)) {
	w.client.PrependReactor(verb, "nodes", answer)
}

func node(name, uid string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid)}}
}

// nodes is the fake clientset with calls that end with their contexts, as real ones do, and that a test can hang.
type nodes struct {
	kubernetes.Interface
	hook func(ctx context.Context, verb, name string) error // nil: nothing
}

func (n *nodes) IsWatchListSemanticsUnSupported() bool { return true }

func (n *nodes) CoreV1() typedcore.CoreV1Interface { return coreV1{n.Interface.CoreV1(), n} }

func (n *nodes) before(ctx context.Context, verb, name string) error {
	if n.hook != nil {
		if err := n.hook(ctx, verb, name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

type coreV1 struct {
	typedcore.CoreV1Interface
	n *nodes
}

func (c coreV1) Nodes() typedcore.NodeInterface { return nodeCalls{c.CoreV1Interface.Nodes(), c.n} }

type nodeCalls struct {
	typedcore.NodeInterface
	n *nodes
}

func (c nodeCalls) Get(ctx context.Context, name string, o metav1.GetOptions) (*corev1.Node, error) {
	if err := c.n.before(ctx, "get", name); err != nil {
		return nil, err
	}
	return c.NodeInterface.Get(ctx, name, o)
}

func (c nodeCalls) List(ctx context.Context, o metav1.ListOptions) (*corev1.NodeList, error) {
	verb := "relist" // the informer's
	if o.ResourceVersion == "" {
		verb = "list"
	}
	if err := c.n.before(ctx, verb, ""); err != nil {
		return nil, err
	}
	return c.NodeInterface.List(ctx, o)
}

// hang waits for the end of the context, as a call does that is never answered.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// bubble runs a test in virtual time. Goroutines that are left at its end fail it.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

var createOptions = metav1.CreateOptions{}

// pv is a volume's PersistentVolume.
func pv(volume string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv-" + volume, ResourceVersion: "1"},
		Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
			CSI: &corev1.CSIPersistentVolumeSource{Driver: "csi.holdfast.dev", VolumeHandle: volume},
		}},
	}
}
