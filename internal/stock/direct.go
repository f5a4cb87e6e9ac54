package stock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/sim"
)

// method is one method of the Manager as a scenario calls it.
type method func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error

// methods are the Manager's, by the name that a scenario uses.
func methods() map[string]method {
	return map[string]method{
		"TrackAttachment": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.TrackAttachment(ctx, c.Volume, c.Node)
		},
		"TrackAttachmentWithMode": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.TrackAttachmentWithMode(ctx, c.Volume, c.Node, attachment.Mode(c.Mode))
		},
		"AddSecondaryAttachment": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.AddSecondaryAttachment(ctx, c.Volume, c.Node, 5*time.Minute)
		},
		"RemoveNodeAttachment": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.RemoveNodeAttachment(ctx, c.Volume, c.Node)
		},
		"UntrackAttachment": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.UntrackAttachment(ctx, c.Volume)
		},
		"ClearDetachTimestamp": func(_ context.Context, m *attachment.Manager, c sim.DirectCall) error {
			m.ClearDetachTimestamp(c.Volume)
			return nil
		},
		"GetAttachment": func(_ context.Context, m *attachment.Manager, c sim.DirectCall) error {
			m.GetAttachment(c.Volume)
			return nil
		},
		"GetDetachTimestamp": func(_ context.Context, m *attachment.Manager, c sim.DirectCall) error {
			m.GetDetachTimestamp(c.Volume)
			return nil
		},
		"IsWithinGracePeriod": func(_ context.Context, m *attachment.Manager, c sim.DirectCall) error {
			m.IsWithinGracePeriod(c.Volume, time.Minute)
			return nil
		},
		"ListAttachments": func(_ context.Context, m *attachment.Manager, c sim.DirectCall) error {
			spoil(m.ListAttachments())
			return nil
		},
		// ClearStale is asked for an instance that never was, which must change nothing.
		"ClearStale": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			_, err := m.ClearStale(ctx, attachment.Instance{Volume: c.Volume, Node: c.Node, UID: "never", Epoch: 1 << 62})
			return err
		},
		"Rebuild": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error { return m.Rebuild(ctx) },
	}
}

// Methods implements sim.Direct.
func (s *System) Methods() []string {
	var names []string
	for name := range methods() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Call implements sim.Direct.
func (s *System) Call(ctx context.Context, c sim.DirectCall) error {
	m, ok := methods()[c.Method]
	if !ok {
		return fmt.Errorf("the Manager has no method %s", c.Method)
	}
	return m(ctx, s.manager, c)
}
