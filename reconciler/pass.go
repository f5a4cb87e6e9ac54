package reconciler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/deadline"
)

// RetryMax is the longest wait before a pass that met a doubt is tried again.
const RetryMax = 8 * time.Second

// How long a pass waits for the cache of a run that has just begun, and for each list of the cache; and the first wait before a
// pass that met a doubt is tried again.
const (
	syncTimeout = 10 * time.Second
	listTimeout = 20 * time.Second
	retryFirst  = 500 * time.Millisecond
)

// pass is one look at every node of which something may have changed, now and then at all of them. It decides from state alone; what
// woke it does not matter.
type pass struct {
	*Reconciler
	ctx   context.Context
	nodes *nodeCache
	dirty *dirty

	names    map[string]struct{} // nodes to look at
	whole    bool                // or all that have volumes
	retry    bool                // something was kept on doubt: look again soon
	deadline time.Duration       // the end of the first grace period that runs, if deferred
	deferred bool
}

// pass runs one. It is cut short when ctx ends.
func (r *Reconciler) pass(ctx context.Context, nodes *nodeCache, d *dirty) *pass {
	p := &pass{Reconciler: r, ctx: ctx, nodes: nodes, dirty: d}
	begun := r.elapsed()
	r.metrics.add(r.metrics.begun, 1)
	r.cfg.Manager.ExpireMigrations()
	p.clearStale()
	if ctx.Err() == nil && !r.cfg.Manager.Clean() {
		p.retry = p.left("repair", p.call(r.cfg.Manager.Repair)) || p.retry
	}
	if r.cfg.Sweeper != nil && ctx.Err() == nil {
		p.retry = p.left("sweep", r.cfg.Sweeper.Sweep(ctx)) || p.retry
	}
	took := r.elapsed() - begun
	r.metrics.duration.Observe(took.Seconds())
	if took > r.cfg.Interval {
		r.metrics.add(r.metrics.overruns, 1)
	}
	r.metrics.add(r.metrics.ended, 1)
	return p
}

// left notes that a step of the pass has not done all, and reports whether that is so.
func (p *pass) left(step string, err error) bool {
	if err == nil || p.ctx.Err() != nil {
		return false
	}
	p.cfg.Logger.Info("Left for later", "step", step, "reason", err.Error())
	return true
}

// call bounds one call, so that it delays the rest of the pass and does not end it.
func (p *pass) call(do func(context.Context) error) error {
	ctx, cancel := deadline.With(p.ctx, p.cfg.Clock, p.cfg.CallTimeout)
	defer cancel()
	return do(ctx)
}

// clearStale is the pass proper: find the suspects, ask the API server about their nodes, clear what has been gone for the
// grace period.
func (p *pass) clearStale() {
	p.begin()
	held := p.cfg.Manager.Held()
	p.missing.keep(p.inUse)
	if held == 0 {
		return
	}
	var there view = p.cfg.Manager
	if !p.nodes.filled() {
		now := snapshot(there) // what comes while this pass waits is the next one's
		if !p.waitForCache() {
			p.dirty.addAll()
			p.failOpen(now.all(), "the cache of nodes is not filled yet")
			return
		}
		there = now
	}
	suspects := p.suspects(there)
	var due []attachment.Instance
	for _, name := range slices.Sorted(maps.Keys(suspects)) {
		if p.ctx.Err() != nil {
			return
		}
		due = append(due, p.judge(name, suspects[name])...)
	}
	if len(due) == 0 || !p.guarded(due, held) {
		return
	}
	for _, i := range due {
		if p.ctx.Err() != nil {
			return
		}
		if err := p.call(func(ctx context.Context) error { return p.clear(ctx, i) }); err != nil {
			p.retry = true
			p.cfg.Logger.Info("Kept a stale attachment", "instance", i.String(), "reason", err.Error())
		}
	}
}

// begin decides what to look at. A run that has just begun does not know yet what has changed.
func (p *pass) begin() {
	p.names, p.whole = p.dirty.take()
	if p.whole = p.whole || !p.nodes.filled(); p.whole {
		p.cfg.Manager.Fresh(func(string, string) bool { return true }) // they are among all
	}
}

// inUse reports whether an instance names the node in this way.
func (p *pass) inUse(k nodeKey) bool {
	return slices.ContainsFunc(p.cfg.Manager.On(k.name), func(i attachment.Instance) bool { return keyOf(i) == k })
}

// suspects returns the instances on suspect nodes, by name. A node is suspect if the cache does not show it. It stays suspect
// while its grace clock runs, for only a live read may stop the clock. What the read says of the name counts for every
// instance that names it, those too whose node an old cache shows still.
func (p *pass) suspects(there view) map[string][]attachment.Instance {
	var suspects map[string][]attachment.Instance
	p.visit(there, func(name, uid string) bool {
		if k := (nodeKey{name, uid}); p.nodes.has(k) && !p.missing.running(k) {
			return true
		}
		if suspects == nil {
			suspects = make(map[string][]attachment.Instance)
		}
		suspects[name] = nil
		return true
	})
	for name := range suspects {
		if on := there.On(name); len(on) > 0 {
			suspects[name] = on
			p.dirty.add(name)
		} else {
			delete(suspects, name) // they have gone meanwhile
		}
	}
	return suspects
}

// visit visits the nodes that may have become suspect since the last pass, or all that have volumes.
func (p *pass) visit(there view, visit func(name, uid string) bool) {
	if p.whole {
		there.Nodes(visit)
		return
	}
	p.cfg.Manager.Fresh(visit)
	for name := range p.names {
		for _, i := range there.On(name) {
			visit(name, i.UID)
		}
	}
}

// waitForCache waits for the first list of a run that has just begun.
func (p *pass) waitForCache() bool {
	synced := p.nodes.synced()
	timer := p.cfg.Clock.NewTimer(syncTimeout)
	defer timer.Stop()
	select {
	case <-synced:
		return true
	case <-timer.C():
	case <-p.ctx.Done():
	}
	return false
}

// judge asks the API server about one node, and returns which of the instances that name it are to be cleared.
func (p *pass) judge(name string, instances []attachment.Instance) (due []attachment.Instance) {
	var uid string
	var exists bool
	err := p.call(func(ctx context.Context) (err error) {
		uid, exists, err = p.read(ctx, name)
		return err
	})
	if err != nil {
		p.failOpen(instances, err.Error())
		return nil
	}
	now := p.elapsed()
	fresh := make(map[nodeKey]bool) // the clocks that this read has started
	for _, i := range instances {
		k := keyOf(i)
		cached := p.nodes.has(k)
		if exists && k.is(uid) {
			p.missing.stop(k)
			if !cached {
				p.failOpen([]attachment.Instance{i}, "the cache of nodes is too old")
			}
			continue
		}
		// The cache may still show the node. Two views that contradict each other are worth another look soon.
		p.retry = p.retry || cached
		since, started := p.missing.start(k, now)
		fresh[k] = fresh[k] || started
		if end := since + p.cfg.GracePeriod; now < end {
			p.putOff(end, fresh[k])
			continue
		}
		due = append(due, i)
	}
	return due
}

// read asks the API server itself for a node.
func (r *Reconciler) read(ctx context.Context, name string) (uid string, exists bool, err error) {
	node, err := r.cfg.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("get node %s: %w", name, err)
	}
	return string(node.UID), true, nil
}

// failOpen keeps instances on doubt.
func (p *pass) failOpen(kept []attachment.Instance, reason string) {
	if p.ctx.Err() != nil || len(kept) == 0 {
		return // nobody doubts: the run is over, or the last of them has just gone
	}
	p.retry = true
	p.metrics.add(p.metrics.failOpen, len(kept))
	p.cfg.Logger.Info("Kept attachments on doubt", "count", len(kept), "first", kept[0].String(), "reason", reason)
}

// putOff notes the end of a grace period.
func (p *pass) putOff(end time.Duration, first bool) {
	if first {
		p.metrics.add(p.metrics.graceDeferred, 1)
	}
	if !p.deferred || end < p.deadline {
		p.deadline, p.deferred = end, true
	}
}

// next is when the pass after this one, which began at begun, is due without a trigger.
func (p *pass) next(begun time.Duration, retries int) time.Duration {
	now := p.elapsed()
	at := begun + p.cfg.Interval
	if p.deferred {
		at = min(at, p.deadline)
	}
	if d, ok := p.cfg.Manager.NextDeadline(); ok {
		at = min(at, now+d-p.cfg.Manager.Elapsed())
	}
	if p.retry {
		at = min(at, now+min(retryFirst<<min(retries-1, 16), RetryMax))
	}
	return at
}
