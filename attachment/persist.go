package attachment

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// attemptsMax bounds how often one operation decides anew because somebody else has written in between.
const attemptsMax = 5

// write persists a record, on the condition that the PersistentVolume is at the version in the place, and returns the place
// at its new version. So two managers never both win, and what was sent before and arrives late has no effect.
func (m *Manager) write(ctx context.Context, at *place, r record, detachedAt time.Time) (*place, outcome, error) {
	body, err := patchOf(at, r, detachedAt)
	if err != nil {
		return nil, refused, err
	}
	if ctx.Err() != nil {
		return nil, refused, context.Cause(ctx) // it was not sent
	}
	pv, err := m.client.CoreV1().PersistentVolumes().Patch(ctx, at.name, types.MergePatchType, body, metav1.PatchOptions{})
	if err != nil {
		return nil, outcomeOf(err), fmt.Errorf("patch persistent volume %s: %w", at.name, err)
	}
	written := placeOf(pv)
	written.own = true
	return written, applied, nil
}

func patchOf(at *place, r record, detachedAt time.Time) ([]byte, error) {
	text, err := encode(r, detachedAt)
	if err != nil {
		return nil, err
	}
	var p mergePatch
	p.Metadata.ResourceVersion = at.version
	p.Metadata.Annotations = map[string]string{Annotation: text}
	return json.Marshal(p)
}

type mergePatch struct {
	Metadata struct {
		ResourceVersion string            `json:"resourceVersion,omitempty"` // a precondition: 409 if it is another
		Annotations     map[string]string `json:"annotations"`
	} `json:"metadata"`
}

// outcome is what is known of a write.
type outcome int

const (
	applied  outcome = iota
	refused          // it had no effect and never will
	outdated         // nor this, for the object is at another version, or gone: look and decide anew
	unknown          // it may have had effect, or may yet
)

// outcomeOf tells what an error of the API server, or of the way to it, means for the write.
func outcomeOf(err error) outcome {
	switch reason := apierrors.ReasonForError(err); {
	case reason == metav1.StatusReasonConflict, reason == metav1.StatusReasonNotFound, reason == metav1.StatusReasonGone:
		return outdated
	case definite(reason):
		return refused
	}
	return unknown
}

// definite reports whether the API server gives this reason only for requests that it has not carried out. Timeouts,
// internal errors and unavailability may come after the write; so may an error that is no status at all.
func definite(reason metav1.StatusReason) bool {
	switch reason {
	case metav1.StatusReasonUnauthorized, metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest,
		metav1.StatusReasonTooManyRequests, metav1.StatusReasonAlreadyExists, metav1.StatusReasonMethodNotAllowed,
		metav1.StatusReasonNotAcceptable, metav1.StatusReasonRequestEntityTooLarge, metav1.StatusReasonUnsupportedMediaType:
		return true
	}
	return false
}
