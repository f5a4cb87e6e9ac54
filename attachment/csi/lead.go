package csi

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/deadline"
)

// Run leads: from the moment at which it is called to the end of ctx. It fills the caches, rebuilds the Manager from what
// the API server says, however long that takes, and then serves. It returns when all that it started has stopped; a call
// that is in flight then issues no further write.
//
// State is read here and not when the process starts, for until then another controller led, and wrote.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.claim(ctx); err != nil {
		return err
	}
	defer c.release()
	within, end := context.WithCancel(ctx)
	wait, err := c.cfg.Manager.Start(within)
	if err != nil {
		end()
		return fmt.Errorf("lead: %w", err)
	}
	defer wait()
	var watching sync.WaitGroup
	defer watching.Wait()
	defer end()
	informer := c.nodes.informer(c.cfg.Client, c.cfg.Clock)
	watching.Go(func() { informer.RunWithContext(within) })

	select {
	case <-informer.HasSyncedChecker().Done():
	case <-within.Done():
	}
	if c.rebuild(within) {
		c.serve()
		<-within.Done()
	}
	return nil
}

func (c *Controller) claim(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lead != nil {
		return coded(FailedPrecondition, "lead: this controller leads already")
	}
	c.lead, c.serving = ctx, false
	return nil
}

func (c *Controller) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lead, c.serving = nil, false
}

func (c *Controller) serve() {
	c.mu.Lock()
	c.serving = true
	c.mu.Unlock()
	c.cfg.OnReady()
}

// rebuild tries until it succeeds. It is false when leadership has ended.
func (c *Controller) rebuild(ctx context.Context) bool {
	for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryMax) {
		attempt, cancel := deadline.With(ctx, c.cfg.Clock, rebuildTimeout)
		err := c.cfg.Manager.Rebuild(attempt)
		cancel()
		if err == nil {
			return ctx.Err() == nil
		}
		c.cfg.Logger.Info("Not rebuilt yet", "reason", err.Error())
		c.sleep(ctx, wait)
	}
	return false
}

func (c *Controller) sleep(ctx context.Context, d time.Duration) {
	timer := c.cfg.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}

// handler is one call in flight. Its context ends with the caller's, and with leadership.
type handler struct {
	*Controller
	ctx   context.Context
	lead  context.Context
	leave func()
}

// enter admits a call while the Controller leads and has rebuilt the Manager. The caller ends it with leave.
func (c *Controller) enter(ctx context.Context) (*handler, error) {
	c.mu.Lock()
	lead, serving := c.lead, c.serving
	c.mu.Unlock()
	switch {
	case lead == nil || lead.Err() != nil:
		return nil, &Error{code: Unavailable, err: errNotLeading}
	case !serving || !c.cfg.Manager.Rebuilt():
		return nil, coded(Unavailable, "the attachments are not rebuilt yet")
	}
	bound, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(lead, func() { cancel(errNotLeading) })
	return &handler{Controller: c, ctx: bound, lead: lead, leave: func() { stop(); cancel(context.Canceled) }}, nil
}

// proceed is asked before each write: neither a deposed leader nor a handler whose caller is gone begins another one.
func (h *handler) proceed() error {
	if h.lead.Err() != nil {
		return &Error{code: Unavailable, err: errNotLeading}
	}
	if h.ctx.Err() != nil {
		return &Error{code: h.ended(), err: context.Cause(h.ctx)}
	}
	return nil
}

// begin takes the volume's turn. Another call on the volume may have it, and is waited for while the caller waits. When
// leadership ends, every call that waits is told the same, whether the turn came to it first or not.
func (h *handler) begin(volume string) (*attachment.Turn, error) {
	turn, err := h.cfg.Manager.Begin(h.ctx, volume)
	switch {
	case h.lead.Err() != nil:
		if err == nil {
			turn.End()
		}
		return nil, &Error{code: Unavailable, err: errNotLeading}
	case err == nil:
		return turn, nil
	}
	e := h.unsure(err, "wait for the turn on %s", volume)
	if e.code == DeadlineExceeded || e.code == Canceled {
		e.code = Aborted
	}
	return nil, e
}
