package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"

	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// recorder is the event recorder of one incarnation. It writes events into the trace instead of sending them, so that none
// is dropped or folded on the way.
type recorder struct {
	loop *sched.Loop
	proc *sched.Process
}

var _ record.EventRecorder = recorder{}

// Event implements record.EventRecorder.
func (r recorder) Event(object runtime.Object, eventtype, reason, message string) {
	if r.proc.Cut() {
		return
	}
	e := trace.Event{Kind: trace.Recorded, Proc: r.proc.Num, Verb: reason, Message: message, State: eventtype}
	e.Resource, e.Name, e.UID = describe(object)
	r.loop.Note(e)
}

// Eventf implements record.EventRecorder.
func (r recorder) Eventf(object runtime.Object, eventtype, reason, format string, args ...any) {
	r.Event(object, eventtype, reason, fmt.Sprintf(format, args...))
}

// AnnotatedEventf implements record.EventRecorder.
func (r recorder) AnnotatedEventf(object runtime.Object, _ map[string]string, eventtype, reason, format string, args ...any) {
	r.Eventf(object, eventtype, reason, format, args...)
}

func describe(object runtime.Object) (kind, name, uid string) {
	if ref, ok := object.(*corev1.ObjectReference); ok {
		return ref.Kind, ref.Name, string(ref.UID)
	}
	if m, err := meta.Accessor(object); err == nil {
		name, uid = m.GetName(), string(m.GetUID())
	}
	return fmt.Sprintf("%T", object), name, uid
}
