// Package attachment keeps the book of which volume is attached to which nodes, for the controller of a CSI driver.
//
// A storage backend may let two nodes write to one volume and destroy it; Kubernetes may ask for just that, with late,
// repeated and concurrent calls, and the controller itself may crash between any two of its steps. The Manager answers one
// question without fail: who may have this volume now? It reserves before the backend grants, keeps a record on the volume's
// PersistentVolume that survives a crash and that two controllers cannot both write, and gives every reservation an epoch
// by which the backend tells a late grant from a new one.
//
// The smallest use:
//
//	m, err := attachment.NewManager(client, attachment.WithDriver("csi.holdfast.dev"))
//	err = m.TrackAttachment(ctx, "vm-disk", "node-1")
//	err = m.TrackAttachment(ctx, "vm-disk", "node-2") // ErrAttachedElsewhere: vm-disk is on node-1
//	err = m.UntrackAttachment(ctx, "vm-disk")
//
// The nouns: an Instance is one attachment (volume, node, the node's uid, epoch); an Attachment is all of a volume's; a Turn is the
// right to change one volume, and what a controller composes its publish and unpublish from:
//
//	t, err := m.Begin(ctx, "vm-disk") // others wait; nobody waits for another volume
//	defer t.End()
//	e, err := t.Reserve(ctx, attachment.Claim{Node: "node-1", UID: uid, Mode: attachment.ReadWriteOnce})
//	err = backend.Grant(ctx, e.Volume, e.Node, e.Epoch)
//	t.Confirm(e.Instance)
package attachment
