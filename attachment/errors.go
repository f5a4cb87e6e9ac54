package attachment

import "errors"

// What an operation may be refused for. Errors of the API server are passed on wrapped, so that apierrors.IsConflict and
// its like see them.
var (
	// ErrAttachedElsewhere means that the volume allows one node and another one has it; the text names the holder.
	ErrAttachedElsewhere = errors.New("attached elsewhere")
	// ErrTooManyHolders means that the volume allows several nodes, and as many have it.
	ErrTooManyHolders = errors.New("too many holders")
	// ErrModeMismatch means that the volume is attached in a mode that does not allow what was asked, or that the mode is none.
	ErrModeMismatch = errors.New("access mode mismatch")
	// ErrNotTracked means that a secondary attachment was asked for a volume that no node has.
	ErrNotTracked = errors.New("not tracked")
	// ErrAmbiguous means that two PersistentVolumes have the volume's handle, so that its record has two places.
	ErrAmbiguous = errors.New("two persistent volumes with one handle")
	// ErrRecord means that the record on the PersistentVolume cannot be read, or that the one to be written is too large.
	ErrRecord = errors.New("attachment record")
)
