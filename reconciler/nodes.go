package reconciler

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/holdfast-sim/holdfast/attachment/deadline"
)

// nodeCache is what one run's watch says of the nodes. It only ever makes a node suspect: it may be hours old.
type nodeCache struct{ informer cache.SharedIndexInformer }

// newNodeCache returns the cache of a run. It calls gone when a node, or a node of one uid, is there no longer, and seen
// when a node appears. Both are called on the informer's goroutine, after the cache has changed.
func newNodeCache(client kubernetes.Interface, clk clock.Clock, gone, seen func(name string)) *nodeCache {
	nodes := client.CoreV1().Nodes()
	informer := deadline.Informer(client, deadline.Source[*corev1.NodeList]{List: nodes.List, Watch: nodes.Watch}, &corev1.Node{}, clk, listTimeout, nil)
	// Both calls are refused only by an informer that has run.
	_ = informer.SetTransform(identityOnly)
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { seen(obj.(*corev1.Node).Name) },
		UpdateFunc: func(old, obj any) {
			// A relist that missed a deletion and a creation shows them as one update.
			if n := obj.(*corev1.Node); n.UID != old.(*corev1.Node).UID {
				seen(n.Name)
				gone(n.Name)
			}
		},
		DeleteFunc: func(obj any) {
			name, _ := cache.DeletionHandlingMetaNamespaceKeyFunc(obj) // of a node, or of what a relist found gone: neither has an error
			gone(name)
		},
	})
	return &nodeCache{informer: informer}
}

// identityOnly drops what the cache does not need: a Node object is kilobytes, a name and a uid are not.
func identityOnly(obj any) (any, error) {
	if n, ok := obj.(*corev1.Node); ok {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name, UID: n.UID, ResourceVersion: n.ResourceVersion}}, nil
	}
	return obj, nil
}

// run fills the cache until ctx ends, and returns when nothing of it runs any more.
func (c *nodeCache) run(ctx context.Context) { c.informer.RunWithContext(ctx) }

// synced is closed when the first list has arrived.
func (c *nodeCache) synced() <-chan struct{} { return c.informer.HasSyncedChecker().Done() }

// filled reports whether it has.
func (c *nodeCache) filled() bool {
	select {
	case <-c.synced():
		return true
	default:
		return false
	}
}

// has reports whether the cache shows the node.
func (c *nodeCache) has(k nodeKey) bool {
	obj, ok, _ := c.informer.GetStore().GetByKey(k.name) // a key that is a string has no error
	return ok && k.is(string(obj.(*corev1.Node).UID))
}

// is reports whether a node of the key's name and this uid is the node that the key means.
func (k nodeKey) is(uid string) bool { return k.uid == "" || k.uid == uid }
