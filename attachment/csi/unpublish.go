package csi

import (
	"context"
	"slices"

	"github.com/holdfast-sim/holdfast/attachment"
)

// Unpublish ends the node's access to the volume, and every node's if the node id is empty. It is done when it returns nil,
// and asking again changes nothing. Other nodes keep what they have.
func (c *Controller) Unpublish(ctx context.Context, volume, nodeID string) error {
	return during(c.unpublish(ctx, volume, nodeID), "unpublish %s on %q", volume, nodeID)
}

func (c *Controller) unpublish(ctx context.Context, volume, nodeID string) error {
	if volume == "" {
		return coded(InvalidArgument, "the volume is missing")
	}
	h, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer h.leave()
	turn, err := h.begin(volume)
	if err != nil {
		return err
	}
	defer turn.End()
	mine := h.entries(turn, nodeID)
	if len(mine) == 0 {
		if err := turn.Verify(h.ctx); err != nil {
			return h.unsure(err, "look for a record of it")
		}
		mine = h.entries(turn, nodeID)
	}
	defer h.doubtMeant(turn, nodeID)
	// The revoke is made even if no record names the node: nobody knows better than the backend what it has granted. The write
	// that follows may show that another manager has attached the volume there anew: then that is to be ended.
	for again := true; again; again = len(mine) > 0 {
		if err := h.end(turn, volume, nodeID, mine); err != nil {
			return err
		}
		mine = h.entries(turn, nodeID)
	}
	return nil
}

// doubtMeant makes uncertain what an unpublish may have meant, and could not tell, whether or not its revoke has succeeded. It stays, and
// the sweep ends it when its VolumeAttachment is gone.
func (h *handler) doubtMeant(turn *attachment.Turn, nodeID string) {
	if nodeID == "" {
		return
	}
	a, _ := turn.Attachment()
	doubt(turn, slices.DeleteFunc(a.Entries, func(e attachment.Entry) bool { return !h.nodes.maybe(e, nodeID) }))
}

// entries returns those of the node with that id, or all of them if it is empty.
func (h *handler) entries(turn *attachment.Turn, nodeID string) []attachment.Entry {
	a, _ := turn.Attachment()
	if nodeID == "" {
		return a.Entries
	}
	names := h.nodes.names(nodeID)
	return slices.DeleteFunc(a.Entries, func(e attachment.Entry) bool {
		if e.NodeID != "" {
			return e.NodeID != nodeID
		}
		return !slices.Contains(names, e.Node)
	})
}

// end ends entries of a volume, all of which are on one node, or on any if the node id is empty: the backend revokes, then
// they go from the record, in one write. After an error all of them are there still, and uncertain.
//
// The revoke carries the highest epoch ever given out. Whatever was granted is at or below it, however late it arrives, and
// the next reservation is above it.
func (h *handler) end(turn *attachment.Turn, volume, nodeID string, entries []attachment.Entry) error {
	err := h.proceed()
	if err == nil {
		err = h.cfg.Backend.Revoke(h.ctx, volume, nodeID, turn.Epoch())
	}
	if err != nil {
		doubt(turn, entries)
		return h.unsure(err, "revoke")
	}
	if len(entries) == 0 {
		return nil
	}
	if err = h.proceed(); err == nil {
		_, err = turn.Remove(h.ctx, attachment.Detached, instancesOf(entries)...)
	}
	if err != nil {
		doubt(turn, entries)
		return h.unsure(err, "take %v off the record", entries[0].Instance)
	}
	return nil
}

// doubt makes entries uncertain that may have lost their access, or may not.
func doubt(turn *attachment.Turn, entries []attachment.Entry) {
	for _, e := range entries {
		turn.Doubt(e.Instance)
	}
}

func instancesOf(entries []attachment.Entry) []attachment.Instance {
	instances := make([]attachment.Instance, len(entries))
	for i, e := range entries {
		instances[i] = e.Instance
	}
	return instances
}
