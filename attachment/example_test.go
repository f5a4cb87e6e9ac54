package attachment_test

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/kubernetes/fake"

	"github.com/holdfast-sim/holdfast/attachment"
)

func Example() {
	ctx := context.Background()
	m, err := attachment.NewManager(fake.NewSimpleClientset(), attachment.WithDriver("csi.holdfast.dev"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.TrackAttachment(ctx, "vm-disk", "node-1"))
	fmt.Println(errors.Is(m.TrackAttachment(ctx, "vm-disk", "node-2"), attachment.ErrAttachedElsewhere))
	fmt.Println(m.UntrackAttachment(ctx, "vm-disk"))
	fmt.Println(m.TrackAttachment(ctx, "vm-disk", "node-2"))
	// Output:
	// <nil>
	// true
	// <nil>
	// <nil>
}

// A controller's publish, in one turn: nothing is granted that is not on record, and nothing is on record that was refused.
func ExampleTurn() {
	ctx := context.Background()
	m, err := attachment.NewManager(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	grant := func(volume, node string, epoch uint64) error { return nil } // the storage backend

	t, err := m.Begin(ctx, "vm-disk")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.End()
	e, err := t.Reserve(ctx, attachment.Claim{Node: "node-1", Mode: attachment.ReadWriteOnce})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.State)
	if err := grant(e.Volume, e.Node, e.Epoch); err != nil {
		_, err = t.Remove(ctx, attachment.Refused, e.Instance)
		fmt.Println(err)
		return
	}
	t.Confirm(e.Instance)
	a, _ := t.Attachment()
	fmt.Println(a.Entries[0].State)
	// Output:
	// uncertain
	// held
}
