package cluster

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/watchlist"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// TestEveryChangeIsTraced follows one attachment from wish to end, by the operator's access.
func TestEveryChangeIsTraced(t *testing.T) {
	loop, s, _ := start(t)
	node, err := Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}})
	require.NoError(t, err)
	_, err = Create(s, persistentVolume("vm-disk"))
	require.NoError(t, err)
	va, err := Create(s, newAttachment("va", "pv-vm-disk", "node-1"))
	require.NoError(t, err)
	va.Status.Attached = true
	va, err = UpdateStatus(s, va)
	require.NoError(t, err)
	require.NoError(t, Delete[*storagev1.VolumeAttachment](s, "va"))
	va, err = Get[*storagev1.VolumeAttachment](s, "va")
	require.NoError(t, err)
	va.Finalizers = nil
	_, err = Update(s, va)
	require.NoError(t, err)
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
	_, err = UpdateStatus(s, node)
	require.NoError(t, err)
	require.NoError(t, Delete[*corev1.Node](s, "node-1"))
	require.Equal(t, []string{
		"created nodes node-1 node-1 ready",
		"created persistentvolumes pv-vm-disk vm-disk",
		"created volumeattachments va vm-disk node-1 wished",
		"updated volumeattachments va vm-disk node-1 attached",
		"deleting volumeattachments va vm-disk node-1 deleting",
		"deleted volumeattachments va vm-disk node-1 deleting",
		"updated nodes node-1 node-1 notReady",
		"deleted nodes node-1 node-1 notReady",
	}, loop.told(trace.Change))
}

func TestCallsSayWhatTheyWereAbout(t *testing.T) {
	loop, s, c := start(t)
	_, _ = Create(s, persistentVolume("v"))
	_, _ = c.CoreV1().PersistentVolumes().Patch(ctx, "pv-v", types.MergePatchType, []byte(`{"metadata":{"annotations":{"holdfast.dev/attachment":"{}"}}}`), metav1.PatchOptions{})
	_, _ = c.CoreV1().Nodes().Get(ctx, "node-1", metav1.GetOptions{})
	_, _ = c.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	_, _ = c.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	require.Equal(t, []trace.Event{
		{Kind: trace.Call, Label: "call", Actor: "other", Verb: "patch", Resource: "persistentvolumes", Name: "pv-v", Volume: "v", UID: "uid-1", Version: "3", Record: "{}", Code: "OK"},
		{Kind: trace.Call, Label: "call", Actor: "other", Verb: "get", Resource: "nodes", Name: "node-1", Node: "node-1", Code: "NotFound"},
		{Kind: trace.Call, Label: "call", Actor: "other", Verb: "list", Resource: "persistentvolumes", Count: 1, Version: "3", Code: "OK"},
		{Kind: trace.Call, Label: "call", Actor: "informer", Verb: "list", Resource: "persistentvolumes", Count: 1, Version: "3", Code: "OK"},
	}, loop.calls)
}

func TestOperatorListsInOrder(t *testing.T) {
	_, s, _ := start(t)
	for _, name := range []string{"b", "c", "a"} {
		_, err := Create(s, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}})
		require.NoError(t, err)
	}
	require.NoError(t, Delete[*corev1.Pod](s, "default/c"))
	pods := List[*corev1.Pod](s)
	require.Len(t, pods, 2)
	require.Equal(t, "a", pods[0].Name)
	require.Equal(t, types.UID("uid-1"), pods[1].UID)
	require.Equal(t, "5", s.Version())
	require.True(t, pods[0].CreationTimestamp.Equal(&metav1.Time{Time: wall().Truncate(time.Second)}))
	_, err := Get[*corev1.Pod](s, "default/c")
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	require.Panics(t, func() { _ = List[*corev1.Secret](s) })
}

// TestInjectedErrors: each effect looks like the real thing, and is recognisably not.
func TestInjectedErrors(t *testing.T) {
	loop, _, c := start(t)
	for _, test := range []struct {
		effect fault.Effect
		code   string
		is     func(error) bool
	}{
		{fault.Unreachable, "Unreachable", func(err error) bool { return utilnet.IsConnectionRefused(err) && errors.Is(err, syscall.ECONNREFUSED) }},
		{fault.Error, "InternalError", apierrors.IsInternalError},
		{fault.Throttled, "TooManyRequests", func(err error) bool {
			after, ok := apierrors.SuggestsClientDelay(err)
			return ok && after == 1 && apierrors.IsTooManyRequests(err)
		}},
		{fault.Conflict, "Conflict", apierrors.IsConflict},
		{fault.Timeout, "Timeout", apierrors.IsTimeout},
		{fault.LateEffect, "Timeout", apierrors.IsTimeout},
		{fault.ReplyLost, "ConnectionLost", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		loop.effect = test.effect
		_, err := c.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{})
		require.ErrorIs(t, err, ErrInjected)
		require.Equal(t, test.code, apiCode(err), "%s", test.effect)
		require.True(t, test.is(err), "%s: %v", test.effect, err)
	}
	loop.effect = fault.None
	_, err := c.CoreV1().Nodes().Get(ctx, "m", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))
	require.NotErrorIs(t, err, ErrInjected)
}

// TestStaleReads: a read that allows an old answer may get one; a linearizable one never does.
func TestStaleReads(t *testing.T) {
	loop, s, c := start(t)
	s.cfg.Source = nil // one change back
	n, _ := Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	floor := n.ResourceVersion
	n.Labels = map[string]string{"new": "yes"}
	n, _ = Update(s, n)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "m"}})
	loop.effect = fault.StaleRead
	for _, test := range []struct{ version, labels string }{{"", "yes"}, {"0", ""}, {floor, ""}, {n.ResourceVersion, "yes"}} {
		got, err := c.CoreV1().Nodes().Get(ctx, "n", metav1.GetOptions{ResourceVersion: test.version})
		require.NoError(t, err)
		require.Equal(t, test.labels, got.Labels["new"], "from %q", test.version)
	}
	for _, test := range []struct{ version, names, at string }{{"", "m n", "4"}, {"0", "n", "3"}, {"4", "m n", "4"}} {
		list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: test.version})
		require.NoError(t, err)
		require.Equal(t, test.names, names(list), "from %q", test.version)
		require.Equal(t, test.at, list.ResourceVersion)
	}
	_, err := c.CoreV1().Nodes().Get(ctx, "m", metav1.GetOptions{ResourceVersion: "0"})
	require.True(t, apierrors.IsNotFound(err), "%v: it did not exist yet", err)
	s.cfg.Source = choice.Seeded(1)
	for range 20 { // whatever it draws, it is an answer of the past
		list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		require.NoError(t, err)
		require.Contains(t, []string{"", "n"}, names(list))
	}
}

func TestEmptyList(t *testing.T) {
	loop, s, c := start(t)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	loop.effect = fault.EmptyList
	list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, list.Items)
	require.Equal(t, "2", list.ResourceVersion)
}

func TestPartialList(t *testing.T) {
	loop, s, c := start(t)
	s.cfg.Source = choice.Seeded(1)
	for _, name := range []string{"a", "b", "c"} {
		_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	loop.effect = fault.PartialList
	sizes := make(map[int]int)
	for range 100 {
		list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
		sizes[len(list.Items)]++
		told := loop.calls[len(loop.calls)-1].Fault
		require.Equal(t, len(list.Items) < 3, told == string(fault.PartialList), "a list that lacks nothing met no fault")
	}
	require.Len(t, sizes, 4, "none, one, two and all of them")
}

func TestOutageHoldsDeliveries(t *testing.T) {
	loop, s, c := start(t)
	w, err := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	s.SetAway(true)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}})
	loop.settle()
	require.Empty(t, received(w))
	require.Equal(t, 1, s.Undelivered())
	s.SetAway(false)
	loop.settle()
	require.Equal(t, "ADDED:a ADDED:b", received(w))
	require.Zero(t, s.Undelivered())
}

func TestLag(t *testing.T) {
	loop, s, c := start(t)
	s.cfg.Lag = func(string) time.Duration { return time.Second }
	w, _ := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	other, _ := c.StorageV1().CSINodes().Watch(ctx, metav1.ListOptions{})
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	loop.settle()
	require.Empty(t, received(w), "each event takes a second")
	loop.now = time.Second
	s.SetLag("nodes", 5*time.Second)
	_, _ = Create(s, &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	loop.now = 4 * time.Second
	loop.settle()
	require.Empty(t, received(w), "nodes lag until 5s")
	require.Equal(t, "ADDED:a", received(other))
	loop.now = 5 * time.Second
	loop.settle()
	require.Equal(t, "ADDED:a", received(w))
}

func TestDisconnect(t *testing.T) {
	loop, s, c := start(t)
	watchFrom := func(version string) (string, func() string) {
		w, err := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{ResourceVersion: version})
		if err != nil {
			return errorIs(err), nil
		}
		return "OK", func() string { loop.settle(); return received(w) }
	}
	a, _ := Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	_, events := watchFrom(a.ResourceVersion)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}})
	s.Disconnect("nodes", HistoryKept)
	require.Equal(t, "closed", events(), "what was on its way is lost")
	code, events := watchFrom(a.ResourceVersion)
	require.Equal(t, "OK", code)
	require.Equal(t, "ADDED:b", events(), "but can be had again")

	s.Disconnect("", HistoryGone)
	require.Equal(t, "ERROR closed", events())
	code, _ = watchFrom(a.ResourceVersion)
	require.Equal(t, "Expired", code)
	code, events = watchFrom(s.Version())
	require.Equal(t, "OK", code)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "c"}})
	require.Equal(t, "ADDED:c", events())
	_, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: a.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	require.Equal(t, "Expired", errorIs(err))
}

func TestReplay(t *testing.T) {
	loop, s, c := start(t)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "before"}})
	w, err := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{ResourceVersion: s.Version()})
	require.NoError(t, err)
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}})
	require.NoError(t, Delete[*corev1.Node](s, "a"))
	loop.settle()
	require.Equal(t, "ADDED:a ADDED:b DELETED:a", received(w))
	s.Replay("nodes", 2)
	loop.settle()
	require.Equal(t, "ADDED:b DELETED:a", received(w), "once more")
	s.Replay("", 1000)
	s.Replay("persistentvolumes", 1000)
	loop.settle()
	require.Equal(t, "ADDED:a ADDED:b DELETED:a", received(w), "nothing that the watch had not sent")
}

func TestDeliveriesHaveLabelsOfTheirOwn(t *testing.T) {
	loop, s, c := start(t)
	_, _ = c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	_, _ = c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	_, _ = s.Client(2, loop).CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	for _, n := range []string{"a", "b"} {
		_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n}})
	}
	loop.settle()
	labels := map[string]int{}
	for _, e := range loop.events {
		if e.Kind == trace.Deliver {
			labels[e.Label]++
		}
	}
	require.Equal(t, map[string]int{
		"p1/informer/deliver/nodes#1.1": 1, "p1/informer/deliver/nodes#1.2": 1,
		"p1/informer/deliver/nodes#2.1": 1, "p1/informer/deliver/nodes#2.2": 1,
		"p2/informer/deliver/nodes#1.1": 1, "p2/informer/deliver/nodes#1.2": 1,
	}, labels)
}

// TestLostWatches: a watch whose caller does not know of it, stopped it or died costs nothing.
func TestLostWatches(t *testing.T) {
	loop, s, c := start(t)
	nodes := s.tables["nodes"]
	loop.effect = fault.ReplyLost
	_, err := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	require.ErrorIs(t, err, ErrInjected)
	loop.effect = fault.None
	w, _ := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	require.Len(t, nodes.watches, 1)
	require.Len(t, loop.points, 1)
	w.Stop()
	w.Stop() // twice is fine
	require.Empty(t, loop.points)
	require.Equal(t, "closed", received(w))
	_, _ = c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	loop.cut = true
	_, _ = Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}})
	require.Empty(t, nodes.watches)
}

func TestEventsAreTakenFromRecorders(t *testing.T) {
	_, s, c := start(t)
	pv, _ := Create(s, persistentVolume("v"))
	pv.Kind, pv.APIVersion = "PersistentVolume", "v1"
	e := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "e", Namespace: "default"},
		InvolvedObject: corev1.ObjectReference{Kind: "PersistentVolume", Name: "pv-v", UID: pv.UID}, Reason: "VolumeAttached",
	}
	e, err := c.CoreV1().Events("").CreateWithEventNamespaceWithContext(ctx, e)
	require.NoError(t, err)
	e, err = c.CoreV1().Events("").PatchWithEventNamespaceWithContext(ctx, e, []byte(`{"count":2}`))
	require.NoError(t, err)
	require.Equal(t, int32(2), e.Count)
	e.Count = 3
	_, err = c.CoreV1().Events("default").UpdateWithEventNamespaceWithContext(ctx, e)
	require.NoError(t, err)
	found, err := c.CoreV1().Events("default").SearchWithContext(ctx, scheme.Scheme, pv)
	require.NoError(t, err)
	require.Len(t, found.Items, 1)
	require.Equal(t, int32(3), found.Items[0].Count)
	_, err = c.CoreV1().Events("other").CreateWithEventNamespaceWithContext(ctx, e)
	require.Error(t, err)
}

// TestEveryResourceIsServed: each clientset method ends at the table of its resource.
func TestEveryResourceIsServed(t *testing.T) {
	loop, s, c := start(t)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: "default"} }
	bare := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	o := metav1.CreateOptions{}
	_, err := c.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: bare("a")}, o)
	require.NoError(t, err)
	_, err = c.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{ObjectMeta: bare("a")}, o)
	require.NoError(t, err)
	_, err = c.CoreV1().PersistentVolumeClaims("default").Create(ctx, &corev1.PersistentVolumeClaim{ObjectMeta: in("a")}, o)
	require.NoError(t, err)
	_, err = c.CoreV1().Pods("default").Create(ctx, &corev1.Pod{ObjectMeta: in("a")}, o)
	require.NoError(t, err)
	_, err = c.StorageV1().VolumeAttachments().Create(ctx, &storagev1.VolumeAttachment{ObjectMeta: bare("a")}, o)
	require.NoError(t, err)
	_, err = c.StorageV1().CSINodes().Create(ctx, &storagev1.CSINode{ObjectMeta: bare("a")}, o)
	require.NoError(t, err)
	_, err = c.CoreV1().Events("default").Create(ctx, &corev1.Event{ObjectMeta: in("a")}, o)
	require.NoError(t, err)
	_, err = c.CoordinationV1().Leases("default").Create(ctx, &coordinationv1.Lease{ObjectMeta: in("a")}, o)
	require.NoError(t, err)
	for i, table := range s.order {
		require.Equal(t, table.resource, loop.calls[i].Resource)
		require.Len(t, table.objects, 1, table.resource)
		list, err := table.list("", metav1.ListOptions{}, 0)
		require.NoError(t, err)
		items, err := meta.ExtractList(table.kind.list(list.meta, list.items))
		require.NoError(t, err)
		require.Equal(t, table.all()[0], items[0])
	}
	n, err := c.CoreV1().Nodes().PatchStatus(ctx, "a", []byte(`{"status":{"phase":"Running"}}`))
	require.NoError(t, err)
	require.Equal(t, corev1.NodeRunning, n.Status.Phase)
}

func TestWhatTheServerIs(t *testing.T) {
	_, _, c := start(t)
	require.True(t, watchlist.DoesClientNotSupportWatchListSemantics(c))
	_, err := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{SendInitialEvents: new(bool)})
	require.True(t, apierrors.IsInvalid(err), "%v", err)
	served, err := c.Discovery().ServerResourcesForGroupVersion("storage.k8s.io/v1")
	require.NoError(t, err)
	require.Len(t, served.APIResources, 2)
	_, err = c.AppsV1().Deployments("").Watch(context.Background(), metav1.ListOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}
