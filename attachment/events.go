package attachment

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
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

// note is an event to be recorded once no lock is held: a recorder may block. Its message is made when it is told, and not made where
// nobody listens.
type note struct {
	kind, reason, format string
	words                [4]string // what is put in the place of each %s
}

func normal(reason, format string, words ...string) note {
	return newNote(corev1.EventTypeNormal, reason, format, words)
}

func warning(reason, format string, words ...string) note {
	return newNote(corev1.EventTypeWarning, reason, format, words)
}

func newNote(kind, reason, format string, words []string) note {
	n := note{kind: kind, reason: reason, format: format}
	copy(n.words[:], words)
	return n
}

func (n note) message() string {
	words := make([]any, strings.Count(n.format, "%s"))
	for i := range words {
		words[i] = n.words[i]
	}
	return fmt.Sprintf(n.format, words...)
}

// note adds a note, unless nobody listens.
func (m *Manager) note(notes []note, n note) []note {
	if m.recorder == nil {
		return notes
	}
	return append(notes, n)
}

// tell records the notes on the volume's claim, or on its PersistentVolume if no claim is bound. A volume that has neither
// still gets its events, on the PersistentVolume that would have its name: a transition is never silent.
func (m *Manager) tell(volume string, at *place, notes []note) {
	if len(notes) == 0 || m.recorder == nil { // some are made all the same: their being there says something
		return
	}
	about := &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolume", Name: volume}
	if at != nil {
		about = at.subject()
	}
	for _, n := range notes {
		m.recorder.Event(about, n.kind, n.reason, n.message())
	}
}
