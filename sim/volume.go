package sim

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// pvProtection is the finalizer of Kubernetes' own PersistentVolume protection controller.
const pvProtection = "kubernetes.io/pv-protection"

// addVolume makes a volume of the storage system, with its PersistentVolume and its claim.
func (e *engine) addVolume(v scenarios.Volume) {
	if claim := claimOf(v); claim != "" {
		create(e.server, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: claim},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: v.PV, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.PersistentVolumeAccessMode(v.AccessMode)}},
		})
	}
	e.createPV(v)
	e.backend.CreateVolume(v.Name)
}

// createPV makes a volume's PersistentVolume, unless there is one.
func (e *engine) createPV(v scenarios.Volume) {
	if _, err := cluster.Get[*corev1.PersistentVolume](e.server, v.PV); err == nil {
		return
	}
	pv := volumeObject(driver, v)
	pv.Finalizers = []string{pvProtection}
	if claim, err := cluster.Get[*corev1.PersistentVolumeClaim](e.server, "default/"+claimOf(v)); err == nil {
		pv.Spec.ClaimRef = &corev1.ObjectReference{
			Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
		}
	}
	create(e.server, pv)
}

func volumeObject(driver string, v scenarios.Volume) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: v.PV},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.PersistentVolumeAccessMode(v.AccessMode)},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: v.Name}},
		},
	}
}

// claimOf is the name of the claim that a volume's PersistentVolume is bound to; empty if it is bound to none. A handle may be
// any text, a PersistentVolume's name is one for Kubernetes.
func claimOf(v scenarios.Volume) string {
	if v.Unclaimed {
		return ""
	}
	return "claim-" + strings.TrimPrefix(v.PV, "pv-")
}

// deletePV begins to delete a volume's PersistentVolume, which goes when its finalizer does.
func (e *engine) deletePV(p scenarios.PV) {
	name := e.volume(p.Volume).PV
	if gone := mustOrGone(cluster.Delete[*corev1.PersistentVolume](e.server, name)); gone {
		return
	}
	e.later(time.Duration(p.For), "releasePV", func(ev *trace.Event) {
		ev.Volume = p.Volume
		pv, err := cluster.Get[*corev1.PersistentVolume](e.server, name)
		if gone := mustOrGone(err); gone || pv.DeletionTimestamp == nil {
			return
		}
		pv.Finalizers = nil
		_, err = cluster.Update(e.server, pv)
		must(err)
	})
}

// addStrangers adds what every cluster has and no driver may touch: a volume of another driver, whose handle is that of the
// first of ours, attached to the last node.
func (e *engine) addStrangers() {
	const other = "csi.example.com"
	volumes, nodes := e.scn.Spec.Volumes, e.scn.Spec.Nodes
	if len(volumes) == 0 || len(nodes) == 0 {
		return
	}
	stranger := volumeObject(other, scenarios.Volume{Name: volumes[0].Name, PV: "pv-of-another-driver", AccessMode: "ReadWriteOnce"})
	create(e.server, stranger)
	va := create(e.server, &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: "va-of-another-driver"},
		Spec: storagev1.VolumeAttachmentSpec{
			Attacher: other, NodeName: nodes[len(nodes)-1].Name, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &stranger.Name},
		},
	})
	va.Status.Attached = true
	_, err := cluster.UpdateStatus(e.server, va)
	must(err)
}
