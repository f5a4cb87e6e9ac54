package cluster

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// newBackendTest returns a backend with volume v and the machines id-node-1 and id-node-2.
func newBackendTest() (*stub, *Backend, *BackendClient) {
	loop := &stub{}
	b := NewBackend(BackendConfig{Loop: loop, Node: func(id string) (string, string) { return id[len("id-"):], "uid-" + id }})
	b.CreateVolume("v")
	b.StartMachine("id-node-1")
	b.StartMachine("id-node-2")
	return loop, b, b.Client(loop)
}

// TestWhoWrites: granted, alive, and in use.
func TestWhoWrites(t *testing.T) {
	loop, b, c := newBackendTest()
	b.Use("v", "id-node-1")
	require.Empty(t, b.Writers("v"), "not granted")
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 1, false))
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 1, false), "a repeated grant is fine, and no news")
	require.NoError(t, c.Grant(ctx, "v", "id-node-2", 2, true))
	b.Use("v", "id-node-2")
	require.Equal(t, []string{"id-node-1"}, b.Writers("v"), "node-2 may only read")
	b.KillMachine("id-node-1")
	require.Empty(t, b.Writers("v"), "not alive")
	b.StartMachine("id-node-1")
	require.Empty(t, b.Writers("v"), "alive again, but its workload is gone")
	b.Use("v", "id-node-1")
	require.Equal(t, []string{"id-node-1"}, b.Writers("v"), "the same machine keeps its grants")
	require.NoError(t, c.Fence(ctx, "v", "id-node-1", 1))
	require.Empty(t, b.Writers("v"))
	b.DropGrants("id-node-2")
	require.Empty(t, b.Granted("v"))
	require.Equal(t, []string{
		"machineUp node-1", "machineUp node-2", "write v node-1", "grant v node-1", "io v node-1", "grant v node-2", "io v node-1",
		"write v node-2", "io v node-1", "rest v node-1", "machineDown node-1", "machineUp node-1", "write v node-1", "io v node-1",
		"fence v node-1", "io v node-1", "rest v node-1", "revoke v node-2",
	}, loop.told(trace.World))
}

// A write goes over the last one that its author knows of. What somebody else wrote in between is lost.
func TestLostWrite(t *testing.T) {
	loop, b, c := newBackendTest()
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 1, false))
	b.Use("v", "id-node-1")
	require.NoError(t, c.Grant(ctx, "v", "id-node-2", 2, false))
	b.Use("v", "id-node-2")
	b.Rest("v", "id-node-1")
	require.NoError(t, c.Fence(ctx, "v", "id-node-2", 2))
	var writes []string
	for _, e := range loop.events {
		if e.Verb == "io" {
			writes = append(writes, fmt.Sprintf("%s epoch %d: %d over %d %s", e.Node, e.Epoch, int(e.Value), e.Count, e.Code))
		}
	}
	require.Equal(t, []string{
		"node-1 epoch 1: 1 over 0 OK", "node-1 epoch 1: 2 over 1 OK", "node-1 epoch 1: 3 over 2 OK",
		"node-2 epoch 2: 4 over 3 OK", "node-1 epoch 1: 5 over 3 OK", "node-2 epoch 0: 0 over 4 Refused",
	}, writes, "the fourth write is lost with the fifth")
}

func TestWorldEventsNameTheMachine(t *testing.T) {
	loop, _, c := newBackendTest()
	loop.events = nil
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 7, true))
	require.Equal(t, []trace.Event{{
		Kind: trace.World, Verb: "grant", Volume: "v", Node: "node-1", UID: "uid-id-node-1", Epoch: 7, Mode: "ReadOnlyMany",
	}}, loop.events)
	require.Equal(t, []trace.Event{{
		Kind: trace.Call, Label: "call", Actor: "other", Verb: "grant", Resource: fault.Backend, Name: "v",
		Volume: "v", Node: "node-1", Epoch: 7, Code: "OK",
	}}, loop.calls)
}

// TestWithoutEpochs: a system that has none says 0 everywhere.
func TestWithoutEpochs(t *testing.T) {
	_, b, c := newBackendTest()
	for range 2 {
		require.NoError(t, c.Grant(ctx, "v", "id-node-1", 0, false))
		require.Equal(t, []string{"id-node-1"}, b.Granted("v"))
		require.NoError(t, c.Revoke(ctx, "v", "id-node-1", 0))
		require.Empty(t, b.Granted("v"))
	}
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 3, false))
	require.NoError(t, c.Grant(ctx, "v", "id-node-2", 4, false))
	require.NoError(t, c.Revoke(ctx, "v", "", 0))
	require.Empty(t, b.Granted("v"))
	require.Equal(t, "FailedPrecondition", backendCode(c.Grant(ctx, "v", "id-node-1", 3, false)), "it ended what was granted until then")
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 4, false), "but nothing newer")
}

// TestLateGrant: what was on its way while a newer grant was made changes nothing.
func TestLateGrant(t *testing.T) {
	loop, b, c := newBackendTest()
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 5, true))
	loop.events = nil
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 4, false))
	require.Empty(t, loop.events)
	b.Use("v", "id-node-1")
	require.Empty(t, b.Writers("v"), "the newer grant is for reading")
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 6, false))
	require.Equal(t, []string{"id-node-1"}, b.Writers("v"))
	require.True(t, b.Alive("id-node-1"))
}

func TestUnknownVolume(t *testing.T) {
	_, b, c := newBackendTest()
	require.Equal(t, "NotFound", backendCode(c.Grant(ctx, "w", "id-node-1", 1, false)))
	require.NoError(t, c.Revoke(ctx, "w", "id-node-1", 1), "there is nothing to end")
	exists, err := c.Exists(ctx, "v")
	require.NoError(t, err)
	require.True(t, exists)
	require.NoError(t, c.Grant(ctx, "v", "id-node-1", 1, false))
	b.DeleteVolume("v")
	require.Empty(t, b.Granted("v"))
	exists, err = c.Exists(ctx, "v")
	require.NoError(t, err)
	require.False(t, exists)
}

func TestInjectedStorageErrors(t *testing.T) {
	loop, b, c := newBackendTest()
	for effect, want := range map[fault.Effect]string{
		fault.Unreachable: "Unavailable", fault.ReplyLost: "Unavailable", fault.Error: "Internal",
		fault.Timeout: "DeadlineExceeded", fault.LateEffect: "DeadlineExceeded",
	} {
		loop.effect = effect
		err := c.Grant(ctx, "v", "id-node-1", 1, false)
		var ours *BackendError
		require.ErrorAs(t, err, &ours)
		require.ErrorIs(t, err, ErrInjected)
		require.Equal(t, want, ours.Code(), "%s", effect)
		require.Equal(t, effect == fault.ReplyLost, len(b.Granted("v")) == 1, "%s", effect)
		b.DropGrants("id-node-1")
	}
	loop.effect = fault.None
	err := c.Grant(ctx, "w", "id-node-1", 1, false)
	require.NotErrorIs(t, err, ErrInjected)
	require.EqualError(t, err, "grant w on id-node-1: no such volume: NotFound")
}

func TestAStaleReadDoesNotKnowTheVolumeYet(t *testing.T) {
	loop, _, c := newBackendTest()
	for _, effect := range []fault.Effect{fault.None, fault.StaleRead, fault.None} {
		loop.effect = effect
		have, err := c.Exists(ctx, "v")
		require.NoError(t, err)
		require.Equal(t, effect == fault.None, have)
	}
}
