package sim

import "sync"

// crew runs functions on goroutines that it keeps: the stack of a new one has to grow again for every call of a system, which
// costs more than the step that makes the call.
type crew struct {
	mu    sync.Mutex
	idle  []chan func()
	ended bool
}

// do runs f on a goroutine of its own.
func (c *crew) do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := len(c.idle) - 1; last >= 0 {
		c.idle[last] <- f
		c.idle = c.idle[:last]
		return
	}
	jobs := make(chan func(), 1)
	jobs <- f
	go func() {
		for f := range jobs {
			f()
			c.rest(jobs)
		}
	}()
}

// rest notes that a goroutine has nothing to do, or lets it go.
func (c *crew) rest(jobs chan func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		close(jobs)
		return
	}
	c.idle = append(c.idle, jobs)
}

// end lets every goroutine go: those that rest now, the others when they are done.
func (c *crew) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, jobs := range c.idle {
		close(jobs)
	}
	c.idle = nil
}
