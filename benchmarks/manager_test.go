package benchmarks_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/benchmarks/load"
)

func filled(b *testing.B, n int) *attachment.Manager {
	m, err := load.Filled(n)
	require.NoError(b, err)
	return m
}

// comeAndGo attaches a volume and detaches it.
func comeAndGo(b *testing.B, m *attachment.Manager, volume string) {
	ctx := context.Background()
	if err := m.TrackAttachment(ctx, volume, "node"); err != nil {
		b.Fatal(err)
	}
	if err := m.UntrackAttachment(ctx, volume); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTrackUntrack is an attachment that comes and goes beside many others: of a volume that was there before, of one that never
// was, and of different ones on all processors at once (vary -cpu for the gain).
func BenchmarkTrackUntrack(b *testing.B) {
	for _, n := range to(100_000) {
		b.Run(fmt.Sprintf("same/attachments=%d", n), func(b *testing.B) {
			m := filled(b, n)
			b.ReportAllocs()
			for b.Loop() {
				comeAndGo(b, m, "volume")
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		m, n := filled(b, 10_000), 0
		b.ReportAllocs()
		for b.Loop() {
			n++
			comeAndGo(b, m, "volume-"+strconv.Itoa(n))
		}
	})
	b.Run("parallel", func(b *testing.B) {
		m := filled(b, 10_000)
		var workers atomic.Int64
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			volume := "volume-" + strconv.FormatInt(workers.Add(1), 10)
			for p.Next() {
				comeAndGo(b, m, volume)
			}
		})
	})
}

// BenchmarkControlParallel is work that shares nothing, on all processors at once: what more processors give on this machine.
func BenchmarkControlParallel(b *testing.B) {
	b.RunParallel(func(p *testing.PB) {
		x := uint64(1)
		for p.Next() {
			for range 1_000 {
				x = x*6364136223846793005 + 1442695040888963407
			}
		}
		runtime.KeepAlive(x)
	})
}

// BenchmarkTrackUntrackPersisted is the same with a record on a PersistentVolume. The time is client-go's fake's; the calls are ours.
func BenchmarkTrackUntrackPersisted(b *testing.B) {
	client := fake.NewSimpleClientset(&corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv", ResourceVersion: "1"},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "csi.holdfast.dev", VolumeHandle: "volume"}},
		},
	})
	m, err := attachment.NewManager(client)
	require.NoError(b, err)
	ctx, end := context.WithCancel(context.Background())
	wait, err := m.Start(ctx)
	require.NoError(b, err)
	defer func() { end(); wait() }()
	require.NoError(b, m.Rebuild(ctx))
	comeAndGo(b, m, "volume")
	calls := 0
	for b.Loop() {
		client.ClearActions()
		comeAndGo(b, m, "volume")
		for _, a := range client.Actions() {
			if a.GetVerb() != "watch" && a.GetVerb() != "list" { // the informers'
				calls++
			}
		}
		for range 20 { // the fake panics if its watches fall behind
			runtime.Gosched()
		}
	}
	b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
}

// BenchmarkGet is a copy of what is known of one volume of a hundred thousand.
func BenchmarkGet(b *testing.B) {
	m := filled(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := m.GetAttachment(load.Volume(77)); !ok {
			b.Fatal("it is gone")
		}
	}
}

// BenchmarkList is a copy of all.
func BenchmarkList(b *testing.B) {
	for _, n := range to(100_000) {
		b.Run(fmt.Sprintf("attachments=%d", n), func(b *testing.B) {
			m := filled(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if len(m.ListAttachments()) != n {
					b.Fatal("some are gone")
				}
			}
		})
	}
}

// heap is what is in use, after everything was collected.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc)
}

// BenchmarkMemory is what an attachment takes beyond the strings of its names, with locks and the index by node.
func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	volumes, nodes := make([]string, n), make([]string, n)
	for i := range n {
		volumes[i], nodes[i] = load.Volume(i), load.Node(i, n)
	}
	ctx := context.Background()
	var each float64
	for b.Loop() {
		before := heap()
		m, err := attachment.NewManager(nil)
		require.NoError(b, err)
		for i := range n {
			if err := m.TrackAttachment(ctx, volumes[i], nodes[i]); err != nil {
				b.Fatal(err)
			}
		}
		each = (heap() - before) / n
		runtime.KeepAlive(m)
	}
	b.ReportMetric(each, "B/attachment")
	runtime.KeepAlive(volumes)
}

// BenchmarkChurn is what is left in memory when volumes have come and gone, a thousand at a time: 1 is as much after a million as
// after ten thousand.
func BenchmarkChurn(b *testing.B) {
	var share float64
	for b.Loop() {
		share = after(b, 1_000_000) / after(b, 10_000)
	}
	b.ReportMetric(share, "heap/heap")
}

// after is the heap's growth after so many volumes.
func after(b *testing.B, volumes int) float64 {
	const live = 1_000
	ctx, before := context.Background(), heap()
	m, err := attachment.NewManager(nil, attachment.WithGrace(1)) // or stamps would be kept for as long as the benchmark takes
	require.NoError(b, err)
	for i := range volumes {
		if err := m.TrackAttachment(ctx, load.Volume(i), load.Node(i, live)); err != nil {
			b.Fatal(err)
		}
		if i >= live {
			if err := m.UntrackAttachment(ctx, load.Volume(i-live)); err != nil {
				b.Fatal(err)
			}
		}
	}
	defer runtime.KeepAlive(m)
	return heap() - before
}
