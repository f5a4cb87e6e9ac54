package cluster

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Object is any object that the server serves: a *corev1.Node, a *storagev1.VolumeAttachment, ...
type Object interface {
	metav1.Object
	runtime.Object
}

// kind is what the server knows of one resource. A nil function means that the kind has no such part.
type kind struct {
	group, version, kind, resource string
	namespaced                     bool
	// unconditional allows an update without a resourceVersion.
	unconditional bool
	// statusOnly keeps metadata out of the reach of /status, as for VolumeAttachments. The kinds of the core group let
	// labels, annotations and finalizers through: the kubelet sets a node's annotations that way.
	statusOnly bool
	make       func() Object
	list       func(metav1.ListMeta, []Object) runtime.Object
	spec       func(Object) any // a pointer to the spec
	status     func(Object) any // a pointer to the status; nil: no /status
	// born sets what the server decides on creation.
	born func(Object)
	// immutable says which changes of the spec are refused.
	immutable func(now, before Object) field.ErrorList
	// fields are what a field selector can ask for besides name and namespace.
	fields func(Object) fields.Set
}

func (k *kind) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: k.group, Resource: k.resource}
}

func (k *kind) groupKind() schema.GroupKind { return schema.GroupKind{Group: k.group, Kind: k.kind} }

// kinds returns what is served: what a storage driver's controller reads and writes, and no more.
func kinds() []*kind {
	return []*kind{
		{
			version: "v1", kind: "Node", resource: "nodes", unconditional: true,
			make: func() Object { return &corev1.Node{} },
			list: func(m metav1.ListMeta, o []Object) runtime.Object {
				return &corev1.NodeList{ListMeta: m, Items: copies[corev1.Node](o)}
			},
			spec:   func(o Object) any { return &o.(*corev1.Node).Spec },
			status: func(o Object) any { return &o.(*corev1.Node).Status },
			fields: func(o Object) fields.Set {
				return fields.Set{"spec.unschedulable": boolField(o.(*corev1.Node).Spec.Unschedulable)}
			},
		},
		{
			version: "v1", kind: "PersistentVolume", resource: "persistentvolumes", unconditional: true,
			make: func() Object { return &corev1.PersistentVolume{} },
			list: func(m metav1.ListMeta, o []Object) runtime.Object {
				return &corev1.PersistentVolumeList{ListMeta: m, Items: copies[corev1.PersistentVolume](o)}
			},
			spec:   func(o Object) any { return &o.(*corev1.PersistentVolume).Spec },
			status: func(o Object) any { return &o.(*corev1.PersistentVolume).Status },
			born: func(o Object) {
				o.(*corev1.PersistentVolume).Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumePending}
			},
			immutable: immutableSource,
		},
		{
			version: "v1", kind: "PersistentVolumeClaim", resource: "persistentvolumeclaims", namespaced: true, unconditional: true,
			make: func() Object { return &corev1.PersistentVolumeClaim{} },
			list: func(m metav1.ListMeta, o []Object) runtime.Object {
				return &corev1.PersistentVolumeClaimList{ListMeta: m, Items: copies[corev1.PersistentVolumeClaim](o)}
			},
			spec:   func(o Object) any { return &o.(*corev1.PersistentVolumeClaim).Spec },
			status: func(o Object) any { return &o.(*corev1.PersistentVolumeClaim).Status },
			born: func(o Object) {
				o.(*corev1.PersistentVolumeClaim).Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
			},
		},
		podKind(),
		{
			group: storagev1.GroupName, version: "v1", kind: "VolumeAttachment", resource: "volumeattachments", statusOnly: true,
			make: func() Object { return &storagev1.VolumeAttachment{} },
			list: func(m metav1.ListMeta, o []Object) runtime.Object {
				return &storagev1.VolumeAttachmentList{ListMeta: m, Items: copies[storagev1.VolumeAttachment](o)}
			},
			spec:      func(o Object) any { return &o.(*storagev1.VolumeAttachment).Spec },
			status:    func(o Object) any { return &o.(*storagev1.VolumeAttachment).Status },
			born:      func(o Object) { o.(*storagev1.VolumeAttachment).Status = storagev1.VolumeAttachmentStatus{} },
			immutable: immutableAttachment,
		},
		{
			group: storagev1.GroupName, version: "v1", kind: "CSINode", resource: "csinodes",
			make: func() Object { return &storagev1.CSINode{} },
			list: func(m metav1.ListMeta, o []Object) runtime.Object {
				return &storagev1.CSINodeList{ListMeta: m, Items: copies[storagev1.CSINode](o)}
			},
			spec: func(o Object) any { return &o.(*storagev1.CSINode).Spec },
		},
		eventKind(),
		{
			group: coordinationv1.GroupName, version: "v1", kind: "Lease", resource: "leases", namespaced: true,
			make: func() Object { return &coordinationv1.Lease{} },
			list: func(m metav1.ListMeta, o []Object) runtime.Object {
				return &coordinationv1.LeaseList{ListMeta: m, Items: copies[coordinationv1.Lease](o)}
			},
			spec: func(o Object) any { return &o.(*coordinationv1.Lease).Spec },
		},
	}
}

func podKind() *kind {
	return &kind{
		version: "v1", kind: "Pod", resource: "pods", namespaced: true, unconditional: true,
		make: func() Object { return &corev1.Pod{} },
		list: func(m metav1.ListMeta, o []Object) runtime.Object {
			return &corev1.PodList{ListMeta: m, Items: copies[corev1.Pod](o)}
		},
		spec:   func(o Object) any { return &o.(*corev1.Pod).Spec },
		status: func(o Object) any { return &o.(*corev1.Pod).Status },
		born:   func(o Object) { o.(*corev1.Pod).Status = corev1.PodStatus{Phase: corev1.PodPending} },
		fields: func(o Object) fields.Set {
			pod := o.(*corev1.Pod)
			return fields.Set{
				"spec.nodeName": pod.Spec.NodeName, "spec.restartPolicy": string(pod.Spec.RestartPolicy),
				"spec.schedulerName": pod.Spec.SchedulerName, "spec.serviceAccountName": pod.Spec.ServiceAccountName,
				"status.phase": string(pod.Status.Phase), "status.podIP": pod.Status.PodIP,
			}
		},
	}
}

func eventKind() *kind {
	return &kind{
		version: "v1", kind: "Event", resource: "events", namespaced: true, unconditional: true,
		make: func() Object { return &corev1.Event{} },
		list: func(m metav1.ListMeta, o []Object) runtime.Object {
			return &corev1.EventList{ListMeta: m, Items: copies[corev1.Event](o)}
		},
		fields: func(o Object) fields.Set {
			e := o.(*corev1.Event)
			return fields.Set{
				"involvedObject.kind": e.InvolvedObject.Kind, "involvedObject.namespace": e.InvolvedObject.Namespace,
				"involvedObject.name": e.InvolvedObject.Name, "involvedObject.uid": string(e.InvolvedObject.UID),
				"involvedObject.apiVersion":      e.InvolvedObject.APIVersion,
				"involvedObject.resourceVersion": e.InvolvedObject.ResourceVersion,
				"involvedObject.fieldPath":       e.InvolvedObject.FieldPath,
				"reason":                         e.Reason, "type": e.Type, "source": e.Source.Component,
				"reportingComponent": e.ReportingController,
			}
		},
	}
}

func immutableAttachment(now, before Object) field.ErrorList {
	a, b := now.(*storagev1.VolumeAttachment), before.(*storagev1.VolumeAttachment)
	if equality.Semantic.DeepEqual(a.Spec, b.Spec) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("spec"), a.Spec, "field is immutable")}
}

func immutableSource(now, before Object) field.ErrorList {
	a, b := now.(*corev1.PersistentVolume), before.(*corev1.PersistentVolume)
	if equality.Semantic.DeepEqual(a.Spec.PersistentVolumeSource, b.Spec.PersistentVolumeSource) {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec", "persistentvolumesource"), "spec.persistentvolumesource is immutable after creation")}
}

// copies turns frozen objects into the items of a list that its receiver owns.
func copies[T any, P interface {
	*T
	Object
	DeepCopyInto(*T)
}](objects []Object) []T {
	items := make([]T, len(objects))
	for i, o := range objects {
		o.(P).DeepCopyInto(&items[i])
	}
	return items
}

func boolField(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
