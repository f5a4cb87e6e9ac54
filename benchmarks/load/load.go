// Package load puts a Manager and a Reconciler under a load of any size, without a cluster and without waiting, so that what a pass
// costs can be measured.
//
//	l, err := load.New(load.Shape{Attachments: 100_000, Stale: 0.01})
//	defer l.Close()
//	l.Pass()                     // a whole pass in which nothing has changed
//	l.Clear()                    // the grace periods end: a pass that clears 1,000 attachments
//	l.Restore()                  // the same once more
//
// Nothing here waits for time: the clock stands still and is moved by hand, and the API server answers at once and counts what it is
// asked. So all processor time that passes is that of the Manager, of the Reconciler and of the client's cache.
package load

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/reconciler"
)

// PerNode is how many attachments a node has.
const PerNode = 10

// Shape says how large a load is.
type Shape struct {
	// Attachments is their number, over a tenth as many nodes.
	Attachments int
	// Stale is the share of the attachments whose nodes do not exist, between 0 and 1. It is made of whole nodes, at least one unless
	// it is 0.
	Stale float64
}

// nodes are all, and those that are gone.
func (s Shape) nodes() (all, gone int) {
	all = nodes(s.Attachments)
	return all, min(all, int(math.Ceil(s.Stale*float64(all))))
}

// Load is a Manager and a Reconciler that runs.
type Load struct {
	Manager *attachment.Manager
	shape   Shape
	clock   *still
	api     *api
	loop    *reconciler.Reconciler
	ended   chan struct{} // a pass has ended
	names   names
}

// spare is a node without volumes.
const spare = "node-without-volumes"

// names are made once: what is measured is not how strings are made.
type names struct{ volumes, nodes []string }

// Volume is the name of the i-th volume.
func Volume(i int) string { return fmt.Sprintf("pvc-%08d", i) }

// Node is the name of the node that the i-th of n volumes is attached to. Neighbours in the order of volumes are on different nodes.
func Node(i, n int) string { return fmt.Sprintf("node-%07d", i%nodes(n)) }

// nodes is how many n volumes are attached to.
func nodes(n int) int { return max(1, n/PerNode) }

// Filled is a Manager with n attachments in memory, and no Reconciler.
func Filled(n int) (*attachment.Manager, error) {
	m, err := attachment.NewManager(nil)
	if err != nil {
		return nil, err
	}
	for i := range n {
		if err := m.TrackAttachment(context.Background(), Volume(i), Node(i, n)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// New makes a load. Its first pass, in which the grace periods of missing nodes begin, is over.
func New(shape Shape) (*Load, error) {
	if shape.Attachments < 1 || shape.Stale < 0 || shape.Stale > 1 {
		return nil, fmt.Errorf("a load of %d attachments, %g of them stale: there must be one, and a share between 0 and 1", shape.Attachments, shape.Stale)
	}
	all, gone := shape.nodes()
	l := &Load{shape: shape, clock: new(still), ended: make(chan struct{}), names: name(shape.Attachments, all)}
	l.api = newAPI(append(slices.Clip(l.names.nodes[gone:]), spare)) // no nodes at all would be an answer to be doubted
	var err error
	if l.Manager, err = attachment.NewManager(nil, attachment.WithClock(l.clock)); err != nil {
		return nil, fmt.Errorf("make a load: %w", err)
	}
	for i := range shape.Attachments {
		if err := l.track(i); err != nil {
			return nil, fmt.Errorf("make a load: %w", err)
		}
	}
	l.loop, err = reconciler.New(reconciler.Config{
		Manager: l.Manager, Client: l.api, Clock: l.clock, SettleTime: -1, Interval: math.MaxInt64 / 2, Sweeper: sweeper(l.ended),
	})
	if err == nil {
		err = l.loop.Start(context.Background())
	}
	if err != nil {
		return nil, fmt.Errorf("make a load: %w", err)
	}
	<-l.ended
	for !l.api.watched() { // it is opened beside the first pass
		runtime.Gosched()
	}
	return l, nil
}

func name(volumes, nodes int) (n names) {
	for i := range volumes {
		n.volumes = append(n.volumes, Volume(i))
	}
	for i := range nodes {
		n.nodes = append(n.nodes, Node(i, volumes))
	}
	return n
}

// track attaches the i-th volume to its node.
func (l *Load) track(i int) error {
	node := l.names.nodes[i%len(l.names.nodes)]
	return l.Manager.TrackAttachmentWithMode(context.Background(), l.names.volumes[i], node, attachment.ReadWriteOnce, attachment.WithUID(uidOf(node)))
}

// volumesOn are the numbers of a node's volumes.
func (l *Load) volumesOn(node int) (some []int) {
	for i := node; i < l.shape.Attachments; i += len(l.names.nodes) {
		some = append(some, i)
	}
	return some
}

// attach attaches all volumes of a node.
func (l *Load) attach(node int) error {
	for _, i := range l.volumesOn(node) {
		if err := l.track(i); err != nil {
			return fmt.Errorf("attach the volumes of %s: %w", l.names.nodes[node], err)
		}
	}
	return nil
}

// sweeper is called by the Reconciler near the end of each pass, which makes it a signal.
type sweeper chan struct{}

func (s sweeper) Sweep(ctx context.Context) error {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
	}
	return nil
}

// Pass asks for a pass and waits for its end.
func (l *Load) Pass() {
	l.loop.Trigger()
	<-l.ended
}

// Clear lets the grace periods of stale attachments end, of which there must be some, and waits for the pass that clears what is stale.
func (l *Load) Clear() {
	grace := l.loop.GetGracePeriod()
	for !l.clock.awaited(grace) { // a timer that is set later would be late by as much as the clock has moved
		runtime.Gosched()
	}
	l.clock.move(grace)
	<-l.ended
}

// Event deletes a node that has no volumes and waits for the pass that this begins, which has nothing to look at; the node comes again.
func (l *Load) Event() {
	l.api.remove(spare)
	<-l.ended
	l.api.add(spare)
}

// Stale is the number of attachments whose nodes are gone.
func (l *Load) Stale() (n int) {
	_, gone := l.shape.nodes()
	for node := range gone {
		n += len(l.volumesOn(node))
	}
	return n
}

// Held is the number of attachments.
func (l *Load) Held() int { return l.Manager.Held() }

// Lose deletes a node, waits for the pass that this begins, lets the grace period end, and waits for the pass that clears its
// attachments.
func (l *Load) Lose(node int) {
	l.api.remove(l.names.nodes[node])
	<-l.ended
	l.Clear()
}

// Regain makes the node again, and its attachments.
func (l *Load) Regain(node int) error {
	l.api.add(l.names.nodes[node])
	l.Pass() // its grace clock is forgotten
	return l.attach(node)
}

// Restore attaches again what was cleared, and begins the grace periods: afterwards the load is as it was new.
func (l *Load) Restore() error {
	l.Pass() // the clocks of nodes that nobody names any more are forgotten
	_, gone := l.shape.nodes()
	for node := range gone {
		if err := l.attach(node); err != nil {
			return err
		}
	}
	l.Pass()
	return nil
}

// Calls are the requests that the API server has got since the last call of Calls.
func (l *Load) Calls() int { return int(l.api.calls.Swap(0)) }

// Close ends the Reconciler.
func (l *Load) Close() { l.loop.Stop() }
