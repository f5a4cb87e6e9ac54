package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	typedstorage "k8s.io/client-go/kubernetes/typed/storage/v1"
	"k8s.io/utils/ptr"
)

// api is a clientset under comparison.
type api struct {
	t *testing.T
	kubernetes.Interface
	settle func() // lets watches deliver
}

func (a api) nodes() typedcore.NodeInterface               { return a.CoreV1().Nodes() }
func (a api) volumes() typedcore.PersistentVolumeInterface { return a.CoreV1().PersistentVolumes() }
func (a api) attachments() typedstorage.VolumeAttachmentInterface {
	return a.StorageV1().VolumeAttachments()
}

func (a api) node(name string, labels ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, l := range labels {
		n.Labels[l] = "yes"
	}
	n, err := a.nodes().Create(ctx, n, metav1.CreateOptions{})
	require.NoError(a.t, err)
	return n
}

func (a api) attachment(name string) *storagev1.VolumeAttachment {
	va, err := a.attachments().Create(ctx, newAttachment(name, "pv-a", "node-1"), metav1.CreateOptions{})
	require.NoError(a.t, err)
	return va
}

func newAttachment(name, pv, node string) *storagev1.VolumeAttachment {
	return &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{"external-attacher/csi-holdfast-dev"}},
		Spec: storagev1.VolumeAttachmentSpec{
			Attacher: "csi.holdfast.dev", NodeName: node,
			Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &pv},
		},
	}
}

// events watches nodes while do runs, and tells what came.
func (a api) events(o metav1.ListOptions, do func()) string {
	w, err := a.nodes().Watch(ctx, o)
	if err != nil {
		return errorIs(err)
	}
	defer w.Stop()
	do()
	a.settle()
	return received(w)
}

// received is what waits in a watch's channel.
func received(w watch.Interface) string {
	var out []string
	for {
		select {
		case e, open := <-w.ResultChan():
			if !open {
				return strings.Join(append(out, "closed"), " ")
			}
			if m, ok := e.Object.(metav1.Object); ok {
				out = append(out, string(e.Type)+":"+m.GetName())
			} else {
				out = append(out, string(e.Type))
			}
		default:
			return strings.Join(out, " ")
		}
	}
}

// from is a watch's starting point.
func from(version string) metav1.ListOptions { return metav1.ListOptions{ResourceVersion: version} }

func names(list *corev1.NodeList) string {
	var out []string
	for _, n := range list.Items {
		out = append(out, n.Name)
	}
	return strings.Join(out, " ")
}

var ctx = context.Background()

// rules is the table of what the simulated server does and client-go's fake does not, or both do.
var rules = []struct {
	rule        string
	do          func(a api) string
	stock, ours string
}{
	{"the server sets uid, version, creation time and generation", func(a api) string {
		n := a.node("n")
		return fmt.Sprint(n.UID != "", n.ResourceVersion != "", !n.CreationTimestamp.IsZero(), n.Generation)
	}, "false false false 0", "true true true 1"},
	{"an update of a stale version is a conflict", func(a api) string {
		n := a.node("n")
		n.Spec.Unschedulable = true
		_, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		n.ResourceVersion = "1" + n.ResourceVersion
		_, err := a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		return errorIs(err)
	}, "OK", "Conflict"},
	{"a patch that names a stale version is a conflict", func(a api) string {
		a.node("n")
		_, err := a.nodes().Patch(ctx, "n", types.MergePatchType, []byte(`{"metadata":{"resourceVersion":"77","labels":{"a":"b"}}}`), metav1.PatchOptions{})
		return errorIs(err)
	}, "OK", "Conflict"},
	{"a patch that names no version applies to what is there", func(a api) string {
		a.node("n")
		n, err := a.nodes().Patch(ctx, "n", types.StrategicMergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
		return errorIs(err) + fmt.Sprint(n.Spec.Unschedulable)
	}, "OKtrue", "OKtrue"},
	{"an update without a version is refused for kinds that do not allow it", func(a api) string {
		va := a.attachment("va")
		va.ResourceVersion, va.Labels = "", map[string]string{"a": "b"}
		_, err := a.attachments().Update(ctx, va, metav1.UpdateOptions{})
		return errorIs(err)
	}, "OK", "Invalid"},
	{"an update without a version is fine for the others", func(a api) string {
		n := a.node("n")
		n.ResourceVersion, n.Labels = "", map[string]string{"a": "b"}
		_, err := a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		return errorIs(err)
	}, "OK", "OK"},
	{"an update of another object of the same name is a conflict", func(a api) string {
		n := a.node("n")
		n.UID = "another"
		_, err := a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		return errorIs(err)
	}, "OK", "Conflict"},
	{"a patch that names another uid is invalid", func(a api) string {
		a.node("n")
		_, err := a.nodes().Patch(ctx, "n", types.MergePatchType, []byte(`{"metadata":{"uid":"another","labels":{"a":"b"}}}`), metav1.PatchOptions{})
		return errorIs(err)
	}, "OK", "Invalid"},
	{"nobody creates an object with a version", func(a api) string {
		_, err := a.nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", ResourceVersion: "1"}}, metav1.CreateOptions{})
		return errorIs(err)
	}, "OK", "BadRequest"},
	{"a name is taken once", func(a api) string {
		a.node("n")
		_, err := a.nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{})
		return errorIs(err)
	}, "AlreadyExists", "AlreadyExists"},
	{"a name is a DNS name", func(a api) string {
		_, err := a.nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "No Node"}}, metav1.CreateOptions{})
		return errorIs(err)
	}, "OK", "Invalid"},
	{"generateName makes names", func(a api) string {
		var got []string
		for range 2 {
			n, err := a.nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "n-"}}, metav1.CreateOptions{})
			got = append(got, n.Name+" "+errorIs(err))
		}
		return strings.Join(got, ", ")
	}, " OK,  AlreadyExists", "n-bbbbc OK, n-bbbbd OK"},
	{"a dry run changes nothing", func(a api) string {
		_, err := a.nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{DryRun: []string{"All"}})
		_, then := a.nodes().Get(ctx, "n", metav1.GetOptions{})
		return errorIs(err) + " " + errorIs(then)
	}, "OK OK", "OK NotFound"},
	{"an update of an object leaves its status", func(a api) string {
		va := a.attachment("va")
		va.Status.Attached = true
		va, err := a.attachments().Update(ctx, va, metav1.UpdateOptions{})
		return errorIs(err) + fmt.Sprint(va.Status.Attached)
	}, "OKtrue", "OKfalse"},
	{"an update of a status leaves the rest", func(a api) string {
		va := a.attachment("va")
		va.Status.Attached, va.Spec.NodeName, va.Labels, va.Finalizers = true, "node-2", map[string]string{"a": "b"}, nil
		va, err := a.attachments().UpdateStatus(ctx, va, metav1.UpdateOptions{})
		return errorIs(err) + " " + va.Spec.NodeName + fmt.Sprint(" ", va.Status.Attached, len(va.Labels), len(va.Finalizers))
	}, "OK node-2 true 1 0", "OK node-1 true 0 1"},
	{"a patch of a status leaves the rest", func(a api) string {
		a.attachment("va")
		va, err := a.attachments().Patch(ctx, "va", types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"a":"b"}},"status":{"attached":true}}`), metav1.PatchOptions{}, "status")
		return errorIs(err) + fmt.Sprint(va.Status.Attached, len(va.Labels))
	}, "OKtrue 1", "OKtrue 0"},
	{"but a node's annotations can be set with its status, as the kubelet does", func(a api) string {
		n := a.node("n")
		n.Annotations = map[string]string{"a": "b"}
		n.Spec.Unschedulable = true
		n, _ = a.nodes().UpdateStatus(ctx, n, metav1.UpdateOptions{})
		return fmt.Sprint(len(n.Annotations), n.Spec.Unschedulable)
	}, "1 true", "1 false"},
	{"nobody is born attached", func(a api) string {
		va := newAttachment("va", "pv-a", "node-1")
		va.Status.Attached = true
		va, _ = a.attachments().Create(ctx, va, metav1.CreateOptions{})
		return fmt.Sprint(va.Status.Attached)
	}, "true", "false"},
	{"what a VolumeAttachment is about never changes", func(a api) string {
		va := a.attachment("va")
		va.Spec.NodeName = "node-2"
		_, err := a.attachments().Update(ctx, va, metav1.UpdateOptions{})
		return errorIs(err)
	}, "OK", "Invalid"},
	{"nor does where a PersistentVolume's data are", func(a api) string {
		pv, _ := a.volumes().Create(ctx, persistentVolume("a"), metav1.CreateOptions{})
		pv.Spec.CSI.VolumeHandle = "b"
		_, err := a.volumes().Update(ctx, pv, metav1.UpdateOptions{})
		return errorIs(err)
	}, "OK", "Invalid"},
	{"the generation counts changes of the spec", func(a api) string {
		n := a.node("n")
		n.Labels = map[string]string{"a": "b"}
		n, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		first := n.Generation
		n.Spec.Unschedulable = true
		n, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		return fmt.Sprint(first, n.Generation)
	}, "0 0", "1 2"},
	{"an update that changes nothing is no change", func(a api) string {
		n := a.node("n")
		return a.events(from(n.ResourceVersion), func() {
			after, err := a.nodes().Update(ctx, n, metav1.UpdateOptions{})
			require.NoError(a.t, err)
			require.Equal(a.t, n.ResourceVersion, after.ResourceVersion)
		})
	}, "ADDED:n MODIFIED:n", ""},
	{"a finalizer keeps what is being deleted", func(a api) string {
		a.attachment("va")
		err := a.attachments().Delete(ctx, "va", metav1.DeleteOptions{})
		va, then := a.attachments().Get(ctx, "va", metav1.GetOptions{})
		return errorIs(err) + " " + errorIs(then) + fmt.Sprint(va.DeletionTimestamp != nil)
	}, "OK NotFoundfalse", "OK OKtrue"},
	{"it goes with its last finalizer", func(a api) string {
		va := a.attachment("va")
		_ = a.attachments().Delete(ctx, "va", metav1.DeleteOptions{})
		va.ResourceVersion, va.Finalizers = "", nil
		_, err := a.attachments().Patch(ctx, "va", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		_, then := a.attachments().Get(ctx, "va", metav1.GetOptions{})
		return errorIs(err) + " " + errorIs(then)
	}, "NotFound NotFound", "OK NotFound"},
	{"a deletion cannot be taken back", func(a api) string {
		a.attachment("va")
		_ = a.attachments().Delete(ctx, "va", metav1.DeleteOptions{})
		va, err := a.attachments().Patch(ctx, "va", types.MergePatchType,
			[]byte(`{"metadata":{"deletionTimestamp":null,"labels":{"a":"b"}}}`), metav1.PatchOptions{})
		return errorIs(err) + fmt.Sprint(va.DeletionTimestamp != nil, len(va.Labels))
	}, "NotFoundfalse 0", "OKtrue 1"},
	{"nor be held up by another finalizer", func(a api) string {
		a.attachment("va")
		_ = a.attachments().Delete(ctx, "va", metav1.DeleteOptions{})
		_, err := a.attachments().Patch(ctx, "va", types.MergePatchType,
			[]byte(`{"metadata":{"finalizers":["external-attacher/csi-holdfast-dev","x.io/more"]}}`), metav1.PatchOptions{})
		return errorIs(err)
	}, "NotFound", "Invalid"},
	{"a second delete of what waits for its finalizers is fine, and no news", func(a api) string {
		a.attachment("va")
		_ = a.attachments().Delete(ctx, "va", metav1.DeleteOptions{})
		before, _ := a.attachments().Get(ctx, "va", metav1.GetOptions{})
		err := a.attachments().Delete(ctx, "va", metav1.DeleteOptions{})
		after, _ := a.attachments().Get(ctx, "va", metav1.GetOptions{})
		return errorIs(err) + fmt.Sprint(before.ResourceVersion == after.ResourceVersion)
	}, "NotFoundtrue", "OKtrue"},
	{"a delete can demand a uid", func(a api) string {
		a.node("n")
		err := a.nodes().Delete(ctx, "n", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: ptr.To(types.UID("another"))}})
		return errorIs(err)
	}, "OK", "Conflict"},
	{"a delete can demand a version", func(a api) string {
		a.node("n")
		err := a.nodes().Delete(ctx, "n", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: ptr.To("77")}})
		return errorIs(err)
	}, "OK", "Conflict"},
	{"a collection can be deleted", func(a api) string {
		a.node("a", "old")
		a.node("b")
		err := a.nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "old"})
		list, _ := a.nodes().List(ctx, metav1.ListOptions{})
		return errorIs(err) + " " + names(list)
	}, "OK a b", "OK b"},
	{"a watch replays what happened since the list, deletions too", func(a api) string {
		a.node("a")
		list, _ := a.nodes().List(ctx, metav1.ListOptions{})
		_ = a.nodes().Delete(ctx, "a", metav1.DeleteOptions{})
		a.node("b")
		return a.events(from(list.ResourceVersion), func() {})
	}, "ADDED:b", "DELETED:a ADDED:b"},
	{"and each update in between", func(a api) string {
		n := a.node("a")
		list, _ := a.nodes().List(ctx, metav1.ListOptions{})
		for _, label := range []string{"x", "y"} {
			n.Labels = map[string]string{"l": label}
			n, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		}
		return a.events(from(list.ResourceVersion), func() {})
	}, "ADDED:a", "MODIFIED:a MODIFIED:a"},
	{"a watch without a version begins with what exists", func(a api) string {
		a.node("a")
		return a.events(metav1.ListOptions{}, func() { a.node("b") })
	}, "ADDED:a ADDED:b", "ADDED:a ADDED:b"},
	{"a watch from before the history has to list again", func(a api) string {
		n := a.node("a")
		for i := range 120 {
			n.Labels = map[string]string{"i": fmt.Sprint(i)}
			n, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		}
		return a.events(from("1"), func() {})
	}, "ADDED:a", "Expired"},
	{"a read of the future is refused", func(a api) string {
		_, err := a.nodes().List(ctx, metav1.ListOptions{ResourceVersion: "99"})
		return errorIs(err)
	}, "OK", "Timeout"},
	{"a watch shows what its label selector selects", func(a api) string {
		return a.events(metav1.ListOptions{LabelSelector: "old"}, func() { a.node("a"); a.node("b", "old") })
	}, "ADDED:a ADDED:b", "ADDED:b"},
	{"what is no longer selected is deleted to that watch", func(a api) string {
		n := a.node("a", "old")
		return a.events(metav1.ListOptions{LabelSelector: "old", ResourceVersion: n.ResourceVersion}, func() {
			n.Labels = nil
			n, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
			n.Labels = map[string]string{"old": "yes"}
			_, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
		})
	}, "ADDED:a MODIFIED:a MODIFIED:a", "DELETED:a ADDED:a"},
	{"a watch shows what its field selector selects", func(a api) string {
		return a.events(metav1.ListOptions{FieldSelector: "metadata.name=b"}, func() { a.node("a"); a.node("b") })
	}, "ADDED:a ADDED:b", "ADDED:b"},
	{"so does a list", func(a api) string {
		for _, on := range []string{"node-1", "node-2"} {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "on-" + on}, Spec: corev1.PodSpec{NodeName: on}}
			_, err := a.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
			require.NoError(a.t, err)
		}
		list, _ := a.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=node-2"})
		return fmt.Sprint(len(list.Items), " ", list.Items[len(list.Items)-1].Name)
	}, "2 on-node-2", "1 on-node-2"},
	{"a field that no selector knows is refused", func(a api) string {
		_, err := a.attachments().List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=node-1"})
		return errorIs(err)
	}, "OK", "BadRequest"},
	{"a list comes in pages of one version", func(a api) string {
		for _, n := range []string{"a", "b", "c"} {
			a.node(n)
		}
		first, _ := a.nodes().List(ctx, metav1.ListOptions{Limit: 2})
		_ = a.nodes().Delete(ctx, "c", metav1.DeleteOptions{})
		rest, _ := a.nodes().List(ctx, metav1.ListOptions{Limit: 2, Continue: first.Continue})
		return names(first) + " | " + names(rest) + fmt.Sprint(" ", first.ResourceVersion == rest.ResourceVersion)
	}, "a b c | a b true", "a b | c true"},
	{"a list can ask for a version of the past", func(a api) string {
		n := a.node("a")
		a.node("b")
		list, _ := a.nodes().List(ctx, metav1.ListOptions{ResourceVersion: n.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
		return names(list)
	}, "a b", "a"},
	{"a watch ends with its context", func(a api) string {
		ctx, cancel := context.WithCancel(ctx)
		w, _ := a.nodes().Watch(ctx, metav1.ListOptions{})
		cancel()
		select {
		case _, open := <-w.ResultChan():
			return fmt.Sprint(open)
		case <-a.t.Context().Done():
		default:
			if _, ours := a.Interface.(*client); ours {
				_, open := <-w.ResultChan() // closed by a goroutine of the context's, at once
				return fmt.Sprint(open)
			}
		}
		return "open"
	}, "open", "false"},
	{"a request does not begin after its context's end", func(a api) string {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err := a.nodes().List(ctx, metav1.ListOptions{})
		return errorIs(err)
	}, "OK", "Canceled"},
	{"a watch that nobody reads is ended", func(a api) (got string) {
		defer func() {
			if r := recover(); r != nil {
				got = fmt.Sprint("panic: ", r)
			}
		}()
		got = a.events(metav1.ListOptions{}, func() {
			n := a.node("a")
			for i := range 200 {
				n.Labels = map[string]string{"i": fmt.Sprint(i)}
				n, _ = a.nodes().Update(ctx, n, metav1.UpdateOptions{})
				a.settle()
			}
		})
		return got[strings.LastIndex(got, " ")+1:]
	}, "panic: channel full", "closed"},
	{"what a caller does to its object after the call is its own business", func(a api) string {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"a": "1"}}}
		got, _ := a.nodes().Create(ctx, n, metav1.CreateOptions{})
		n.Labels["a"], got.Labels["a"] = "2", "3"
		list, _ := a.nodes().List(ctx, metav1.ListOptions{})
		list.Items[0].Labels["a"] = "4"
		got, _ = a.nodes().Get(ctx, "n", metav1.GetOptions{})
		return got.Labels["a"]
	}, "1", "1"},
	{"a subresource that does not exist is not found", func(a api) string {
		_, err := a.StorageV1().CSINodes().Create(ctx, &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{})
		require.NoError(a.t, err)
		_, err = a.StorageV1().CSINodes().Patch(ctx, "n", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{}, "status")
		return errorIs(err)
	}, "OK", "NotFound"},
	{"a resource that is not served is not found", func(a api) string {
		_, err := a.AppsV1().Deployments("default").List(ctx, metav1.ListOptions{})
		return errorIs(err)
	}, "OK", "NotFound"},
	{"server-side apply is refused, not half done", func(a api) string {
		a.node("n")
		_, err := a.nodes().Apply(ctx, applycore.Node("n").WithLabels(map[string]string{"a": "b"}), metav1.ApplyOptions{FieldManager: "m"})
		return errorIs(err)
	}, "OK", "UnsupportedMediaType"},
	{"a JSON patch whose test fails changes nothing", func(a api) string {
		a.node("n")
		_, err := a.nodes().Patch(ctx, "n", types.JSONPatchType, []byte(`[{"op":"test","path":"/metadata/name","value":"m"}]`), metav1.PatchOptions{})
		return errorIs(err)
	}, "Unknown", "Invalid"},
	{"an object lives in the namespace of its request", func(a api) string {
		l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "l", Namespace: "one"}}
		_, err := a.CoordinationV1().Leases("two").Create(ctx, l, metav1.CreateOptions{})
		return errorIs(err)
	}, "BadRequest", "BadRequest"},
}

func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(r.rule, func(t *testing.T) {
			require.Equal(t, r.stock, r.do(api{t, fake.NewSimpleClientset(), func() {}}), "stock fake")
			loop, _, c := start(t)
			require.Equal(t, r.ours, r.do(api{t, c, loop.settle}), "ours")
		})
	}
}
