package cluster

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	applycoordination "k8s.io/client-go/applyconfigurations/coordination/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
	"k8s.io/client-go/discovery"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	typedcoordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	typedstorage "k8s.io/client-go/kubernetes/typed/storage/v1"
	clienttesting "k8s.io/client-go/testing"
)

// client is a kubernetes.Interface for one incarnation. What the server serves goes to the loop with its context; the rest
// is client-go's fake, whose every answer here is an error.
type client struct {
	*fake.Clientset // also says that WatchList is not supported
	session
}

// Client returns the API server as one incarnation of a process sees it. proc is the incarnation's number, for the labels
// of what is delivered to it. The client may be used by any goroutine; its requests end with their contexts.
func (s *Server) Client(proc int, c Caller) kubernetes.Interface {
	s.unserved.ClearActions()
	return &client{s.unserved, session{s, proc, c}}
}

// CoreV1 implements kubernetes.Interface.
func (c *client) CoreV1() typedcore.CoreV1Interface { return core{c.Clientset.CoreV1(), c.session} }

// StorageV1 implements kubernetes.Interface.
func (c *client) StorageV1() typedstorage.StorageV1Interface {
	return storage{c.Clientset.StorageV1(), c.session}
}

// CoordinationV1 implements kubernetes.Interface.
func (c *client) CoordinationV1() typedcoordination.CoordinationV1Interface {
	return coordination{c.Clientset.CoordinationV1(), c.session}
}

// Discovery implements kubernetes.Interface.
func (c *client) Discovery() discovery.DiscoveryInterfaces {
	return &fakediscovery.FakeDiscovery{Fake: &c.Fake}
}

type core struct {
	typedcore.CoreV1Interface
	session
}

func (c core) Nodes() typedcore.NodeInterface {
	return nodes{newTyped[*corev1.Node, *corev1.NodeList, *applycore.NodeApplyConfiguration](c.session, "nodes", "")}
}

func (c core) PersistentVolumes() typedcore.PersistentVolumeInterface {
	return newTyped[*corev1.PersistentVolume, *corev1.PersistentVolumeList, *applycore.PersistentVolumeApplyConfiguration](
		c.session, "persistentvolumes", "")
}

func (c core) PersistentVolumeClaims(namespace string) typedcore.PersistentVolumeClaimInterface {
	return newTyped[*corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaimList, *applycore.PersistentVolumeClaimApplyConfiguration](
		c.session, "persistentvolumeclaims", namespace)
}

func (c core) Pods(namespace string) typedcore.PodInterface {
	return pods{
		newTyped[*corev1.Pod, *corev1.PodList, *applycore.PodApplyConfiguration](c.session, "pods", namespace),
		otherPods{c.CoreV1Interface.Pods(namespace)},
	}
}

func (c core) Events(namespace string) typedcore.EventInterface {
	return events{
		newTyped[*corev1.Event, *corev1.EventList, *applycore.EventApplyConfiguration](c.session, "events", namespace),
		otherEvents{c.CoreV1Interface.Events(namespace)},
	}
}

type storage struct {
	typedstorage.StorageV1Interface
	session
}

func (c storage) VolumeAttachments() typedstorage.VolumeAttachmentInterface {
	return newTyped[*storagev1.VolumeAttachment, *storagev1.VolumeAttachmentList, *applystorage.VolumeAttachmentApplyConfiguration](
		c.session, "volumeattachments", "")
}

func (c storage) CSINodes() typedstorage.CSINodeInterface {
	return newTyped[*storagev1.CSINode, *storagev1.CSINodeList, *applystorage.CSINodeApplyConfiguration](c.session, "csinodes", "")
}

type coordination struct {
	typedcoordination.CoordinationV1Interface
	session
}

func (c coordination) Leases(namespace string) typedcoordination.LeaseInterface {
	return newTyped[*coordinationv1.Lease, *coordinationv1.LeaseList, *applycoordination.LeaseApplyConfiguration](
		c.session, "leases", namespace)
}

type nodes struct {
	typed[*corev1.Node, *corev1.NodeList, *applycore.NodeApplyConfiguration]
}

// PatchStatus implements typedcore.NodeExpansion.
func (n nodes) PatchStatus(ctx context.Context, name string, data []byte) (*corev1.Node, error) {
	return n.Patch(ctx, name, types.StrategicMergePatchType, data, metav1.PatchOptions{}, string(statusPart))
}

// pods are served but for their further subresources: eviction, binding, logs and the like. Being one level deeper,
// otherPods' methods give way to those of typed.
type pods struct {
	typed[*corev1.Pod, *corev1.PodList, *applycore.PodApplyConfiguration]
	otherPods
}

type otherPods struct{ typedcore.PodInterface }

// newUnserved returns a clientset that refuses everything, in the words of a server that does not know the resource.
func newUnserved(served []*table) *fake.Clientset {
	c := &fake.Clientset{}
	for _, t := range served {
		c.Resources = appendResource(c.Resources, t.kind)
	}
	c.AddReactor("*", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		switch a.GetResource().Resource {
		case "version", "group", "resource": // what discovery asks for, and answers itself
			return false, nil, nil
		}
		return true, nil, noSuchPath()
	})
	c.AddWatchReactor("*", func(clienttesting.Action) (bool, watch.Interface, error) { return true, nil, noSuchPath() })
	return c
}

func appendResource(lists []*metav1.APIResourceList, k *kind) []*metav1.APIResourceList {
	groupVersion := metav1.GroupVersion{Group: k.group, Version: k.version}.String()
	r := metav1.APIResource{Name: k.resource, Namespaced: k.namespaced, Kind: k.kind,
		Verbs: metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}}
	for _, l := range lists {
		if l.GroupVersion == groupVersion {
			l.APIResources = append(l.APIResources, r)
			return lists
		}
	}
	return append(lists, &metav1.APIResourceList{GroupVersion: groupVersion, APIResources: []metav1.APIResource{r}})
}
