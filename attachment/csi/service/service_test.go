package service_test

import (
	"context"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/holdfast-sim/holdfast/attachment"
	controller "github.com/holdfast-sim/holdfast/attachment/csi"
	"github.com/holdfast-sim/holdfast/attachment/csi/service"
)

// backend is never reached: the controller does not lead.
type backend struct{ controller.Backend }

func newService(t *testing.T) *service.Service {
	client := fake.NewClientset()
	manager, err := attachment.NewManager(client)
	require.NoError(t, err)
	c, err := controller.New(controller.Config{Manager: manager, Client: client, Backend: backend{}})
	require.NoError(t, err)
	return service.New(service.Config{Controller: c, Ready: manager.Rebuilt, Driver: "csi.example.com", Version: "1.2"})
}

func TestIdentity(t *testing.T) {
	s, ctx := newService(t), context.Background()
	info, err := s.GetPluginInfo(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "csi.example.com", info.GetName())
	require.Equal(t, "1.2", info.GetVendorVersion())
	probe, err := s.Probe(ctx, nil)
	require.NoError(t, err)
	require.False(t, probe.GetReady().GetValue(), "nothing is rebuilt yet")
	plugin, err := s.GetPluginCapabilities(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, csi.PluginCapability_Service_CONTROLLER_SERVICE, plugin.GetCapabilities()[0].GetService().GetType())
	able, err := s.ControllerGetCapabilities(ctx, nil)
	require.NoError(t, err)
	require.Len(t, able.GetCapabilities(), 2)
	probe, err = service.New(service.Config{}).Probe(ctx, nil)
	require.NoError(t, err)
	require.True(t, probe.GetReady().GetValue())
}

// The Controller's code and words are what the caller gets.
func TestErrorsKeepTheirCodes(t *testing.T) {
	s, ctx := newService(t), context.Background()
	capability := &csi.VolumeCapability{AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER}}
	for _, c := range []struct {
		request *csi.ControllerPublishVolumeRequest
		want    codes.Code
	}{
		{&csi.ControllerPublishVolumeRequest{VolumeId: "disk", NodeId: "node"}, codes.InvalidArgument},
		{&csi.ControllerPublishVolumeRequest{VolumeId: "disk", NodeId: "node", VolumeCapability: &csi.VolumeCapability{}}, codes.InvalidArgument},
		{&csi.ControllerPublishVolumeRequest{NodeId: "node", VolumeCapability: capability}, codes.InvalidArgument},
		{&csi.ControllerPublishVolumeRequest{VolumeId: "disk", VolumeCapability: capability}, codes.InvalidArgument},
		{&csi.ControllerPublishVolumeRequest{VolumeId: "disk", NodeId: "node", VolumeCapability: capability}, codes.Unavailable},
	} {
		_, err := s.ControllerPublishVolume(ctx, c.request)
		require.Equal(t, c.want, status.Code(err), "%v: %v", c.request, err)
	}
	_, err := s.ControllerUnpublishVolume(ctx, &csi.ControllerUnpublishVolumeRequest{VolumeId: "disk"})
	require.Equal(t, codes.Unavailable, status.Code(err))
	var cause *controller.Error
	require.ErrorAs(t, err, &cause)
	require.Equal(t, cause.Error(), err.Error())
	_, err = s.CreateVolume(ctx, nil)
	require.Equal(t, codes.Unimplemented, status.Code(err))
}
