package stock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/sim"
)

// method is one method of the Manager as a scenario calls it, with its answer.
type method func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) (any, error)

// methods are the Manager's, by the name that a scenario uses.
func methods() map[string]method {
	return map[string]method{
		"TrackAttachment": act(func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.TrackAttachment(ctx, c.Volume, c.Node)
		}),
		"TrackAttachmentWithMode": act(func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.TrackAttachmentWithMode(ctx, c.Volume, c.Node, attachment.Mode(c.Mode))
		}),
		"AddSecondaryAttachment": act(func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.AddSecondaryAttachment(ctx, c.Volume, c.Node, 5*time.Minute)
		}),
		"RemoveNodeAttachment": act(func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.RemoveNodeAttachment(ctx, c.Volume, c.Node)
		}),
		"UntrackAttachment": act(func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) error {
			return m.UntrackAttachment(ctx, c.Volume)
		}),
		"ClearDetachTimestamp": act(func(_ context.Context, m *attachment.Manager, c sim.DirectCall) error {
			m.ClearDetachTimestamp(c.Volume)
			return nil
		}),
		"GetAttachment": answer(func(m *attachment.Manager, c sim.DirectCall) any {
			if a, ok := m.GetAttachment(c.Volume); ok {
				return told([]attachment.Attachment{a})
			}
			return []sim.Instance{}
		}),
		"ListAttachments":    answer(func(m *attachment.Manager, _ sim.DirectCall) any { return told(m.ListAttachments()) }),
		"GetDetachTimestamp": answer(func(m *attachment.Manager, c sim.DirectCall) any { return m.GetDetachTimestamp(c.Volume) }),
		"IsWithinGracePeriod": answer(func(m *attachment.Manager, c sim.DirectCall) any {
			return m.IsWithinGracePeriod(c.Volume, c.Grace)
		}),
		"ClearStale": func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) (any, error) {
			return m.ClearStale(ctx, attachment.Instance{Volume: c.Volume, Node: c.Node, UID: c.UID, Epoch: c.Epoch})
		},
		"Rebuild": act(func(ctx context.Context, m *attachment.Manager, _ sim.DirectCall) error { return m.Rebuild(ctx) }),
	}
}

// act is a method that answers nothing but an error.
func act(do func(context.Context, *attachment.Manager, sim.DirectCall) error) method {
	return func(ctx context.Context, m *attachment.Manager, c sim.DirectCall) (any, error) {
		return nil, do(ctx, m, c)
	}
}

// answer is a method that cannot fail.
func answer(read func(*attachment.Manager, sim.DirectCall) any) method {
	return func(_ context.Context, m *attachment.Manager, c sim.DirectCall) (any, error) { return read(m, c), nil }
}

// told is what copies say. They are scribbled on after that, for a copy that is none shows in the next belief.
func told(all []attachment.Attachment) []sim.Instance {
	instances := instancesOf(all)
	spoil(all)
	return instances
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
func (s *System) Call(ctx context.Context, c sim.DirectCall) (any, error) {
	m, ok := methods()[c.Method]
	if !ok {
		return nil, fmt.Errorf("the Manager has no method %s", c.Method)
	}
	return m(ctx, s.manager, c)
}
