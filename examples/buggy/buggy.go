// Package buggy is an example of plugging a driver of your own into Holdfast: a small attachment controller as people write
// them, with the mistakes that people make. It imports nothing of Holdfast but package sim.
//
// See it fail, on plain seeds of chaos:
//
//	holdfast run --system example-buggy
//
// It keeps in memory which node has which volume, reads that back from the VolumeAttachments when it becomes leader, and
// looks in turns whether those nodes still exist. It tests green, and reads well. What is wrong with it:
//
//   - any error from the API server counts as "the node is gone", so that a moment's trouble takes a volume from its user;
//   - a node is its name: one that was deleted and created again counts as the one that had the volume;
//   - between asking and acting anything may happen, and nobody looks again;
//   - a call whose answer got lost leaves a grant that nobody remembers.
package buggy

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/sim"
)

// Driver is the controller. It offers sim.System, which every system must, and sim.Believer, so that the oracle can tell
// what it has forgotten from what it was asked to end.
type Driver struct {
	env sim.Env

	mu      sync.Mutex
	leading bool
	holders map[string][]holder // by volume
	version uint64

	missing map[string]time.Time // by node, since when; Run's own
}

// holder is a node that has a volume.
type holder struct {
	node, id string
	mode     string
	since    time.Time
}

// New builds the driver; it is the sim.Builder to hand to sim.Run.
func New(env sim.Env) (sim.System, error) {
	return &Driver{env: env, holders: make(map[string][]holder), missing: make(map[string]time.Time)}, nil
}

// refusal is an error with the name of a gRPC code.
type refusal struct{ code, why string }

func (r *refusal) Error() string { return r.why }

// Code is what a CSI sidecar would see.
func (r *refusal) Code() string { return r.code }

// Publish makes the volume available to the node, if no other node is in the way.
func (d *Driver) Publish(ctx context.Context, r sim.PublishRequest) error {
	if !d.isLeading() {
		return &refusal{"Unavailable", "not the leader"}
	}
	node, err := d.nodeName(ctx, r.NodeID)
	if err != nil {
		return err
	}
	others := 0
	for _, h := range d.holdersOf(r.Volume) {
		switch {
		case h.node == node:
		case d.exists(ctx, h.node):
			others++
		default:
			d.forget(r.Volume, h.node) // the node is gone, and so is its attachment
		}
	}
	if others > d.room(r.Mode) {
		return &refusal{"FailedPrecondition", fmt.Sprintf("volume %s is attached elsewhere", r.Volume)}
	}
	if err := d.env.Backend.Grant(ctx, r.Volume, r.NodeID, 0, r.Mode == "ReadOnlyMany"); err != nil {
		return fmt.Errorf("grant %s to %s: %w", r.Volume, node, err)
	}
	d.remember(r.Volume, holder{node: node, id: r.NodeID, mode: r.Mode, since: d.env.Clock.Now()})
	return nil
}

// room is how many other nodes may have a volume that one more node asks for.
func (d *Driver) room(mode string) int {
	switch {
	case mode == "ReadOnlyMany" || mode == "ReadWriteMany" && d.env.Settings.MaxHolders == 0:
		return math.MaxInt
	case mode == "ReadWriteMany":
		return d.env.Settings.MaxHolders - 1
	}
	return 0
}

// Unpublish ends the node's access. An empty node means every node.
func (d *Driver) Unpublish(ctx context.Context, volume, nodeID string) error {
	if !d.isLeading() {
		return &refusal{"Unavailable", "not the leader"}
	}
	if err := d.env.Backend.Revoke(ctx, volume, nodeID, 0); err != nil {
		return fmt.Errorf("revoke %s from %s: %w", volume, nodeID, err)
	}
	for _, h := range d.holdersOf(volume) {
		if nodeID == "" || h.id == nodeID {
			d.forget(volume, h.node)
		}
	}
	return nil
}

// Run leads: it reads the attachments back, and looks after them until the context ends.
func (d *Driver) Run(ctx context.Context) error {
	for d.rebuild(ctx) != nil {
		if !d.sleep(ctx, time.Second) {
			return nil
		}
	}
	d.lead(true)
	defer d.lead(false)
	for d.sleep(ctx, d.env.Settings.Interval) {
		for _, volume := range d.volumes() {
			for _, h := range d.holdersOf(volume) {
				if d.expired(ctx, h.node) {
					d.forget(volume, h.node)
				}
			}
		}
	}
	return nil
}

// expired reports whether a node has been missing for the grace period.
func (d *Driver) expired(ctx context.Context, node string) bool {
	if d.exists(ctx, node) {
		delete(d.missing, node)
		return false
	}
	now := d.env.Clock.Now()
	if _, ok := d.missing[node]; !ok {
		d.missing[node] = now
	}
	return now.Sub(d.missing[node]) >= d.env.Settings.Grace
}

// rebuild makes the memory what the attached VolumeAttachments say.
func (d *Driver) rebuild(ctx context.Context) error {
	attachments, err := d.env.Client.StorageV1().VolumeAttachments().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list VolumeAttachments: %w", err)
	}
	ids, err := d.nodeIDs(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	clear(d.holders)
	d.mu.Unlock()
	for _, a := range attachments.Items {
		if !a.Status.Attached || a.Spec.Attacher != d.env.Driver || a.Spec.Source.PersistentVolumeName == nil {
			continue
		}
		pv, err := d.env.Client.CoreV1().PersistentVolumes().Get(ctx, *a.Spec.Source.PersistentVolumeName, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("get the volume of %s: %w", a.Name, err)
		}
		if pv.Spec.CSI != nil && len(pv.Spec.AccessModes) > 0 {
			h := holder{node: a.Spec.NodeName, id: ids[a.Spec.NodeName], mode: string(pv.Spec.AccessModes[0]), since: d.env.Clock.Now()}
			d.remember(pv.Spec.CSI.VolumeHandle, h)
		}
	}
	return nil
}

// exists asks whether a node is there.
func (d *Driver) exists(ctx context.Context, node string) bool {
	_, err := d.env.Client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	return err == nil
}
