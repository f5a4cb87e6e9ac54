package sched

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"
)

// ErrLimited is what a request fails with that its own client holds back for longer than its context lasts. It was never sent. The words
// are client-go's.
var ErrLimited = errors.New("client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline")

// Limit limits the requests of the process to the API server, as client-go's token bucket does: qps a second, and up to burst at once
// after a pause. Requests that are made in one step queue in the order of their labels. Call it before the first request. Unlike in
// client-go, a caller that goes away before its context's deadline leaves its token behind.
func (p *Process) Limit(qps float64, burst int) { p.limiter = rate.NewLimiter(rate.Limit(qps), burst) }

// queue lets a point wait for its token once the loop sees it.
func (c *call) queue(ctx context.Context, pt *Point) {
	deadline, bounded := ctx.Deadline()
	pt.Queue = func() {
		now := time.Now()
		token := c.proc.limiter.ReserveN(now, 1)
		wait := token.DelayFrom(now)
		if bounded && now.Add(wait).After(deadline) {
			token.CancelAt(now)
			c.refused, pt.Site, pt.Ready = true, nil, c.proc.loop.Now()
			return
		}
		pt.Ready += wait
		c.proc.mu.Lock()
		defer c.proc.mu.Unlock()
		c.sent = c.proc.loop.Now() + wait
	}
}
