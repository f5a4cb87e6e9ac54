package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/sim"
)

// cases are all of them, the simple ones first.
func cases() []check {
	return []check{
		{name: "publish-again", do: publishAgain},
		{name: "unpublish-again", do: unpublishAgain},
		{name: "unpublish-what-never-was", do: unpublishWhatNeverWas},
		{name: "missing-arguments", do: missingArguments},
		{name: "unknown-node", do: unknownNode},
		{name: "unknown-volume", do: unknownVolume},
		{name: "incompatible-capability", do: incompatibleCapability},
		{name: "second-node", do: secondNode},
		{name: "two-writers-of-a-shared-volume", do: twoWriters},
		{name: "readers", do: readers},
		{name: "unpublish-of-another-node", do: unpublishOfAnother},
		{name: "unpublish-without-a-node", do: unpublishWithoutNode},
		{name: "revoke-fails", do: revokeFails},
		{name: "grant-fails", do: grantFails},
		{name: "two-nodes-at-once", do: twoNodesAtOnce},
		{name: "publish-beside-unpublish", do: publishBesideUnpublish},
		{name: "caller-leaves", do: callerLeaves},
		{name: "restart", do: restarted},
		{name: "node-deleted", timeline: "  - {at: 10m, deleteNode: {node: node-1}}\n", do: nodeDeleted},
	}
}

func publishAgain(s *stage) {
	s.publish("disk", "id-1")
	s.publish("disk", "id-1")
	s.writers("disk", "id-1")
}

func unpublishAgain(s *stage) {
	s.publish("disk", "id-1")
	s.unpublish("disk", "id-1")
	s.unpublish("disk", "id-1")
	s.writers("disk")
}

func unpublishWhatNeverWas(s *stage) {
	s.unpublish("disk", "id-1")
	s.unpublish("disk", "id-of-nobody")
	s.unpublish("disk-of-nobody", "id-1")
}

func missingArguments(s *stage) {
	s.publish("disk", "id-1") // the driver serves
	able := &csi.VolumeCapability{
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
	}
	for _, r := range []*csi.ControllerPublishVolumeRequest{
		{NodeId: "id-1", VolumeCapability: able}, {VolumeId: "disk", VolumeCapability: able}, {VolumeId: "disk", NodeId: "id-1"},
	} {
		err := s.call(func(ctx context.Context) error { _, err := s.server.ControllerPublishVolume(ctx, r); return err })
		s.expect(fmt.Sprintf("publish of volume %q on node %q, capability %v", r.GetVolumeId(), r.GetNodeId(), r.GetVolumeCapability() != nil), err, []codes.Code{codes.InvalidArgument})
	}
	s.unpublish("", "id-1", codes.InvalidArgument)
}

func unknownNode(s *stage) {
	s.publish("disk", "id-of-nobody", codes.NotFound)
	s.writers("disk")
}

func unknownVolume(s *stage) { s.publish("disk-of-nobody", "id-1", codes.NotFound) }

// The specification: published to that node, and the capability is incompatible: ALREADY_EXISTS.
func incompatibleCapability(s *stage) {
	s.publish("disk", "id-1")
	err := s.call(func(ctx context.Context) error {
		return s.sys.Publish(ctx, sim.PublishRequest{Volume: "disk", NodeID: "id-1", Mode: "ReadOnlyMany"})
	})
	s.expect("publish disk on id-1 for reading", err, []codes.Code{codes.AlreadyExists})
	s.writers("disk", "id-1")
}

func secondNode(s *stage) {
	s.publish("disk", "id-1")
	s.publish("disk", "id-2", codes.FailedPrecondition)
	s.writers("disk", "id-1")
	s.unpublish("disk", "id-1")
	s.publish("disk", "id-2")
	s.writers("disk", "id-2")
}

func twoWriters(s *stage) {
	s.publish("shared", "id-1")
	s.publish("shared", "id-2")
	s.writers("shared", "id-1", "id-2")
	s.unpublish("shared", "id-1")
	s.writers("shared", "id-2")
}

func readers(s *stage) {
	for _, node := range []string{"id-1", "id-2", "id-3"} {
		s.publish("image", node)
		if !s.array.readOnly("image", node) {
			s.fail("image was asked for on %s for reading, and the node may write", node)
		}
	}
	s.writers("image", "id-1", "id-2", "id-3")
}

func unpublishOfAnother(s *stage) {
	s.publish("disk", "id-1")
	s.unpublish("disk", "id-2")
	s.writers("disk", "id-1")
	s.publish("disk", "id-2", codes.FailedPrecondition)
}

func unpublishWithoutNode(s *stage) {
	s.publish("shared", "id-1")
	s.publish("shared", "id-2")
	s.unpublish("shared", "")
	s.writers("shared")
}

// A volume that the backend has not let go of is nobody else's.
func revokeFails(s *stage) {
	s.publish("disk", "id-1")
	s.array.fail("revoke", true)
	if err := s.once(s.unpublishing("disk", "id-1")); err == nil {
		s.fail("unpublish disk on id-1 was OK, and the backend was away")
	}
	if err := s.once(s.publishing("disk", "id-2")); err == nil {
		s.fail("publish disk on id-2 was OK, and id-1 still has it")
	}
	s.array.fail("revoke", false)
	s.unpublish("disk", "id-1")
	s.publish("disk", "id-2")
	s.writers("disk", "id-2")
}

// A publish that failed is not in the way of another node once it is unpublished.
func grantFails(s *stage) {
	s.publish("image", "id-3") // the driver serves
	s.array.fail("grant", true)
	if err := s.once(s.publishing("disk", "id-1")); err == nil {
		s.fail("publish disk on id-1 was OK, and the backend was away")
	}
	s.array.fail("grant", false)
	s.unpublish("disk", "id-1")
	s.publish("disk", "id-2")
	s.writers("disk", "id-2")
}

// both makes two calls at once.
func (s *stage) both(a, b func(context.Context) error) (errA, errB error) {
	var calls sync.WaitGroup
	calls.Go(func() { errA = s.call(a) })
	calls.Go(func() { errB = s.call(b) })
	calls.Wait()
	return errA, errB
}

func twoNodesAtOnce(s *stage) {
	a, b := s.both(s.publishing("disk", "id-1"), s.publishing("disk", "id-2"))
	if (a == nil) == (b == nil) {
		s.fail("of two publishes of disk at once, one must be OK: got %s and %s", sim.CodeOf(a), sim.CodeOf(b))
	}
	if n := len(s.array.nodes("disk")); n != 1 {
		s.fail("the backend lets %d nodes have disk", n)
	}
}

func publishBesideUnpublish(s *stage) {
	s.publish("disk", "id-1")
	a, b := s.both(s.unpublishing("disk", "id-1"), s.publishing("disk", "id-1"))
	s.expect("unpublish disk on id-1 beside a publish", a, nil)
	s.expect("publish disk on id-1 beside an unpublish", b, nil)
	s.publish("disk", "id-1")
	s.writers("disk", "id-1")
	s.unpublish("disk", "id-1")
	s.writers("disk")
}

// A call whose caller has left may go on or not; asking again is enough.
func callerLeaves(s *stage) {
	s.publish("image", "id-3") // the driver serves
	for i := range 8 {
		ctx, cancel := context.WithTimeout(s.ctx, time.Duration(i+1)*7*time.Millisecond)
		_ = s.publishing("disk", "id-1")(ctx)
		cancel()
		s.publish("disk", "id-1")
		s.writers("disk", "id-1")
		ctx, cancel = context.WithTimeout(s.ctx, time.Duration(i+1)*7*time.Millisecond)
		_ = s.unpublishing("disk", "id-1")(ctx)
		cancel()
		s.unpublish("disk", "id-1")
		s.writers("disk")
	}
}

func restarted(s *stage) {
	s.publish("disk", "id-1")
	s.sleep(time.Minute)
	s.restart()
	s.publish("disk", "id-2", codes.FailedPrecondition)
	s.writers("disk", "id-1")
	s.unpublish("disk", "id-1")
	s.publish("disk", "id-2")
	s.writers("disk", "id-2")
}

// A node that is gone is let go of, and its volume is free then.
func nodeDeleted(s *stage) {
	s.publish("disk", "id-1")
	for {
		_, err := s.env.Client.CoreV1().Nodes().Get(s.ctx, "node-1", metav1.GetOptions{})
		if err != nil || s.ctx.Err() != nil {
			break
		}
		s.sleep(10 * time.Second)
	}
	s.unpublish("disk", "id-1")
	s.publish("disk", "id-1", codes.NotFound)
	s.publish("disk", "id-2")
	s.writers("disk", "id-2")
}
