// Package naive is an example of a CSI controller service put under test: fifty lines, as a first version is written, with four classic
// bugs. Its tests hand it to package csidriver as it is.
//
//   - It remembers what is published in memory alone: after a restart it lets a second node have a volume that is still in use.
//   - It forgets a volume before the storage backend has let it go: if that fails, the next node gets it while the last one still writes.
//   - It answers an unpublish by the volume and never looks at the node: a late one, of a node that lost the volume long ago, takes it from
//     the node that has it now.
//   - It takes every access mode for that of a single writer: readers may write, and a live migration's target is refused.
package naive

import (
	"context"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfast-sim/holdfast/sim"
)

// Driver is the controller service.
type Driver struct {
	csi.UnimplementedControllerServer
	backend sim.Backend

	mu    sync.Mutex
	nodes map[string]string // the id of the node that has a volume
	epoch uint64
}

// New returns the driver; hand it to csidriver.System.
func New(env sim.Env) (csi.ControllerServer, error) {
	return &Driver{backend: env.Backend, nodes: make(map[string]string), epoch: uint64(env.Clock.Now().UnixNano())}, nil
}

// ControllerGetCapabilities tells that volumes can be published.
func (d *Driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: []*csi.ControllerServiceCapability{{
		Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: csi.ControllerServiceCapability_RPC_PUBLISH_UNPUBLISH_VOLUME}},
	}}}, nil
}

// ControllerPublishVolume gives a volume to a node, unless another one has it.
func (d *Driver) ControllerPublishVolume(ctx context.Context, r *csi.ControllerPublishVolumeRequest) (*csi.ControllerPublishVolumeResponse, error) {
	d.mu.Lock()
	if at, ok := d.nodes[r.GetVolumeId()]; ok && at != r.GetNodeId() {
		d.mu.Unlock()
		return nil, status.Errorf(codes.FailedPrecondition, "%s is published to %s", r.GetVolumeId(), at)
	}
	d.nodes[r.GetVolumeId()] = r.GetNodeId()
	d.epoch++
	epoch := d.epoch
	d.mu.Unlock()
	if err := d.backend.Grant(ctx, r.GetVolumeId(), r.GetNodeId(), epoch, false); err != nil {
		return nil, status.Errorf(codes.Unavailable, "grant: %v", err)
	}
	return &csi.ControllerPublishVolumeResponse{}, nil
}

// ControllerUnpublishVolume takes a volume from its node.
func (d *Driver) ControllerUnpublishVolume(ctx context.Context, r *csi.ControllerUnpublishVolumeRequest) (*csi.ControllerUnpublishVolumeResponse, error) {
	d.mu.Lock()
	at := d.nodes[r.GetVolumeId()]
	delete(d.nodes, r.GetVolumeId())
	d.mu.Unlock()
	if err := d.backend.Revoke(ctx, r.GetVolumeId(), at, 0); err != nil {
		return nil, status.Errorf(codes.Unavailable, "revoke: %v", err)
	}
	return &csi.ControllerUnpublishVolumeResponse{}, nil
}
