package sched

import (
	"cmp"
	"container/heap"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Config is what a Loop needs.
type Config struct {
	Strategy Strategy
	// Together is how many points happen in one step, of different actors; 0 means one. What those actors then do has no order,
	// so that the race detector sees what a step by step run orders; for the same reason such a run is not repeatable.
	Together int
	// Beside is called in each step when its points have fired and what they woke has not run yet; nil does nothing.
	Beside func()
	// Source answers the decisions that belong to single requests: their latency, and what becomes of those that were given up.
	Source choice.Source
	// Decide is the fault plan; nil means no faults.
	Decide func(fault.Site) fault.Decision
	// Sink receives every event in order.
	Sink func(trace.Event)
	// Settled is called after each step, when all is still; it may Emit. nil does nothing.
	Settled func()
	// Crash is called when an effect says that a process dies at this point.
	Crash func(proc int)
	// LatencyMin and LatencyMax bound what a call takes.
	LatencyMin, LatencyMax time.Duration
}

// Loop is the scheduler of one run. Its methods belong to the goroutine that created it, except where they say otherwise.
// It must run inside a testing/synctest bubble, in a process whose GOMAXPROCS is 1 (see settle).
type Loop struct {
	cfg    Config
	start  time.Time
	step   int
	firing bool
	timer  *time.Timer // of sleep, kept for its space
	last   *Point      // the point that was taken last: whose actor ran last
	calls  int         // calls so far, for Event.ID

	frozen      map[int]bool // processes that stand still
	ready       []*Point     // by label
	future      byReady
	first, rest []*Point      // what candidates returns, kept for its space
	after       []trace.Event // what a point emitted while it fired, kept for its space

	mu     sync.Mutex // guards the rest, which any goroutine may touch
	labels map[string]bool
	fresh  []*Point
	notes  []trace.Event
	clash  int

	offered chan struct{} // holds a token if fresh is not empty
	sample  []metrics.Sample
}

// NewLoop returns a loop whose virtual time starts now.
func NewLoop(cfg Config) *Loop {
	return &Loop{
		cfg: cfg, start: time.Now(), last: &Point{}, labels: make(map[string]bool), offered: make(chan struct{}, 1),
		sample: []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}},
	}
}

// Now is the virtual time since the loop began, monotonic. Any goroutine may ask.
func (l *Loop) Now() time.Duration { return time.Since(l.start) }

// Steps is the number of steps so far.
func (l *Loop) Steps() int { return l.step }

// Clashes is the number of points whose label was already waiting: each is a named loss of determinism, for what tells the
// two apart is only the order in which they arrived.
func (l *Loop) Clashes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clash
}

// Offer adds a point. Any goroutine may call it.
func (l *Loop) Offer(p *Point) {
	l.mu.Lock()
	if l.labels[p.Label] {
		l.clash++
		for k := 2; ; k++ {
			if other := p.Label + "~" + strconv.Itoa(k); !l.labels[other] {
				p.Label = other
				break
			}
		}
	}
	l.labels[p.Label] = true
	l.fresh = append(l.fresh, p)
	l.mu.Unlock()
	select {
	case l.offered <- struct{}{}:
	default:
	}
}

// Withdraw takes a point back, and reports whether it was still waiting. Any goroutine may call it.
func (l *Loop) Withdraw(p *Point) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.gone {
		return false
	}
	p.gone = true
	delete(l.labels, p.Label)
	return true
}

// unseen reports whether a point was offered in the step that is going on: the loop has not looked at it yet.
func (l *Loop) unseen(p *Point) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.fresh, p)
}

// Later calls f with each point that is not due yet, in no order.
func (l *Loop) Later(f func(*Point)) {
	for _, p := range l.future {
		f(p)
	}
}

// Emit appends an observation to the step that is going on.
func (l *Loop) Emit(e trace.Event) {
	e.Step, e.At = l.step, l.Now()
	if l.firing {
		l.after = append(l.after, e)
		return
	}
	l.cfg.Sink(e)
}

// Note is Emit for any goroutine: what several of them note in one step is put into one order.
func (l *Loop) Note(e trace.Event) {
	l.mu.Lock()
	l.notes = append(l.notes, e)
	l.mu.Unlock()
}

// Run steps until stop returns true, steps run out, or nothing more can happen before the virtual time until. It reports
// whether it ended for one of the other reasons than running out of steps.
func (l *Loop) Run(until time.Duration, maxSteps int, stop func() bool) bool {
	for {
		if stop != nil && stop() {
			return true
		}
		if l.step >= maxSteps {
			return false
		}
		if l.Step() {
			continue
		}
		now := l.Now()
		if now >= until {
			return true
		}
		wait := until
		if len(l.future) > 0 && l.future[0].Ready < wait {
			wait = l.future[0].Ready
		}
		l.sleep(wait - now)
	}
}

// sleep lets virtual time pass, at most d, until somebody offers a point.
func (l *Loop) sleep(d time.Duration) {
	if l.timer == nil {
		l.timer = time.NewTimer(d)
	} else {
		l.timer.Reset(d)
	}
	select {
	case <-l.timer.C:
	case <-l.offered:
		l.timer.Stop()
	}
}

// Step lets one point happen and reports whether there was one.
func (l *Loop) Step() bool {
	l.Settle()
	l.collect()
	points := l.candidates()
	if len(points) == 0 {
		return false
	}
	l.step++
	l.pick(points)
	for n := 1; n < l.cfg.Together; n++ {
		if points := l.others(); len(points) > 0 {
			l.pick(points)
		}
	}
	if l.cfg.Beside != nil {
		l.cfg.Beside()
	}
	l.Settle()
	l.flush()
	if l.cfg.Settled != nil {
		l.cfg.Settled()
	}
	return true
}

// pick lets one of the points happen.
func (l *Loop) pick(points []*Point) {
	p := points[l.cfg.Strategy.Pick(points)]
	l.take(p)
	l.last = p
	l.fire(p)
}

// others returns what may happen besides, of other actors than the last; if there is nothing, the request, answer or delivery
// that is due next, as if it had been a little faster.
func (l *Loop) others() []*Point {
	mine := func(p *Point) bool { return p.Proc == l.last.Proc && p.Actor == l.last.Actor }
	if all := slices.DeleteFunc(l.candidates(), mine); len(all) > 0 {
		return all
	}
	next := -1
	for i, p := range l.future {
		if fast := p.Kind == trace.Call || p.Kind == trace.Reply || p.Kind == trace.Deliver; fast && !mine(p) && !l.withdrawn(p) && (next < 0 || l.future.Less(i, next)) {
			next = i
		}
	}
	if next < 0 || l.held(l.future[next]) {
		return nil
	}
	return []*Point{heap.Remove(&l.future, next).(*Point)}
}

func (l *Loop) withdrawn(p *Point) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return p.gone
}

func (l *Loop) fire(p *Point) {
	var d fault.Decision
	if p.Site != nil && l.cfg.Decide != nil {
		p.Site.Label, p.Site.At = p.Label, l.Now()
		d = l.cfg.Decide(*p.Site)
	}
	e := trace.Event{Step: l.step, At: l.Now(), Kind: p.Kind, Label: p.Label, Proc: p.Proc, Actor: p.Actor}
	if p.owner != nil {
		p.owner.forget(p)
	}
	l.firing = true // the point's own event comes first, but is complete only afterwards
	p.Fire(&e, d)
	l.firing = false
	l.cfg.Sink(e)
	for _, e := range l.after {
		l.cfg.Sink(e)
	}
	l.after = l.after[:0]
}

// Settle returns when no other goroutine of the process can run. Unlike synctest.Wait it does not mind goroutines that wait
// for a mutex whose holder is parked. It needs GOMAXPROCS=1: then nobody else runs while this goroutine looks.
func (l *Loop) Settle() {
	for {
		runtime.Gosched()
		metrics.Read(l.sample)
		if l.sample[0].Value.Uint64() == 0 {
			return
		}
	}
}

// collect moves fresh points to where they wait, and future ones whose time has come to the ready ones.
func (l *Loop) collect() {
	select {
	case <-l.offered:
	default:
	}
	l.mu.Lock()
	fresh := l.fresh
	l.fresh = nil
	l.mu.Unlock()
	queue(fresh)
	for _, p := range fresh {
		heap.Push(&l.future, p)
	}
	for now := l.Now(); len(l.future) > 0 && l.future[0].Ready <= now; {
		p := heap.Pop(&l.future).(*Point)
		i, _ := slices.BinarySearchFunc(l.ready, p, func(a, b *Point) int { return cmp.Compare(a.Label, b.Label) })
		l.ready = slices.Insert(l.ready, i, p)
	}
}

// queue lets points wait for their turns.
func queue(fresh []*Point) {
	var waiting []*Point
	for _, p := range fresh {
		if p.Queue != nil {
			waiting = append(waiting, p)
		}
	}
	slices.SortFunc(waiting, func(a, b *Point) int { return cmp.Compare(a.Label, b.Label) })
	for _, p := range waiting {
		p.Queue()
	}
}

// candidates returns what may happen now: the points of the actor that ran last, then the others, each by label. The slice
// is good until the next call.
func (l *Loop) candidates() []*Point {
	l.mu.Lock()
	l.ready = slices.DeleteFunc(l.ready, func(p *Point) bool { return p.gone })
	l.mu.Unlock()
	l.first, l.rest = l.first[:0], l.rest[:0]
	for _, p := range l.ready {
		switch {
		case l.held(p):
		case p.Proc == l.last.Proc && p.Actor == l.last.Actor:
			l.first = append(l.first, p)
		default:
			l.rest = append(l.rest, p)
		}
	}
	l.first = append(l.first, l.rest...)
	return l.first
}

func (l *Loop) take(p *Point) {
	l.ready = slices.DeleteFunc(l.ready, func(q *Point) bool { return q == p })
	l.Withdraw(p)
}

// flush appends what goroutines noted during the step.
func (l *Loop) flush() {
	l.mu.Lock()
	notes := l.notes
	l.notes = nil
	l.mu.Unlock()
	slices.SortStableFunc(notes, func(a, b trace.Event) int {
		return cmp.Compare(string(a.Kind)+a.Verb+a.Name+a.Message, string(b.Kind)+b.Verb+b.Name+b.Message)
	})
	for _, e := range notes {
		l.Emit(e)
	}
}

// byReady is a heap of points, the earliest first, then by label.
type byReady []*Point

func (h byReady) Len() int { return len(h) }
func (h byReady) Less(i, j int) bool {
	return h[i].Ready < h[j].Ready || h[i].Ready == h[j].Ready && h[i].Label < h[j].Label
}
func (h byReady) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byReady) Push(x any)   { *h = append(*h, x.(*Point)) }
func (h *byReady) Pop() any {
	old := *h
	p := old[len(old)-1]
	*h = old[:len(old)-1]
	return p
}
