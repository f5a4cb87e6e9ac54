package cluster

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const benchObjects = 1000

func benchServer(b *testing.B) (*stub, kubernetes.Interface) {
	loop, s, c := start(b)
	loop.quiet = true
	for i := range benchObjects {
		_, err := Create(s, persistentVolume(fmt.Sprintf("v%d", i)))
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	return loop, c
}

func persistentVolume(handle string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv-" + handle, Finalizers: []string{"kubernetes.io/pv-protection"}},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
			ClaimRef:    &corev1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "default", Name: "claim-" + handle},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				CSI: &corev1.CSIPersistentVolumeSource{Driver: "csi.holdfast.dev", VolumeHandle: handle},
			},
		},
	}
}

func BenchmarkGet(b *testing.B) {
	_, c := benchServer(b)
	for i := range b.N {
		if _, err := c.CoreV1().PersistentVolumes().Get(context.Background(), fmt.Sprintf("pv-v%d", i%benchObjects), metav1.GetOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPatchAnnotation(b *testing.B) {
	_, c := benchServer(b)
	for i := range b.N {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"holdfast.dev/attachment":"{\"version\":1,\"epoch\":%d}"}}}`, i)
		if _, err := c.CoreV1().PersistentVolumes().Patch(context.Background(), fmt.Sprintf("pv-v%d", i%benchObjects),
			types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	_, c := benchServer(b)
	pv, _ := c.CoreV1().PersistentVolumes().Get(context.Background(), "pv-v0", metav1.GetOptions{})
	b.ResetTimer()
	for i := range b.N {
		metav1.SetMetaDataAnnotation(&pv.ObjectMeta, "n", fmt.Sprint(i))
		var err error
		if pv, err = c.CoreV1().PersistentVolumes().Update(context.Background(), pv, metav1.UpdateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeliver(b *testing.B) {
	loop, c := benchServer(b)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	list, _ := c.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{Limit: 1})
	w, err := c.CoreV1().PersistentVolumes().Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		b.Fatal(err)
	}
	pv := &list.Items[0]
	b.ResetTimer()
	for i := range b.N {
		metav1.SetMetaDataAnnotation(&pv.ObjectMeta, "n", fmt.Sprint(i))
		if pv, err = c.CoreV1().PersistentVolumes().Update(ctx, pv, metav1.UpdateOptions{}); err != nil {
			b.Fatal(err)
		}
		loop.settle()
		<-w.ResultChan()
	}
}

func BenchmarkList(b *testing.B) {
	_, c := benchServer(b)
	for range b.N {
		if _, err := c.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
