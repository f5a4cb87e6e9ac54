package buggy

import (
	"context"
	"maps"
	"slices"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/sim"
)

// Attachments implements sim.Believer. The driver keeps no detach stamps.
func (d *Driver) Attachments() ([]sim.Instance, map[string]time.Time) {
	var all []sim.Instance
	for _, volume := range d.volumes() {
		for _, h := range d.holdersOf(volume) {
			all = append(all, sim.Instance{Volume: volume, Node: h.node, State: "held", Mode: h.mode, AttachedAt: h.since})
		}
	}
	return all, nil
}

// Version implements sim.Believer.
func (d *Driver) Version() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.version
}

func (d *Driver) isLeading() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leading
}

func (d *Driver) lead(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leading = is
}

// volumes returns the volumes that somebody has, sorted.
func (d *Driver) volumes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.holders))
}

// holdersOf returns a copy of a volume's holders.
func (d *Driver) holdersOf(volume string) []holder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.holders[volume])
}

func (d *Driver) remember(volume string, h holder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.ContainsFunc(d.holders[volume], func(o holder) bool { return o.node == h.node }) {
		d.holders[volume] = append(d.holders[volume], h)
		d.version++
	}
}

func (d *Driver) forget(volume, node string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holders[volume] = slices.DeleteFunc(d.holders[volume], func(h holder) bool { return h.node == node })
	if len(d.holders[volume]) == 0 {
		delete(d.holders, volume)
	}
	d.version++
}

// nodeIDs returns the driver's id of each node, by the node's name.
func (d *Driver) nodeIDs(ctx context.Context) (map[string]string, error) {
	nodes, err := d.env.Client.StorageV1().CSINodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, &refusal{"Unavailable", "list CSINodes: " + err.Error()}
	}
	ids := make(map[string]string)
	for _, n := range nodes.Items {
		i := slices.IndexFunc(n.Spec.Drivers, func(c storagev1.CSINodeDriver) bool { return c.Name == d.env.Driver })
		if i >= 0 {
			ids[n.Name] = n.Spec.Drivers[i].NodeID
		}
	}
	return ids, nil
}

func (d *Driver) nodeName(ctx context.Context, id string) (string, error) {
	ids, err := d.nodeIDs(ctx)
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		if ids[name] == id {
			return name, nil
		}
	}
	return "", &refusal{"NotFound", "no node has the id " + id}
}

// sleep waits, and reports whether to go on.
func (d *Driver) sleep(ctx context.Context, t time.Duration) bool {
	timer := d.env.Clock.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C():
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
