// Package service is the gRPC side of a csi.Controller: CSI's Identity service, and of its Controller service what a Controller can do,
// so that a sidecar can talk to it.
//
//	s := service.New(service.Config{Controller: controller, Ready: manager.Rebuilt, Driver: "csi.holdfast.dev", Version: "1.0"})
//	server := grpc.NewServer()
//	csi.RegisterIdentityServer(server, s)
//	csi.RegisterControllerServer(server, s)
//
// It maps words and codes and decides nothing: what it is asked for, the Controller does (SPEC.md section 4). Volumes are made and deleted
// elsewhere, so that it says of itself that it publishes and unpublishes, and no more.
package service

import (
	"context"
	"errors"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/holdfast-sim/holdfast/attachment"
	controller "github.com/holdfast-sim/holdfast/attachment/csi"
)

// Config says what a Service stands before.
type Config struct {
	Controller *controller.Controller
	// Ready tells whether calls are served, for Probe; nil is always.
	Ready func() bool
	// Driver and Version are what GetPluginInfo answers.
	Driver, Version string
}

// Service implements csi.IdentityServer and csi.ControllerServer. Its methods are safe for concurrent use.
type Service struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	cfg Config
}

// New returns a Service.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

// GetPluginInfo tells name and version.
func (s *Service) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: s.cfg.Driver, VendorVersion: s.cfg.Version}, nil
}

// GetPluginCapabilities tells that there is a Controller service.
func (s *Service) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{{
		Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}},
	}}}, nil
}

// Probe tells whether calls are served.
func (s *Service) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(s.cfg.Ready == nil || s.cfg.Ready())}, nil
}

// ControllerGetCapabilities tells what this service can do.
func (s *Service) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	r := &csi.ControllerGetCapabilitiesResponse{}
	for _, c := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_PUBLISH_UNPUBLISH_VOLUME, csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER,
	} {
		r.Capabilities = append(r.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: c}},
		})
	}
	return r, nil
}

// ControllerPublishVolume is Controller.Publish.
func (s *Service) ControllerPublishVolume(ctx context.Context, r *csi.ControllerPublishVolumeRequest) (*csi.ControllerPublishVolumeResponse, error) {
	if r.GetVolumeCapability() == nil {
		return nil, status.Error(codes.InvalidArgument, "publish: a volume capability is required")
	}
	mode, ok := modeOf(r.GetVolumeCapability().GetAccessMode().GetMode())
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "publish %s on %q: unknown access mode %s", r.GetVolumeId(), r.GetNodeId(), r.GetVolumeCapability().GetAccessMode().GetMode())
	}
	err := s.cfg.Controller.Publish(ctx, controller.PublishRequest{Volume: r.GetVolumeId(), NodeID: r.GetNodeId(), Mode: mode, Context: r.GetVolumeContext()})
	if err != nil {
		return nil, failure{err}
	}
	return &csi.ControllerPublishVolumeResponse{}, nil
}

// ControllerUnpublishVolume is Controller.Unpublish. Without a node it ends the access of all.
func (s *Service) ControllerUnpublishVolume(ctx context.Context, r *csi.ControllerUnpublishVolumeRequest) (*csi.ControllerUnpublishVolumeResponse, error) {
	if err := s.cfg.Controller.Unpublish(ctx, r.GetVolumeId(), r.GetNodeId()); err != nil {
		return nil, failure{err}
	}
	return &csi.ControllerUnpublishVolumeResponse{}, nil
}

// modeOf is a CSI access mode in Kubernetes' words.
func modeOf(m csi.VolumeCapability_AccessMode_Mode) (mode attachment.Mode, known bool) {
	switch m {
	case csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER, csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER:
		return attachment.ReadWriteOnce, true
	case csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER:
		return attachment.ReadWriteOncePod, true
	case csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY, csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
		return attachment.ReadOnlyMany, true
	case csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER, csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER:
		return attachment.ReadWriteMany, true
	}
	return "", false
}

// failure is an error of the Controller that a gRPC server knows the code of.
type failure struct{ error }

// Unwrap returns the Controller's error.
func (f failure) Unwrap() error { return f.error }

// GRPCStatus is what goes to the caller.
func (f failure) GRPCStatus() *status.Status {
	code := codes.Internal
	var known *controller.Error
	if errors.As(f.error, &known) {
		for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
			if c.String() == known.Code() {
				code = c
			}
		}
	}
	return status.New(code, f.Error())
}
