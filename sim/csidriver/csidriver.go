// Package csidriver puts the controller service of any CSI driver under test: what has the methods of csi.ControllerServer is
// called as external-attacher calls it, in virtual time and without a socket.
//
//	func TestChaos(t *testing.T) { sim.TestChaos(t, csidriver.System(build)) }
//
//	func build(env sim.Env) (csi.ControllerServer, error) {
//		return mydriver.New(env.Client, env.Backend), nil
//	}
//
// A server that also has a method Run(context.Context) error is run while its process leads; one without is always ready. Optional
// powers of package sim (sim.Believer, sim.Lifecycle and so on) are found on the server. Whatever the driver keeps outside of its
// process belongs behind env.Client and env.Backend: there the oracle sees it.
//
// Access modes are mapped as external-attacher maps them, by the capabilities that the server tells. What a publish returns as its
// context is for the node, and is not looked at.
package csidriver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/holdfast-sim/holdfast/sim"
)

// System returns a builder of the system whose controller service build makes, anew for each incarnation of its process. As with any
// builder, build must not wait for anything.
func System(build func(sim.Env) (csi.ControllerServer, error)) sim.Builder {
	return func(env sim.Env) (sim.System, error) {
		server, err := build(env)
		if err != nil {
			return nil, err
		}
		if server == nil {
			return nil, errNoServer
		}
		return &system{server: server}, nil
	}
}

var errNoServer = errors.New("the builder returned no controller service")

// system is a controller service as a sim.System.
type system struct {
	server csi.ControllerServer

	mu   sync.Mutex // guards able; never held over a call
	able map[csi.ControllerServiceCapability_RPC_Type]bool
}

// Wrapped lets package sim find optional powers.
func (s *system) Wrapped() any { return s.server }

// Run runs the server's own Run, if it has one, until leadership ends.
func (s *system) Run(ctx context.Context) error {
	if r, ok := s.server.(interface{ Run(context.Context) error }); ok {
		return r.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

// Publish is ControllerPublishVolume.
func (s *system) Publish(ctx context.Context, r sim.PublishRequest) error {
	able, err := s.capabilities(ctx)
	if err != nil {
		return err
	}
	_, err = s.server.ControllerPublishVolume(ctx, &csi.ControllerPublishVolumeRequest{
		VolumeId: r.Volume, NodeId: r.NodeID, VolumeContext: r.Context,
		VolumeCapability: &csi.VolumeCapability{
			AccessMode: &csi.VolumeCapability_AccessMode{Mode: mode(r.Mode, able[csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER])},
			AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
		},
	})
	return err
}

// Unpublish is ControllerUnpublishVolume.
func (s *system) Unpublish(ctx context.Context, volume, nodeID string) error {
	_, err := s.server.ControllerUnpublishVolume(ctx, &csi.ControllerUnpublishVolumeRequest{VolumeId: volume, NodeId: nodeID})
	return err
}

// capabilities are what the server says that it can do. It is asked until it answers, and then never again.
func (s *system) capabilities(ctx context.Context) (map[csi.ControllerServiceCapability_RPC_Type]bool, error) {
	s.mu.Lock()
	able := s.able
	s.mu.Unlock()
	if able != nil {
		return able, nil
	}
	answer, err := s.server.ControllerGetCapabilities(ctx, &csi.ControllerGetCapabilitiesRequest{})
	if err != nil {
		return nil, fmt.Errorf("get capabilities: %w", err)
	}
	able = make(map[csi.ControllerServiceCapability_RPC_Type]bool)
	for _, c := range answer.GetCapabilities() {
		able[c.GetRpc().GetType()] = true
	}
	s.mu.Lock()
	s.able = able
	s.mu.Unlock()
	return able, nil
}

// mode is a Kubernetes access mode in CSI's words. Drivers without SINGLE_NODE_MULTI_WRITER know one mode for a single node.
func mode(kubernetes string, multiWriter bool) csi.VolumeCapability_AccessMode_Mode {
	switch kubernetes {
	case "ReadOnlyMany":
		return csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY
	case "ReadWriteMany":
		return csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER
	case "ReadWriteOncePod":
		if multiWriter {
			return csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER
		}
	default:
		if multiWriter {
			return csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER
		}
	}
	return csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER
}

// Mode is the Kubernetes access mode that a CSI access mode stands for, for servers that tell what they believe (sim.Believer).
func Mode(m csi.VolumeCapability_AccessMode_Mode) string {
	switch m {
	case csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
		return "ReadOnlyMany"
	case csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER, csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER:
		return "ReadWriteMany"
	case csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER:
		return "ReadWriteOncePod"
	}
	return "ReadWriteOnce"
}
