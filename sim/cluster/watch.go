package cluster

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// unreadMax is how many events may wait in a watch's channel. The loop lets the receiver run after each delivery, so more
// than a few wait only if it is stuck; then the server ends the watch, as the real one does.
const unreadMax = 64

// watcher is an open watch: a cursor into a table's log. Its next event is one point of the scheduler; when that fires, the
// event goes to the receiver, and the one after it is offered.
//
// Bookmarks are not sent, and TimeoutSeconds does not end a watch: both only cost steps. Connections end when the scenario
// says so (Server.Disconnect).
type watcher struct {
	table  *table
	caller Caller
	proc   int
	label  string // of its deliveries, up to their number

	selected func(Object) bool
	initial  []Object // to be sent as ADDED before anything of the log
	cursor   int      // the number of the next change to look at
	first    int      // and of the first one that it looked at
	expired  bool     // the next event is 410 Gone
	closing  bool     // the connection broke: nothing comes any more but its end
	heard    bool     // the receiver has the watch in its hands
	offered  int      // events offered so far

	results chan watch.Event
	unhook  func() bool // stops listening to the end of the context

	mu    sync.Mutex // guards the rest, which the receiver's Stop touches too
	ended bool
	point *sched.Point // the event that waits to be delivered
}

// newWatcher returns a watch that is not open yet. It ends with the context, even if the server never hears of it.
func newWatcher(ctx context.Context, t *table, caller Caller, proc int) *watcher {
	w := &watcher{table: t, caller: caller, proc: proc, results: make(chan watch.Event, unreadMax)}
	w.unhook = context.AfterFunc(ctx, w.end)
	return w
}

// ResultChan implements watch.Interface.
func (w *watcher) ResultChan() <-chan watch.Event { return w.results }

// Stop implements watch.Interface.
func (w *watcher) Stop() {
	w.unhook()
	w.end()
}

// end closes the watch, from whatever side.
func (w *watcher) end() {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	w.ended = true
	close(w.results)
	pt := w.point
	w.point = nil
	w.mu.Unlock()
	if pt != nil {
		w.caller.Withdraw(pt)
	}
}

// open starts the watch: after a version it replays every change since; without one, and at "0", it begins with what
// exists.
func (w *watcher) open(namespace string, o metav1.ListOptions) error {
	t := w.table
	s := t.server
	selected, err := t.selector(namespace, o)
	if err != nil {
		return err
	}
	if o.SendInitialEvents != nil {
		return apierrors.NewInvalid(metav1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", field.ErrorList{
			field.Forbidden(field.NewPath("sendInitialEvents"), "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"),
		})
	}
	version, err := s.parse(o.ResourceVersion)
	if err != nil {
		return err
	}
	if version == 0 {
		for _, obj := range t.all() {
			if selected(obj) {
				w.initial = append(w.initial, obj)
			}
		}
		version = s.version
	}
	if version < t.forgotten {
		return expired(version, t.forgotten)
	}
	w.selected, w.first = selected, t.since(version)
	w.cursor = w.first
	base := "p" + strconv.Itoa(w.proc) + "/informer/deliver/" + t.resource
	s.opened[base]++
	w.label = base + "#" + strconv.Itoa(s.opened[base]) + "."
	t.watches = append(t.watches, w)
	return nil
}

// listen begins the deliveries, when the receiver is told that the watch is open. Earlier ones would gather in the channel,
// and be taken in one go that no point divides.
func (w *watcher) listen() {
	w.heard = true
	w.offer()
}

// wake offers the latest change to the watches that waited for one, and forgets those that have ended.
func (t *table) wake() {
	t.watches = slices.DeleteFunc(t.watches, func(w *watcher) bool { return w.over() })
	for _, w := range t.watches {
		w.offer()
	}
}

func (w *watcher) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended || w.caller.Cut()
}

func (w *watcher) waiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.point != nil
}

// event is what one delivery brings.
type event struct {
	kind   watch.EventType
	object runtime.Object // frozen
	as     uint64         // the resourceVersion to show it under; 0 is its own
	at     time.Duration  // of the change
}

// closed is the end of a connection, which its receiver sees as a channel that is closed.
const closed watch.EventType = "CLOSED"

// next looks for the next event, and passes over changes that are not selected.
func (w *watcher) next() (event, bool) {
	t := w.table
	if w.closing {
		return event{kind: closed, at: t.server.cfg.Loop.Now()}, true
	}
	if w.expired || w.cursor < t.base {
		status := expired(0, t.forgotten).(*apierrors.StatusError).ErrStatus
		return event{kind: watch.Error, object: &status, at: t.server.cfg.Loop.Now()}, true
	}
	if len(w.initial) > 0 {
		return event{kind: watch.Added, object: w.initial[0]}, true
	}
	for ; w.cursor < t.base+len(t.log); w.cursor++ {
		if e, ok := w.view(&t.log[w.cursor-t.base]); ok {
			return e, true
		}
	}
	return event{}, false
}

// view is a change as this watch sees it: what begins to be selected is ADDED, what is no longer selected is DELETED.
func (w *watcher) view(c *change) (event, bool) {
	was := c.before != nil && w.selected(c.before)
	is := c.kind != watch.Deleted && w.selected(c.now)
	switch {
	case was && is:
		return event{kind: watch.Modified, object: c.now, at: c.at}, true
	case is:
		return event{kind: watch.Added, object: c.now, at: c.at}, true
	case was && c.kind == watch.Deleted:
		return event{kind: watch.Deleted, object: c.now, at: c.at}, true
	case was:
		return event{kind: watch.Deleted, object: c.before, as: c.version, at: c.at}, true
	}
	return event{}, false
}

// offer makes a point of the next event, unless there is none, or one waits already, or there is an outage.
func (w *watcher) offer() {
	s := w.table.server
	if s.away || !w.heard || w.waiting() {
		return
	}
	next, ok := w.next()
	if !ok {
		return
	}
	label := w.label + strconv.Itoa(w.offered+1)
	ready := next.at
	if s.cfg.Lag != nil {
		ready += s.cfg.Lag(label)
	}
	pt := &sched.Point{
		Kind: trace.Deliver, Label: label, Proc: w.proc, Actor: "informer",
		Ready: max(ready, s.lags[w.table.resource], s.cfg.Loop.Now()),
	}
	pt.Fire = func(e *trace.Event, _ fault.Decision) { w.deliver(e) }
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	w.point = pt
	w.mu.Unlock()
	w.caller.Offer(pt)
}

// again takes the waiting event back and offers it anew, for the conditions have changed.
func (w *watcher) again() {
	w.mu.Lock()
	pt := w.point
	w.point = nil
	w.mu.Unlock()
	if pt != nil {
		w.caller.Withdraw(pt)
	}
	w.offer()
}

// deliver sends the event that waited.
func (w *watcher) deliver(e *trace.Event) {
	w.mu.Lock()
	w.point = nil
	w.mu.Unlock()
	next, ok := w.next()
	if !ok {
		return
	}
	w.offered++
	e.Verb, e.Resource = string(next.kind), w.table.resource
	if next.kind == closed {
		w.end()
		return
	}
	copied := next.object.DeepCopyObject()
	if obj, ok := copied.(Object); ok {
		if next.as > 0 {
			obj.SetResourceVersion(formatVersion(next.as))
		}
		e.Name, e.UID, e.Version = obj.GetName(), string(obj.GetUID()), obj.GetResourceVersion()
	}
	if !w.send(watch.Event{Type: next.kind, Object: copied}) || next.kind == watch.Error {
		w.end()
		return
	}
	if len(w.initial) > 0 {
		w.initial = w.initial[1:]
	} else {
		w.cursor++
	}
	w.offer()
}

// send hands an event to the receiver, and reports whether there was room. It never waits.
func (w *watcher) send(e watch.Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	select {
	case w.results <- e:
		return true
	default:
		return false
	}
}
