package csidriver_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/csidriver"
)

// server notes what it is asked for.
type server struct {
	csi.UnimplementedControllerServer
	able     []csi.ControllerServiceCapability_RPC_Type
	silent   error
	publish  *csi.ControllerPublishVolumeRequest
	asked    int
	ran      atomic.Int32
	triggers atomic.Int32
}

func (s *server) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	s.asked++
	if s.silent != nil {
		return nil, s.silent
	}
	r := &csi.ControllerGetCapabilitiesResponse{}
	for _, c := range s.able {
		r.Capabilities = append(r.Capabilities, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: c}}})
	}
	return r, nil
}

func (s *server) ControllerPublishVolume(_ context.Context, r *csi.ControllerPublishVolumeRequest) (*csi.ControllerPublishVolumeResponse, error) {
	s.publish = r
	return nil, status.Error(codes.FailedPrecondition, "no")
}

func (s *server) Run(ctx context.Context) error {
	s.ran.Add(1)
	<-ctx.Done()
	return nil
}

func (s *server) Trigger() { s.triggers.Add(1) }

func system(t *testing.T, s csi.ControllerServer) sim.System {
	sys, err := csidriver.System(func(sim.Env) (csi.ControllerServer, error) { return s, nil })(sim.Env{})
	require.NoError(t, err)
	return sys
}

func TestPublishIsWhatASidecarWouldAskFor(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		mode string
		able []csi.ControllerServiceCapability_RPC_Type
		want csi.VolumeCapability_AccessMode_Mode
		back string
	}{
		{"ReadWriteOnce", nil, csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER, "ReadWriteOnce"},
		{"ReadWriteOncePod", nil, csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER, "ReadWriteOnce"},
		{"ReadWriteOnce", multiWriter, csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER, "ReadWriteOnce"},
		{"ReadWriteOncePod", multiWriter, csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER, "ReadWriteOncePod"},
		{"ReadOnlyMany", multiWriter, csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY, "ReadOnlyMany"},
		{"ReadWriteMany", nil, csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER, "ReadWriteMany"},
	} {
		s := &server{able: c.able}
		sys := system(t, s)
		request := sim.PublishRequest{Volume: "disk", NodeID: "id-1", Mode: c.mode, Context: map[string]string{"a": "b"}}
		require.Equal(t, "FailedPrecondition", sim.CodeOf(sys.Publish(ctx, request)))
		require.Equal(t, "FailedPrecondition", sim.CodeOf(sys.Publish(ctx, request)))
		require.Equal(t, 1, s.asked)
		require.Equal(t, "disk", s.publish.GetVolumeId())
		require.Equal(t, "id-1", s.publish.GetNodeId())
		require.Equal(t, request.Context, s.publish.GetVolumeContext())
		require.Equal(t, c.want, s.publish.GetVolumeCapability().GetAccessMode().GetMode())
		require.Equal(t, c.back, csidriver.Mode(c.want))
		require.Equal(t, "Unimplemented", sim.CodeOf(sys.Unpublish(ctx, "disk", "id-1")))
	}
}

var multiWriter = []csi.ControllerServiceCapability_RPC_Type{csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER}

// A server that does not tell its capabilities yet is asked again.
func TestCapabilitiesAreAskedForUntilTheyCome(t *testing.T) {
	s := &server{silent: status.Error(codes.Unavailable, "not yet")}
	sys := system(t, s)
	require.Equal(t, "Unavailable", sim.CodeOf(sys.Publish(context.Background(), sim.PublishRequest{})))
	require.Nil(t, s.publish)
	s.silent = nil
	_ = sys.Publish(context.Background(), sim.PublishRequest{})
	require.NotNil(t, s.publish)
}

func TestABuilderThatFails(t *testing.T) {
	_, err := csidriver.System(func(sim.Env) (csi.ControllerServer, error) { return nil, errors.New("no") })(sim.Env{})
	require.EqualError(t, err, "no")
	_, err = csidriver.System(func(sim.Env) (csi.ControllerServer, error) { return nil, nil })(sim.Env{})
	require.ErrorContains(t, err, "no controller service")
}

// A server's own Run, and its optional powers, are used.
func TestPowersOfTheServer(t *testing.T) {
	s := &server{}
	text := `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: powers}
spec:
  nodes: 1
  volumes: [{name: disk, accessMode: ReadWriteOnce}]
  timeline:
  - {at: 10s, trigger: {times: 3}}
`
	scn, err := scenarios.Parse("powers.yaml", strings.NewReader(text))
	require.NoError(t, err)
	r := sim.Run(t, csidriver.System(func(sim.Env) (csi.ControllerServer, error) { return s, nil }), scn, sim.Seed(1))
	require.Equal(t, sim.Held, r.Outcome)
	require.EqualValues(t, 1, s.ran.Load())
	require.EqualValues(t, 3, s.triggers.Load())
	require.Less(t, r.Virtual, 24*time.Hour)
}

// One without a Run is ready as long as its process leads.
func TestAServerWithoutRun(t *testing.T) {
	sys := system(t, csi.UnimplementedControllerServer{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, sys.Run(ctx))
}
