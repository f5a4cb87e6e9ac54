package csi

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/deadline"
)

// Sweep unpublishes what nobody will ask to unpublish: instances on record without a VolumeAttachment, whose publish was cut
// by a crash and whose wish is gone, or whose wish was deleted before they were unpublished. One that gets a VolumeAttachment
// meanwhile is left to its caller. What does not work is left for the next pass and does not keep the others from their turn.
// While the Controller does not serve it does nothing.
func (c *Controller) Sweep(ctx context.Context) error {
	h, err := c.enter(ctx)
	if err != nil {
		return nil
	}
	defer h.leave()
	orphans, err := h.orphans()
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range orphans {
		if h.ctx.Err() != nil {
			break
		}
		if err := h.sweep(i); err != nil {
			errs = append(errs, fmt.Errorf("sweep %v: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// orphans asks the API server whether those that the cache shows are any.
func (h *handler) orphans() ([]attachment.Instance, error) {
	ctx, cancel := deadline.With(h.ctx, h.cfg.Clock, sweepTimeout)
	defer cancel()
	return h.cfg.Manager.LiveOrphans(ctx)
}

func (h *handler) sweep(orphan attachment.Instance) error {
	ctx, cancel := deadline.With(h.ctx, h.cfg.Clock, sweepTimeout)
	defer cancel()
	one := &handler{Controller: h.Controller, ctx: ctx, lead: h.lead}
	turn, err := one.begin(orphan.Volume)
	if err != nil {
		return err
	}
	defer turn.End()
	a, _ := turn.Attachment()
	i := slices.IndexFunc(a.Entries, func(e attachment.Entry) bool {
		return e.Instance == orphan
	})
	if i < 0 || !slices.Contains(h.cfg.Manager.Orphans(), orphan) {
		return nil
	}
	return one.end(turn, orphan.Volume, one.nodes.idOf(a.Entries[i]), a.Entries[i:i+1])
}
