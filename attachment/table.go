package attachment

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// reading is what a rebuild has read of one volume. What follows from it, for a node n:
//
//	record               VolumeAttachment for n           n is
//	names n              attached, not being deleted      held
//	names n              other                            uncertain
//	names n              none                             uncertain, and an orphan: the controller unpublishes it itself
//	does not name n      any                              nothing, for the record is persisted before the grant
//	none at all          attached, not being deleted      held, its uid unknown
//	none at all          being deleted                    uncertain
//	none at all          other, none                      nothing
type reading struct {
	persisted
	wishes map[string]wish // by node
	mode   Mode            // by the PersistentVolume, for a volume without a record
	broken bool            // there is a record, and it cannot be used
	since  uint64          // the Manager's version before it was read
	first  bool            // no rebuild of this leadership has succeeded before
}

// wish is what the VolumeAttachments for one volume and node say.
type wish struct {
	attached bool // one is attached and not being deleted
	deleting bool // one is being deleted
	created  time.Time
}

// judge is the table's upper half, for a node that the record names.
func (r reading) judge(node string) State {
	if r.wishes[node].attached {
		return Held
	}
	return Uncertain
}

// holds is its lower half, for a volume without a record.
func (w wish) holds() (s State, ok bool) {
	switch {
	case w.attached:
		return Held, true
	case w.deleting:
		return Uncertain, true
	}
	return "", false
}

// nodes are those that wish for the volume, in the order of their wishes.
func (r reading) nodes() []string {
	nodes := sortedKeys(r.wishes)
	slices.SortStableFunc(nodes, func(a, b string) int { return r.wishes[a].created.Compare(r.wishes[b].created) })
	return nodes
}

// tabulate joins PersistentVolumes and VolumeAttachments by volume. A volume whose record cannot be used is in the table as
// one without a record, and in the errors.
func tabulate(driver string, pvs []corev1.PersistentVolume, vas []storagev1.VolumeAttachment) (map[string]reading, []error) {
	byVolume, handles := map[string]reading{}, map[string]string{}
	var errs []error
	for i := range pvs {
		volume, ok := handleOf(&pvs[i], driver)
		if !ok {
			continue
		}
		handles[pvs[i].Name] = volume
		r := reading{mode: modeOf(&pvs[i]), wishes: map[string]wish{}}
		var err error
		if other, twice := byVolume[volume]; twice {
			err = fmt.Errorf("%w: %s is one", ErrAmbiguous, pvs[i].Name)
			r.mode = cmp.Or(other.mode, r.mode)
		} else {
			r.persisted, err = read(&pvs[i])
		}
		if err != nil {
			r.persisted, r.broken = persisted{}, true
			errs = append(errs, fmt.Errorf("rebuild %s: %w", volume, err))
		}
		byVolume[volume] = r
	}
	for i := range vas {
		volume, ok := volumeOf(&vas[i], driver, handles)
		if !ok {
			continue
		}
		r, ok := byVolume[volume]
		if !ok {
			r = reading{mode: ReadWriteOnce, wishes: map[string]wish{}}
			byVolume[volume] = r
		}
		r.wishes[vas[i].Spec.NodeName] = r.wishes[vas[i].Spec.NodeName].and(&vas[i])
	}
	return byVolume, errs
}

func (w wish) and(va *storagev1.VolumeAttachment) wish {
	w.attached = w.attached || va.Status.Attached && va.DeletionTimestamp == nil
	w.deleting = w.deleting || va.DeletionTimestamp != nil
	if at := va.CreationTimestamp.UTC(); w.created.IsZero() || at.Before(w.created) {
		w.created = at
	}
	return w
}

// volumeOf returns the handle of the volume that a VolumeAttachment is about.
func volumeOf(va *storagev1.VolumeAttachment, driver string, handles map[string]string) (volume string, ok bool) {
	switch src := va.Spec.Source; {
	case src.PersistentVolumeName != nil:
		volume, ok = handles[*src.PersistentVolumeName]
		return volume, ok
	case src.InlineVolumeSpec != nil:
		return handleOf(&corev1.PersistentVolume{Spec: *src.InlineVolumeSpec}, driver)
	}
	return "", false
}

// modeOf guesses how a volume without a record is used: in the widest way that its PersistentVolume allows.
func modeOf(pv *corev1.PersistentVolume) Mode {
	for _, m := range []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod, corev1.ReadOnlyMany} {
		if slices.Contains(pv.Spec.AccessModes, m) {
			return Mode(m)
		}
	}
	return ReadWriteOnce
}
