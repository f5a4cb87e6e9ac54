package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// logged is one entry of the model's log.
type logged struct {
	version int
	text    string // as received() says it
	state   string // the names, with their labels, after it
}

// apiModel is the API server as a map and a list.
type apiModel struct {
	version int
	nodes   map[string]int // label by name
	ending  map[string]bool
	log     []logged
}

func (m *apiModel) record(kind, name string) {
	m.version++
	m.log = append(m.log, logged{m.version, kind + ":" + name, m.state()})
}

func (m *apiModel) state() string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(m.nodes)) {
		out = append(out, fmt.Sprintf("%s=%d", n, m.nodes[n]))
	}
	return strings.Join(out, " ")
}

func shown(list *corev1.NodeList) string {
	var out []string
	for _, n := range list.Items {
		out = append(out, n.Name+"="+n.Labels["l"])
	}
	return strings.Join(out, " ")
}

// TestWatchReplaysTheLog: whatever happened, a watch from a version brings exactly what the log says happened since, and a
// list of that version shows exactly what was there; unless the version is from before the history.
func TestWatchReplaysTheLog(t *testing.T) {
	const historyMax = 10
	rapid.Check(t, func(t *rapid.T) {
		loop := &stub{}
		s := New(Config{Loop: loop, Clock: wall, HistoryMax: historyMax})
		nodes := s.Client(1, loop).CoreV1().Nodes()
		m := &apiModel{version: 1, log: []logged{{1, "", ""}}, nodes: map[string]int{}, ending: map[string]bool{}}
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			label := rapid.IntRange(0, 2).Draw(t, "label")
			_, exists := m.nodes[name]
			var err error
			switch rapid.SampledFrom([]string{"create", "create", "update", "update", "delete", "release"}).Draw(t, "verb") {
			case "create":
				n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"l": fmt.Sprint(label)}}}
				if label == 2 {
					n.Finalizers = []string{"x.io/wait"}
				}
				_, err = nodes.Create(ctx, n, metav1.CreateOptions{})
				require.Equal(t, exists, apierrors.IsAlreadyExists(err))
				if !exists {
					m.nodes[name], m.ending[name] = label, false
					m.record("ADDED", name)
				}
			case "update":
				patch := fmt.Appendf(nil, `{"metadata":{"labels":{"l":"%d"}}}`, label)
				_, err = nodes.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
				require.Equal(t, !exists, apierrors.IsNotFound(err))
				if exists && m.nodes[name] != label {
					m.nodes[name] = label
					m.record("MODIFIED", name)
				}
			case "delete":
				n, _ := nodes.Get(ctx, name, metav1.GetOptions{})
				err = nodes.Delete(ctx, name, metav1.DeleteOptions{})
				require.Equal(t, !exists, apierrors.IsNotFound(err))
				switch {
				case !exists:
				case len(n.Finalizers) == 0:
					delete(m.nodes, name)
					m.record("DELETED", name)
				case !m.ending[name]:
					m.ending[name] = true
					m.record("MODIFIED", name)
				}
			case "release":
				n, _ := nodes.Get(ctx, name, metav1.GetOptions{})
				had := len(n.Finalizers) > 0
				_, err = nodes.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
				require.Equal(t, !exists, apierrors.IsNotFound(err))
				switch {
				case !exists || !had:
				case m.ending[name]:
					delete(m.nodes, name)
					m.record("DELETED", name)
				default:
					m.record("MODIFIED", name)
				}
			}
			loop.settle()
		}
		require.Equal(t, fmt.Sprint(m.version), s.Version())
		v := rapid.IntRange(1, m.version).Draw(t, "version")
		then, listErr := nodes.List(ctx, metav1.ListOptions{ResourceVersion: fmt.Sprint(v), ResourceVersionMatch: metav1.ResourceVersionMatchExact})
		w, watchErr := nodes.Watch(ctx, from(fmt.Sprint(v)))
		if v < m.version-historyMax && (listErr != nil || watchErr != nil) {
			require.True(t, apierrors.IsResourceExpired(listErr), "%v", listErr)
			require.True(t, apierrors.IsResourceExpired(watchErr), "%v", watchErr)
			return
		}
		require.NoError(t, listErr)
		require.NoError(t, watchErr)
		loop.settle()
		var want []string
		for _, l := range m.log[v:] {
			want = append(want, l.text)
		}
		require.Equal(t, m.log[v-1].state, shown(then))
		require.Equal(t, strings.Join(want, " "), received(w))
	})
}

// TestPatchShortCut: the fast way to patch metadata agrees with the long way, or leaves the patch to it.
func TestPatchShortCut(t *testing.T) {
	_, s, _ := start(t)
	pv := persistentVolume("v")
	pv.Annotations, pv.Labels = map[string]string{"a": "1", "b": "2"}, map[string]string{"a": "1"}
	_, err := Create(s, pv)
	require.NoError(t, err)
	table := s.tables["persistentvolumes"]
	before, _ := table.find("", "pv-v")
	frozen := before.DeepCopyObject()
	_, ok := table.patchedMeta(before, []byte(`{"metadata":{"annotations":{"a":"2"}}}`))
	require.True(t, ok, "the short cut is never taken")
	value := rapid.OneOf(rapid.Just(any(nil)), rapid.Map(rapid.StringMatching("[a-c]?"), func(s string) any { return s }), rapid.Just(any(3)))
	set := rapid.Map(rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "$patch"}), value), func(m map[string]any) any { return m })
	rapid.Check(t, func(t *rapid.T) {
		meta := rapid.MapOf(rapid.SampledFrom([]string{"annotations", "labels", "uid", "resourceVersion", "finalizers"}), rapid.OneOf(set, value)).Draw(t, "metadata")
		whole := map[string]any{"metadata": meta}
		if rapid.IntRange(0, 9).Draw(t, "more") == 0 {
			whole["spec"] = map[string]any{"storageClassName": "fast"}
		}
		patch, err := json.Marshal(whole)
		require.NoError(t, err)
		fast, ok := table.patchedMeta(before, patch)
		if !ok {
			return
		}
		for _, form := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
			slow, err := table.patchedWhole(before, form, patch)
			require.NoError(t, err, "%s", patch)
			clearType(slow)
			require.True(t, equality.Semantic.DeepEqual(slow, fast), "%s: %v, want %v", patch, fast, slow)
		}
		require.Equal(t, frozen, before)
	})
}

// cut is what the dumb twin of the backend remembers of a revoke or fence.
type cut struct {
	node  string
	epoch uint64
}

// TestEpochs: a grant is refused exactly if its epoch was ended before, and a node has access exactly if one of the grants
// that it got was not ended since; in whatever order things arrive.
func TestEpochs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loop := &stub{}
		b := NewBackend(BackendConfig{Loop: loop})
		b.CreateVolume("v")
		c := b.Client(loop)
		var cuts []cut
		granted := map[string][]uint64{}
		ended := func(node string, epoch uint64) bool {
			return slices.ContainsFunc(cuts, func(c cut) bool { return (c.node == "" || c.node == node) && epoch <= c.epoch })
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			node := rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node")
			epoch := rapid.Uint64Range(1, 6).Draw(t, "epoch")
			switch rapid.SampledFrom([]string{"grant", "grant", "revoke", "fence", "revokeAll", "drop"}).Draw(t, "verb") {
			case "grant":
				err := c.Grant(ctx, "v", node, epoch, false)
				if ended(node, epoch) {
					require.Equal(t, "FailedPrecondition", backendCode(err))
					break
				}
				require.NoError(t, err)
				granted[node] = append(granted[node], epoch)
			case "revoke":
				require.NoError(t, c.Revoke(ctx, "v", node, epoch))
				cuts = append(cuts, cut{node, epoch})
			case "fence":
				require.NoError(t, c.Fence(ctx, "v", node, epoch))
				cuts = append(cuts, cut{node, epoch})
			case "revokeAll":
				require.NoError(t, c.Revoke(ctx, "v", "", epoch))
				cuts = append(cuts, cut{"", epoch})
			case "drop":
				b.DropGrants(node)
				delete(granted, node)
			}
			var want []string
			for _, node := range []string{"n1", "n2"} {
				if slices.ContainsFunc(granted[node], func(epoch uint64) bool { return !ended(node, epoch) }) {
					want = append(want, node)
				}
			}
			require.Equal(t, want, b.Granted("v"))
		}
	})
}
