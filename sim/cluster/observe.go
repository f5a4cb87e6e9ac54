package cluster

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Record is the annotation of a PersistentVolume whose value the trace shows: what the system under test persists there.
const Record = "holdfast.dev/attachment"

// observe tells the trace of a change.
func (s *Server) observe(t *table, kind watch.EventType, now, before Object) {
	if pv, ok := now.(*corev1.PersistentVolume); ok && pv.Spec.CSI != nil && (s.cfg.Driver == "" || pv.Spec.CSI.Driver == s.cfg.Driver) {
		s.handles[pv.Name] = pv.Spec.CSI.VolumeHandle
	}
	e := trace.Event{Kind: trace.Change, Resource: t.resource, Name: now.GetName(), Verb: changeVerb(kind, now, before)}
	s.describe(&e, now)
	switch o := now.(type) {
	case *corev1.Node:
		e.State = nodeState(o)
	case *storagev1.VolumeAttachment:
		e.State = attachmentState(o)
	}
	s.cfg.Loop.Emit(e)
}

func changeVerb(kind watch.EventType, now, before Object) string {
	switch {
	case kind == watch.Added:
		return "created"
	case kind == watch.Deleted:
		return "deleted"
	case now.GetDeletionTimestamp() != nil && before.GetDeletionTimestamp() == nil:
		return "deleting"
	}
	return "updated"
}

// describe fills in what an event says of an object.
func (s *Server) describe(e *trace.Event, o Object) {
	e.UID, e.Version = string(o.GetUID()), o.GetResourceVersion()
	switch o := o.(type) {
	case *corev1.Node:
		e.Node = o.Name
	case *storagev1.CSINode:
		e.Node = o.Name
	case *corev1.PersistentVolume:
		e.Volume, e.Record = s.handles[o.Name], o.Annotations[Record]
	case *storagev1.VolumeAttachment:
		e.Node = o.Spec.NodeName
		if pv := o.Spec.Source.PersistentVolumeName; pv != nil {
			e.Volume = s.handles[*pv]
		}
	}
}

// nodeState is ready unless the node says otherwise: a bare Node object is one that nobody has complained about.
func nodeState(n *corev1.Node) string {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
			return "notReady"
		}
	}
	return "ready"
}

func attachmentState(a *storagev1.VolumeAttachment) string {
	switch {
	case a.DeletionTimestamp != nil:
		return "deleting"
	case a.Status.Attached:
		return "attached"
	}
	return "wished"
}
