package attachment

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TrackAttachment records that a node has a volume of one writer; the node's uid is unknown and equals any. The same node
// again is OK and writes nothing; another node is ErrAttachedElsewhere. After an error there is no trace, and no reader ever
// saw the node as a holder.
func (m *Manager) TrackAttachment(ctx context.Context, volume, node string) error {
	return m.TrackAttachmentWithMode(ctx, volume, node, ReadWriteOnce)
}

// TrackAttachmentWithMode does the same for any access mode, whose number of holders it keeps to (ErrTooManyHolders). A mode
// other than the recorded one is ErrModeMismatch.
func (m *Manager) TrackAttachmentWithMode(ctx context.Context, volume, node string, mode Mode, options ...TrackOption) error {
	claim := Claim{Node: node, Mode: mode}
	if len(options) > 0 {
		claim = claim.with(options)
	}
	what := func() string { return "track " + volume + " on " + node }
	return m.withTurn(ctx, volume, what, func(t *Turn) error { return t.track(ctx, claim) })
}

func (c Claim) with(options []TrackOption) Claim {
	for _, o := range options {
		o(&c)
	}
	return c
}

// AddSecondaryAttachment records a live migration's target beside its source: the volume must be tracked (ErrNotTracked) and
// many-node (ErrModeMismatch). On a ReadWriteMany volume it starts the migration's clock; see Claim for the timeout.
func (m *Manager) AddSecondaryAttachment(ctx context.Context, volume, node string, timeout time.Duration) error {
	what := func() string { return "track " + volume + " on the secondary " + node }
	return m.withTurn(ctx, volume, what, func(t *Turn) error {
		a, ok := t.Attachment()
		switch {
		case !ok:
			return ErrNotTracked
		case !a.Mode.ManyNode():
			return fmt.Errorf("%w: a %s volume has no secondary", ErrModeMismatch, a.Mode)
		}
		return t.track(ctx, Claim{Node: node, Mode: a.Mode, MigrationTimeout: timeout})
	})
}

func (t *Turn) track(ctx context.Context, c Claim) error {
	e, err := t.Reserve(ctx, c)
	if err != nil {
		if a, ok := t.Attachment(); ok && (errors.Is(err, ErrAttachedElsewhere) || errors.Is(err, ErrTooManyHolders)) {
			t.Conflict(c.Node, a.Entries[0].Instance)
		}
		return err
	}
	t.Confirm(e.Instance)
	return nil
}

// RemoveNodeAttachment takes a node off a volume, every uid of that name; an empty node means every node. Nothing to take off
// is OK and changes nothing. The last removal stamps the detach time. Two to one ends the migration: completed if the
// target is left, aborted if the source is.
func (m *Manager) RemoveNodeAttachment(ctx context.Context, volume, node string) error {
	what := func() string {
		if node == "" {
			return "untrack " + volume
		}
		return "untrack " + volume + " on " + node
	}
	return m.withTurn(ctx, volume, what, func(t *Turn) error {
		var few [2]Instance
		gone := t.on(few[:0], node)
		if len(gone) == 0 {
			if err := t.Verify(ctx); err != nil {
				return err
			}
			gone = t.on(few[:0], node)
		}
		for again := true; again; again = len(gone) > 0 {
			if _, err := t.Remove(ctx, Detached, gone...); err != nil {
				return err
			}
			gone = t.on(few[:0], node) // the write may have shown that another manager has attached it anew
		}
		return nil
	})
}

// on appends the instances on a node, or all of them if it is empty.
func (t *Turn) on(some []Instance, node string) []Instance {
	for _, h := range t.cell.holders {
		if node == "" || h.node == node {
			some = append(some, h.instance(t.volume))
		}
	}
	return some
}

// UntrackAttachment takes every node off a volume.
func (m *Manager) UntrackAttachment(ctx context.Context, volume string) error {
	return m.RemoveNodeAttachment(ctx, volume, "")
}

// ClearStale removes exactly that instance if it is still the current one, and says whether it did.
func (m *Manager) ClearStale(ctx context.Context, i Instance) (cleared bool, err error) {
	what := func() string { return "clear " + i.String() }
	err = m.withTurn(ctx, i.Volume, what, func(t *Turn) error {
		cleared, err = t.Remove(ctx, StaleCleared, i)
		return err
	})
	return cleared, err
}

// withTurn does what a one-step method does, in one turn. what makes the beginning of the text of its errors.
func (m *Manager) withTurn(ctx context.Context, volume string, what func() string, do func(*Turn) error) error {
	t, err := m.Begin(ctx, volume)
	if err != nil {
		return fmt.Errorf("%s: %w", what(), err)
	}
	defer m.spare.Put(t) // whoever is given a turn here has it for no longer than the call
	defer t.End()
	if err := do(t); err != nil {
		return fmt.Errorf("%s: %w", what(), err)
	}
	return nil
}
