package load

import (
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// still is a clock that stands still until it is moved. Whatever else is asked of it is a nil dereference.
type still struct {
	clock.WithTicker

	mu      sync.Mutex // guards the rest
	elapsed time.Duration
	timers  []*timer
}

// move moves the clock, and fires the timers whose time has come.
func (c *still) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.elapsed += d
	c.timers = slices.DeleteFunc(c.timers, func(t *timer) bool {
		if t.at > c.elapsed {
			return false
		}
		t.c <- c.time()
		return true
	})
}

// awaited reports whether a timer is set for exactly d from now.
func (c *still) awaited(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.timers, func(t *timer) bool { return t.at == c.elapsed+d })
}

func (c *still) time() time.Time { return time.Unix(1_700_000_000, int64(c.elapsed)) }

func (c *still) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time()
}

func (c *still) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (c *still) NewTimer(d time.Duration) clock.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, at: c.elapsed + d, c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- c.time()
	} else {
		c.timers = append(c.timers, t)
	}
	return t
}

// timer fires once. Nobody sets one anew: Reset is a nil dereference.
type timer struct {
	clock.Timer
	clock *still
	at    time.Duration
	c     chan time.Time
}

func (t *timer) C() <-chan time.Time { return t.c }

func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	i := slices.Index(t.clock.timers, t)
	if i < 0 {
		return false
	}
	t.clock.timers = slices.Delete(t.clock.timers, i, i+1)
	return true
}
