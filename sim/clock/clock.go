// Package clock is the virtual clock of one incarnation of the system under test.
//
// It has the interfaces of k8s.io/utils/clock. Every wake-up of a timer is a point of the scheduler, so that two timers due at
// one instant fire in an order that the seed decides. The wall clock can be stepped: a step moves Now, and never Elapsed or a timer.
//
//	c := clock.New(process, wall)
//	<-c.After(time.Minute) // a point named p1/clock/wake/timer/1m0s#1
//	wall.Step(-time.Hour)  // Now is an hour earlier; timers do not care
package clock

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Elapser tells virtual time since the run began; sched.Loop is one.
type Elapser interface{ Now() time.Duration }

// Wall is the wall clock that a machine shows: the start of the run, the elapsed time, and the steps made so far.
type Wall struct {
	loop    Elapser
	start   time.Time
	stepped atomic.Int64
	common  *Wall // whose steps it follows; nil if it is the only one
}

// NewWall returns a wall clock that shows start when the run begins.
func NewWall(loop Elapser, start time.Time) *Wall { return &Wall{loop: loop, start: start} }

// Own returns the wall clock of one machine: it shows what w does, and follows its steps, until it is stepped itself.
func (w *Wall) Own() *Wall { return &Wall{loop: w.loop, start: w.start, common: w} }

// Step moves the wall clock by d, which may be negative.
func (w *Wall) Step(d time.Duration) { w.stepped.Add(int64(d)) }

// Now is what the wall clock shows. It has no monotonic reading.
func (w *Wall) Now() time.Time {
	off := time.Duration(w.stepped.Load())
	if w.common != nil {
		off += time.Duration(w.common.stepped.Load())
	}
	return w.start.Add(w.loop.Now() + off)
}

// Clock implements clock.WithTicker and tells the monotonic time by Elapsed.
type Clock struct {
	*Wall
	proc *sched.Process
}

var _ clock.WithTicker = (*Clock)(nil)

// New returns the clock of a process. Its timers go when the process is cut.
func New(proc *sched.Process, wall *Wall) *Clock { return &Clock{Wall: wall, proc: proc} }

// Elapsed is the virtual time since the run began. It is monotonic: steps of the wall clock do not move it.
func (c *Clock) Elapsed() time.Duration { return c.loop.Now() }

// Since is the difference of two wall-clock readings, wrong across a step as on a real machine.
func (c *Clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// After returns the channel of a new timer.
func (c *Clock) After(d time.Duration) <-chan time.Time { return c.NewTimer(d).C() }

// Sleep waits for d of virtual time.
func (c *Clock) Sleep(d time.Duration) { <-c.After(d) }

// Tick returns the channel of a new ticker.
func (c *Clock) Tick(d time.Duration) <-chan time.Time { return c.NewTicker(d).C() }

// NewTimer returns a timer that fires once after d.
func (c *Clock) NewTimer(d time.Duration) clock.Timer {
	t := &timer{clock: c, c: make(chan time.Time, 1)}
	t.arm(d)
	return t
}

// NewTicker returns a ticker that fires every d. It panics if d is not positive.
func (c *Clock) NewTicker(d time.Duration) clock.Ticker {
	if d <= 0 {
		panic("clock: a ticker's period must be positive")
	}
	t := &ticker{timer{clock: c, c: make(chan time.Time, 1), every: d}}
	t.arm(d)
	return t
}

type timer struct {
	clock *Clock
	c     chan time.Time
	every time.Duration // the period of a ticker; 0 fires once

	mu    sync.Mutex // guards the rest: a ticker arms itself on the loop's goroutine
	point *sched.Point
}

func (t *timer) C() <-chan time.Time { return t.c }

// Stop, as in the standard library since Go 1.23, takes back a wake-up that nobody has seen yet: none is stale.
func (t *timer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.disarm()
}

func (t *timer) Reset(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	active := t.disarm()
	t.arm(d)
	return active
}

func (t *timer) disarm() bool {
	active := t.clock.proc.Withdraw(t.point)
	select {
	case <-t.c:
		active = true
	default:
	}
	return active
}

// fire wakes the receiver. A full channel drops it, as the standard library's timers do.
func (t *timer) fire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case t.c <- t.clock.Now():
	default:
	}
	if t.every > 0 {
		t.arm(t.every)
	}
}

// arm offers the wake-up.
func (t *timer) arm(d time.Duration) {
	d = max(d, 0)
	t.point = &sched.Point{
		Kind: trace.Wake, Label: t.clock.proc.Label("clock", "wake", "timer", d.String()), Actor: "clock", Ready: t.clock.Elapsed() + d,
		Fire: func(e *trace.Event, _ fault.Decision) {
			e.Name = d.String()
			t.fire()
		},
	}
	t.clock.proc.Offer(t.point)
}

type ticker struct{ timer }

func (t *ticker) Stop() { t.timer.Stop() }
