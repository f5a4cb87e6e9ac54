package attachment

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// pageMax bounds the objects of one answer to a list.
const pageMax = 500

// place is where a volume's record is persisted, at the newest version that is known.
type place struct {
	name, version string
	claim         *corev1.ObjectReference // nil if none is bound
	own           bool                    // this Manager wrote that version: nothing that another one has sent can have effect
}

func placeOf(pv *corev1.PersistentVolume) *place {
	return &place{name: pv.Name, version: pv.ResourceVersion, claim: pv.Spec.ClaimRef}
}

// subject is what events about the volume are recorded on.
func (p *place) subject() *corev1.ObjectReference {
	if p.claim == nil {
		return &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolume", Name: p.name}
	}
	return &corev1.ObjectReference{
		APIVersion: "v1", Kind: "PersistentVolumeClaim",
		Namespace: p.claim.Namespace, Name: p.claim.Name, UID: p.claim.UID,
	}
}

// newer reports whether resource version a is newer than b. Versions that cannot be compared are not newer.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

// handleOf returns the volume that a PersistentVolume stands for, if it is of this driver.
func handleOf(pv *corev1.PersistentVolume, driver string) (volume string, ok bool) {
	if csi := pv.Spec.CSI; csi != nil && csi.Driver == driver && csi.VolumeHandle != "" {
		return csi.VolumeHandle, true
	}
	return "", false
}

// persisted is what a PersistentVolume carries of its volume.
type persisted struct {
	place *place
	// known is whether there is a record at all; record and detachedAt are empty if not.
	known bool
	record
	detachedAt time.Time
}

func read(pv *corev1.PersistentVolume) (persisted, error) {
	text, known := pv.Annotations[Annotation]
	p := persisted{place: placeOf(pv), known: known}
	if !known {
		return p, nil
	}
	var err error
	if p.record, p.detachedAt, err = decode(text); err != nil {
		return persisted{}, fmt.Errorf("persistent volume %s: %w", pv.Name, err)
	}
	return p, nil
}

// find looks for the volume's PersistentVolume: in the informer if that is synced, else live. nil means there is none.
func (m *Manager) find(ctx context.Context, volume string) (pv *corev1.PersistentVolume, live bool, err error) {
	in := m.synced()
	if in == nil {
		pv, err = m.findLive(ctx, volume)
		return pv, true, err
	}
	pv, err = only(in.byHandle(m.driver, volume))
	return pv, false, err
}

// findLive looks for the volume's PersistentVolume among all that the API server has.
func (m *Manager) findLive(ctx context.Context, volume string) (*corev1.PersistentVolume, error) {
	all, err := m.listPersistentVolumes(ctx)
	if err != nil {
		return nil, err
	}
	var found []*corev1.PersistentVolume
	for i := range all {
		if v, ok := handleOf(&all[i], m.driver); ok && v == volume {
			found = append(found, &all[i])
		}
	}
	return only(found)
}

// getLive reads a volume's PersistentVolume where its name was known, "" if not. Another may have taken its place.
func (m *Manager) getLive(ctx context.Context, volume, name string) (*corev1.PersistentVolume, error) {
	if name == "" {
		return m.findLive(ctx, volume)
	}
	pv, err := m.client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		if v, ok := handleOf(pv, m.driver); ok && v == volume {
			return pv, nil
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("get persistent volume %s: %w", name, err)
	}
	return m.findLive(ctx, volume)
}

func only(found []*corev1.PersistentVolume) (*corev1.PersistentVolume, error) {
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	first, second := found[0].Name, found[1].Name
	return nil, fmt.Errorf("%w: %s and %s", ErrAmbiguous, min(first, second), cmp.Or(max(first, second), second))
}

func (m *Manager) listPersistentVolumes(ctx context.Context) ([]corev1.PersistentVolume, error) {
	return pages("persistent volumes", func(o metav1.ListOptions) ([]corev1.PersistentVolume, string, error) {
		l, err := m.client.CoreV1().PersistentVolumes().List(ctx, o)
		if err != nil {
			return nil, "", err
		}
		return l.Items, l.Continue, nil
	})
}

// pages reads a list to its end. All pages are of one moment; if the server forgets it in between (410), the list has failed.
func pages[T any](what string, list func(metav1.ListOptions) ([]T, string, error)) ([]T, error) {
	var all []T
	for o := (metav1.ListOptions{Limit: pageMax}); ; {
		items, next, err := list(o)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", what, err)
		}
		if all = append(all, items...); next == "" {
			return all, nil
		}
		o.Continue = next
	}
}
