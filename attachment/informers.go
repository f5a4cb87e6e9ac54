package attachment

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/holdfast-sim/holdfast/attachment/deadline"
)

const (
	// What one list of an informer may take, which would wait for an answer for ever. The two differ, as all such bounds of
	// a process do, so that a log, or a simulation, can tell their timers apart.
	listMaxPVs = 33 * time.Second
	listMaxVAs = 27 * time.Second

	byHandle  = "driver/handle" // index of PersistentVolumes
	byVolNode = "pv/node"       // index of VolumeAttachments
)

// informers are the caches of one leadership.
type informers struct {
	pvs, vas cache.SharedIndexInformer
}

// Start begins a leadership: Rebuilt is false until the next Rebuild succeeds, and the informers over PersistentVolumes and
// VolumeAttachments run until ctx ends. It returns at once. wait returns when they have stopped, which is soon after that.
func (m *Manager) Start(ctx context.Context) (wait func(), err error) {
	m.mu.Lock()
	m.lead++
	m.rebuilt = false
	m.version++
	m.mu.Unlock()
	if m.client == nil {
		return func() {}, nil
	}
	in, err := m.newInformers()
	if err != nil {
		return nil, fmt.Errorf("start the attachment manager: %w", err)
	}
	m.informers.Store(in)
	var running sync.WaitGroup
	for _, i := range []cache.SharedIndexInformer{in.pvs, in.vas} {
		running.Go(func() { i.RunWithContext(ctx) })
	}
	return func() {
		running.Wait()
		m.informers.CompareAndSwap(in, nil)
	}, nil
}

func (m *Manager) newInformers() (*informers, error) {
	pvs, vas := m.client.CoreV1().PersistentVolumes(), m.client.StorageV1().VolumeAttachments()
	in := &informers{
		pvs: deadline.Informer(m.client, deadline.Source[*corev1.PersistentVolumeList]{List: pvs.List, Watch: pvs.Watch},
			&corev1.PersistentVolume{}, m.clock, listMaxPVs, cache.Indexers{byHandle: indexHandle}),
		vas: deadline.Informer(m.client, deadline.Source[*storagev1.VolumeAttachmentList]{List: vas.List, Watch: vas.Watch},
			&storagev1.VolumeAttachment{}, m.clock, listMaxVAs, cache.Indexers{byVolNode: indexNode}),
	}
	_, err := in.pvs.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { m.observe(o) },
		UpdateFunc: func(_, o any) { m.observe(o) },
	})
	if err != nil {
		return nil, err
	}
	_, err = in.vas.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(o any) { m.abandon(in, o) }})
	return in, err
}

// abandon marks what a VolumeAttachment asked for that was deleted: its caller is to unpublish before that, but a finalizer that
// somebody takes off spares him the trouble.
func (m *Manager) abandon(in *informers, o any) {
	if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	va, ok := o.(*storagev1.VolumeAttachment)
	if !ok || va.Spec.Attacher != m.driver || va.Spec.Source.PersistentVolumeName == nil {
		return
	}
	pv, exists, err := in.pvs.GetIndexer().GetByKey(*va.Spec.Source.PersistentVolumeName)
	if !exists || err != nil {
		return
	}
	volume, ok := handleOf(pv.(*corev1.PersistentVolume), m.driver)
	if !ok {
		return
	}
	until := time.Unix(1<<40, 0) // nobody knows when it was deleted
	if at := va.DeletionTimestamp; at != nil {
		until = at.Add(time.Second) // it tells whole seconds
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.cells[volume]; c == nil || !c.names(va.Spec.NodeName) {
		return
	}
	if m.parted[volume] == nil {
		m.parted[volume] = map[string]time.Time{}
	}
	m.parted[volume][va.Spec.NodeName] = until
}

// synced returns the informers if there are any and they are synced, else nil.
func (m *Manager) synced() *informers {
	if in := m.informers.Load(); in != nil && in.pvs.HasSynced() && in.vas.HasSynced() {
		return in
	}
	return nil
}

func indexHandle(o any) ([]string, error) {
	if pv, ok := o.(*corev1.PersistentVolume); ok && pv.Spec.CSI != nil {
		return []string{pv.Spec.CSI.Driver + "/" + pv.Spec.CSI.VolumeHandle}, nil
	}
	return nil, nil
}

func indexNode(o any) ([]string, error) {
	if va, ok := o.(*storagev1.VolumeAttachment); ok && va.Spec.Source.PersistentVolumeName != nil {
		return []string{*va.Spec.Source.PersistentVolumeName + "/" + va.Spec.NodeName}, nil
	}
	return nil, nil
}

func (in *informers) byHandle(driver, volume string) []*corev1.PersistentVolume {
	found, _ := in.pvs.GetIndexer().ByIndex(byHandle, driver+"/"+volume) // an error means that there is no such index
	pvs := make([]*corev1.PersistentVolume, len(found))
	for i, o := range found {
		pvs[i] = o.(*corev1.PersistentVolume)
	}
	return pvs
}

// wished reports whether there is a VolumeAttachment for the PersistentVolume and node.
func (in *informers) wished(pv, node string) bool {
	found, _ := in.vas.GetIndexer().ByIndex(byVolNode, pv+"/"+node)
	return len(found) > 0
}

// observe notes a PersistentVolume that somebody else has changed, for the next turn of its volume or the next pass to look
// at. What comes of our own writes is at a version that is known.
func (m *Manager) observe(o any) {
	pv, ok := o.(*corev1.PersistentVolume)
	if !ok {
		return
	}
	volume, ok := handleOf(pv, m.driver)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch c := m.cells[volume]; {
	case c == nil && !strings.Contains(pv.Annotations[Annotation], `"instances"`):
	case c != nil && c.place != nil && !newer(pv.ResourceVersion, c.place.version):
	default:
		m.suspects[volume] = pv.ResourceVersion
	}
}

// acquit drops the suspicion of what turns out to be known: a watch may show our own write before its reply comes. The caller has
// the lock.
func (m *Manager) acquit(volume string, known *place) {
	if seen, ok := m.suspects[volume]; ok && known != nil && !newer(seen, known.version) {
		delete(m.suspects, volume)
	}
}
