package load

import (
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// still is a clock that stands still until it is moved, and whose timers never fire: a pass happens when it is asked for, and at no
// other time. Whatever else is asked of it is a nil dereference.
type still struct {
	clock.WithTicker
	elapsed atomic.Int64
}

func (c *still) move(d time.Duration) { c.elapsed.Add(int64(d)) }

func (c *still) Now() time.Time { return time.Unix(1_700_000_000, c.elapsed.Load()) }

func (c *still) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (c *still) NewTimer(time.Duration) clock.Timer { return never{} }

// never is a timer that does not fire.
type never struct{}

func (never) C() <-chan time.Time { return nil }

func (never) Stop() bool { return true }

func (never) Reset(time.Duration) bool { return true }
