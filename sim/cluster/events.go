package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/reference"
)

// events adds to a typed client the methods that event recorders use: they take the namespace from the event.
type events struct {
	typed[*corev1.Event, *corev1.EventList, *applycore.EventApplyConfiguration]
	otherEvents
}

// otherEvents serves GetFieldSelector, which asks no server.
type otherEvents struct{ typedcore.EventInterface }

// in returns the client for an event's own namespace.
func (c events) in(e *corev1.Event) (events, error) {
	if c.namespace != "" && c.namespace != e.Namespace {
		return c, fmt.Errorf("an event of namespace %q does not fit a client of namespace %q", e.Namespace, c.namespace)
	}
	c.namespace = e.Namespace
	return c, nil
}

// CreateWithEventNamespaceWithContext implements typedcore.EventExpansion.
func (c events) CreateWithEventNamespaceWithContext(ctx context.Context, e *corev1.Event) (*corev1.Event, error) {
	c, err := c.in(e)
	if err != nil {
		return nil, err
	}
	return c.Create(ctx, e, metav1.CreateOptions{})
}

// UpdateWithEventNamespaceWithContext implements typedcore.EventExpansion.
func (c events) UpdateWithEventNamespaceWithContext(ctx context.Context, e *corev1.Event) (*corev1.Event, error) {
	c, err := c.in(e)
	if err != nil {
		return nil, err
	}
	return c.Update(ctx, e, metav1.UpdateOptions{})
}

// PatchWithEventNamespaceWithContext implements typedcore.EventExpansion.
func (c events) PatchWithEventNamespaceWithContext(ctx context.Context, e *corev1.Event, data []byte) (*corev1.Event, error) {
	c, err := c.in(e)
	if err != nil {
		return nil, err
	}
	return c.Patch(ctx, e.Name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
}

// SearchWithContext implements typedcore.EventExpansion.
func (c events) SearchWithContext(ctx context.Context, scheme *runtime.Scheme, about runtime.Object) (*corev1.EventList, error) {
	ref, err := reference.GetReference(scheme, about)
	if err != nil {
		return nil, err
	}
	kind, uid := ref.Kind, string(ref.UID)
	selector := c.GetFieldSelector(&ref.Name, &ref.Namespace, &kind, &uid)
	return c.List(ctx, metav1.ListOptions{FieldSelector: selector.String()})
}

// CreateWithEventNamespace implements typedcore.EventExpansion.
func (c events) CreateWithEventNamespace(e *corev1.Event) (*corev1.Event, error) {
	return c.CreateWithEventNamespaceWithContext(context.Background(), e)
}

// UpdateWithEventNamespace implements typedcore.EventExpansion.
func (c events) UpdateWithEventNamespace(e *corev1.Event) (*corev1.Event, error) {
	return c.UpdateWithEventNamespaceWithContext(context.Background(), e)
}

// PatchWithEventNamespace implements typedcore.EventExpansion.
func (c events) PatchWithEventNamespace(e *corev1.Event, data []byte) (*corev1.Event, error) {
	return c.PatchWithEventNamespaceWithContext(context.Background(), e, data)
}

// Search implements typedcore.EventExpansion.
func (c events) Search(scheme *runtime.Scheme, about runtime.Object) (*corev1.EventList, error) {
	return c.SearchWithContext(context.Background(), scheme, about)
}
