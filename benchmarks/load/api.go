package load

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	clientcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// api is an API server that knows nodes. client-go's own fake takes microseconds for each call and keeps
// each one for ever, which would be most of what is measured. Whatever else is asked of it is a nil dereference.
type api struct {
	kubernetes.Interface
	clientcorev1.CoreV1Interface
	clientcorev1.NodeInterface

	calls atomic.Int64

	mu      sync.Mutex // guards what follows
	nodes   map[string]*corev1.Node
	version int
	events  *watch.FakeWatcher // of the watch that is open; nil before
}

func newAPI(names []string) *api {
	a := &api{nodes: make(map[string]*corev1.Node, len(names))}
	for _, n := range names {
		a.version++
		a.nodes[n] = a.node(n)
	}
	return a
}

func (a *api) node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uidOf(name)), ResourceVersion: strconv.Itoa(a.version)}}
}

// remove deletes a node, and add makes it, and return when the watch has been told.
func (a *api) remove(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.nodes, name)
	a.version++
	a.events.Delete(a.node(name))
}

func (a *api) add(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	a.nodes[name] = a.node(name)
	a.events.Add(a.node(name))
}

func uidOf(node string) string { return "uid-of-" + node }

// IsWatchListSemanticsUnSupported tells client-go to list before it watches.
func (a *api) IsWatchListSemanticsUnSupported() bool { return true }

func (a *api) CoreV1() clientcorev1.CoreV1Interface { return a }

func (a *api) Nodes() clientcorev1.NodeInterface { return a }

func (a *api) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Node, error) {
	a.calls.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if n, ok := a.nodes[name]; ok {
		return n, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("nodes"), name)
}

func (a *api) List(context.Context, metav1.ListOptions) (*corev1.NodeList, error) {
	a.calls.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	l := &corev1.NodeList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(a.version)}, Items: make([]corev1.Node, 0, len(a.nodes))}
	for _, n := range a.nodes {
		l.Items = append(l.Items, *n)
	}
	return l, nil
}

func (a *api) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	a.calls.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = watch.NewFake()
	return a.events, nil
}

// watched reports whether the watch is open.
func (a *api) watched() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.events != nil
}
