package reconciler

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// run is one life of the loop, from Start to Stop or to the end of Start's context. All that belongs to it is made anew for
// the next one, so that no two runs can share, close or wait for each other's channels.
type run struct {
	*Reconciler
	parent context.Context // Start's
	ctx    context.Context // ends with parent and with Stop
	cancel context.CancelFunc
	wake   chan struct{}   // capacity 1: triggers coalesce
	before <-chan struct{} // the run before this one is over; nil if there was none
	over   chan struct{}   // nothing of this run happens any more
	dirty  dirty           // what the next pass has to look at
}

// Start starts the loop and returns at once; a first pass runs as soon as the loop does. The calls of all passes are made in
// a context derived from ctx, and the loop ends when it ends. Start is refused with ErrRunning while the loop runs, and
// works again after Stop, or after ctx has ended.
func (r *Reconciler) Start(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("start reconciler: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := &run{Reconciler: r, wake: make(chan struct{}, 1), over: make(chan struct{})}
	if r.run != nil {
		if r.run.running() {
			return fmt.Errorf("start reconciler: %w", ErrRunning)
		}
		next.before = r.run.over // it may still be on its way out, and there is one loop at most
	}
	next.parent = ctx
	next.ctx, next.cancel = context.WithCancel(ctx)
	r.run = next
	go next.loop()
	return nil
}

// Stop ends the loop, and the call that it may be waiting for, and returns when nothing happens any more. It may be called
// at any time, by several goroutines, and again.
func (r *Reconciler) Stop() {
	if n := r.current(); n != nil {
		n.cancel()
		<-n.over
	}
}

// Trigger asks for a pass now. Triggers that arrive before that pass begins are one. While the reconciler does not run it
// does nothing: the next Start begins with a pass anyway.
func (r *Reconciler) Trigger() {
	if n := r.current(); n != nil {
		n.dirty.addAll()
		n.nudge()
	}
}

func (r *Reconciler) current() *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run
}

// running is false from the moment at which the run is told to end. The end of a context that is not of the standard
// library reaches the derived one a little later, so the parent is asked too.
func (n *run) running() bool { return n.parent.Err() == nil && n.ctx.Err() == nil }

// lost is told that a node is not there any more.
func (n *run) lost(name string) {
	n.dirty.add(name)
	n.nudge()
}

func (n *run) nudge() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *run) loop() {
	defer close(n.over)
	defer n.cancel()
	if n.before != nil {
		<-n.before
	}
	if n.ctx.Err() != nil {
		return
	}
	// Nobody watched the nodes until now: a node of unknown uid may have come and gone.
	n.missing.keep(func(k nodeKey) bool { return k.uid != "" })
	nodes := newNodeCache(n.cfg.Client, n.cfg.Clock, n.lost, func(name string) { n.missing.stop(nodeKey{name: name}) })
	var watching sync.WaitGroup
	defer watching.Wait()
	defer n.cancel()
	watching.Go(func() { nodes.run(n.ctx) })

	n.dirty.addAll() // of what happened before, nobody has told this run
	for retries, whole := 0, n.elapsed(); ; {
		select { // what has been asked for until here, this pass answers
		case <-n.wake:
		default:
		}
		begun := n.elapsed()
		if begun-whole >= n.cfg.Interval {
			n.dirty.addAll()
		}
		p := n.pass(n.ctx, nodes, &n.dirty)
		if p.whole {
			whole = begun
		}
		if p.retry {
			retries++
		} else {
			retries = 0
		}
		if n.ctx.Err() != nil || !n.sleep(p.next(begun, retries)) {
			return
		}
	}
}

// sleep waits until the reading of the clock is at, or until a trigger has arrived and settled. It is false when the run is
// over. Two passes are a settle time apart in any case.
func (n *run) sleep(at time.Duration) bool {
	timer := n.cfg.Clock.NewTimer(max(at-n.elapsed(), n.cfg.SettleTime, 0))
	defer timer.Stop()
	select {
	case <-n.ctx.Done():
	case <-timer.C():
	case <-n.wake:
		timer.Stop()
		n.settle()
	}
	return n.ctx.Err() == nil
}

// settle lets more triggers come before the pass that answers them all.
func (n *run) settle() {
	if n.cfg.SettleTime < 0 {
		return
	}
	timer := n.cfg.Clock.NewTimer(n.cfg.SettleTime)
	defer timer.Stop()
	select {
	case <-n.ctx.Done():
	case <-timer.C():
	}
}
