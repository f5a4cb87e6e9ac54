package csi

import (
	"slices"
	"sync"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/deadline"
)

// nodeIDs maps node names to the driver's ids and back, as CSINode objects tell. A node without one has its name for an id.
//
// A CSINode goes with its Node, and an attachment may outlive both: whoever has an attachment.Entry asks idOf, which
// prefers the id that was kept with it.
type nodeIDs struct {
	driver string

	mu    sync.Mutex
	store cache.Indexer // of the latest informer; nil before the first
}

const byID = "driver's node id"

func newNodeIDs(driver string) *nodeIDs { return &nodeIDs{driver: driver} }

// informer returns a new informer over CSINodes, and answers from its cache from now on.
func (n *nodeIDs) informer(client kubernetes.Interface, clk clock.Clock) cache.SharedIndexInformer {
	nodes := client.StorageV1().CSINodes()
	informer := deadline.Informer(client, deadline.Source[*storagev1.CSINodeList]{List: nodes.List, Watch: nodes.Watch}, &storagev1.CSINode{}, clk, listTimeout,
		cache.Indexers{byID: func(obj any) ([]string, error) {
			if id, ok := n.told(obj); ok {
				return []string{id}, nil
			}
			return nil, nil
		}})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.store = informer.GetIndexer()
	return informer
}

// told returns the driver's id in a CSINode.
func (n *nodeIDs) told(obj any) (string, bool) {
	drivers := obj.(*storagev1.CSINode).Spec.Drivers
	i := slices.IndexFunc(drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == n.driver })
	if i < 0 {
		return "", false
	}
	return drivers[i].NodeID, true
}

func (n *nodeIDs) cache() cache.Indexer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.store
}

// id returns the driver's id of a node.
func (n *nodeIDs) id(name string) string {
	if store := n.cache(); store != nil {
		if obj, ok, _ := store.GetByKey(name); ok { // a key that is a string has no error
			if id, ok := n.told(obj); ok {
				return id
			}
		}
	}
	return name
}

// idOf returns the driver's id of an entry's node.
func (n *nodeIDs) idOf(e attachment.Entry) string {
	if e.NodeID != "" {
		return e.NodeID
	}
	return n.id(e.Node)
}

// names returns the nodes that have the id now, sorted.
func (n *nodeIDs) names(id string) []string {
	var names []string
	if store := n.cache(); store != nil {
		names, _ = store.IndexKeys(byID, id) // the index exists
	}
	if len(names) == 0 && n.id(id) == id {
		return []string{id}
	}
	return slices.Sorted(slices.Values(names))
}

// maybe reports whether an entry may be on the node with the id, because nobody tells either: the CSINode went with its Node
// before this process could read it. Where there are no CSINodes at all, ids are names, and there is no doubt.
func (n *nodeIDs) maybe(e attachment.Entry, id string) bool {
	store := n.cache()
	if e.NodeID != "" || store == nil || len(store.ListKeys()) == 0 {
		return false
	}
	if nodes, _ := store.IndexKeys(byID, id); len(nodes) > 0 { // the index exists
		return false
	}
	obj, told, _ := store.GetByKey(e.Node) // a key that is a string has no error
	if told {
		_, told = n.told(obj)
	}
	return !told
}

// node is a Node object as the API server itself has just shown it.
type node struct {
	name, uid string
	exists    bool
}

// is reports whether this is the node that an instance names; an unknown uid equals any.
func (n node) is(i attachment.Instance) bool {
	return n.exists && n.name == i.Node && (i.UID == "" || i.UID == n.uid)
}

// read asks the API server for a node. What is recorded of a node comes from here, never from a cache.
func (h *handler) read(name string) (node, error) {
	obj, err := h.cfg.Client.CoreV1().Nodes().Get(h.ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return node{name: name}, nil
	case err != nil:
		return node{}, h.unsure(err, "get node %s", name)
	}
	h.cfg.OnNode(name)
	return node{name: name, uid: string(obj.UID), exists: true}, nil
}

// find returns the node that has the driver's id.
func (h *handler) find(id string) (node, error) {
	names := h.nodes.names(id)
	if len(names) == 0 {
		return node{}, coded(NotFound, "node id %s: no CSINode tells it", id)
	}
	if len(names) > 1 {
		// Either one CSINode is outdated, or two nodes really share the id: to guess would be to publish to the wrong one.
		return node{}, coded(Unavailable, "node id %s: the CSINodes give it to %d nodes", id, len(names))
	}
	n, err := h.read(names[0])
	if err == nil && !n.exists {
		err = coded(NotFound, "node id %s: there is no node %s", id, n.name)
	}
	return n, err
}
