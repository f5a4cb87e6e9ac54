package attachment

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Reasons of the events that are recorded, one for each transition.
const (
	reasonAttached           = "VolumeAttached"
	reasonDetached           = "VolumeDetached"
	reasonConflict           = "AttachmentConflict"
	reasonStaleCleared       = "StaleAttachmentCleared"
	reasonMigrationStarted   = "MigrationStarted"
	reasonMigrationCompleted = "MigrationCompleted"
	reasonMigrationAborted   = "MigrationAborted"
	reasonMigrationTimedOut  = "MigrationTimedOut"
)

// note is an event to be recorded once no lock is held: a recorder may block.
type note struct {
	kind, reason, message string
}

func normal(reason, format string, args ...any) note {
	return note{corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...)}
}

func warning(reason, format string, args ...any) note {
	return note{corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...)}
}

// tell records the notes on the volume's claim, or on its PersistentVolume if no claim is bound. A volume that has neither
// still gets its events, on the PersistentVolume that would have its name: a transition is never silent.
func (m *Manager) tell(volume string, at *place, notes []note) {
	if len(notes) == 0 {
		return
	}
	about := &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolume", Name: volume}
	if at != nil {
		about = at.subject()
	}
	for _, n := range notes {
		m.recorder.Event(about, n.kind, n.reason, n.message)
	}
}

// silent records nothing.
type silent struct{}

func (silent) Event(runtime.Object, string, string, string)          {}
func (silent) Eventf(runtime.Object, string, string, string, ...any) {}
func (silent) AnnotatedEventf(runtime.Object, map[string]string, string, string, string, ...any) {
}
