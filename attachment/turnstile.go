package attachment

import (
	"context"
	"sync"
)

// turnstile lets one at a time pass per volume. It is a lock that is waited for with a context, may be held over I/O (no
// mutex may), and takes no memory for a volume that nobody uses.
type turnstile struct {
	mu    sync.Mutex
	slots map[string]*slot
	idle  []*slot // for the next ones
}

// idleMax bounds the slots that are kept although nobody uses them.
const idleMax = 16

type slot struct {
	// Invariant: users counts the owner and all who wait; the slot is in the map exactly if users > 0.
	users int
	owner chan struct{} // holds one while the slot is owned
}

func newTurnstile() *turnstile { return &turnstile{slots: map[string]*slot{}} }

// acquire waits for the volume until ctx ends. Waiters go in the order in which they came.
func (t *turnstile) acquire(ctx context.Context, volume string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.mu.Lock()
	s := t.slots[volume]
	if s == nil {
		s = t.open(volume)
	}
	s.users++
	t.mu.Unlock()

	select {
	case s.owner <- struct{}{}:
		if ctx.Err() == nil {
			return nil
		}
		<-s.owner // both were ready: the answer must not depend on which one select took
	case <-ctx.Done():
	}
	t.leave(volume, s)
	return context.Cause(ctx)
}

// open makes the slot of a volume that has none. The caller has the lock.
func (t *turnstile) open(volume string) *slot {
	var s *slot
	if n := len(t.idle); n > 0 {
		s, t.idle = t.idle[n-1], t.idle[:n-1]
	} else {
		s = &slot{owner: make(chan struct{}, 1)}
	}
	t.slots[volume] = s
	return s
}

// try takes the volume if nobody has it.
func (t *turnstile) try(volume string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.slots[volume] != nil {
		return false
	}
	s := t.open(volume)
	s.users++
	s.owner <- struct{}{} // never blocks: nobody uses the slot
	return true
}

// release lets the next one pass.
func (t *turnstile) release(volume string) {
	t.mu.Lock()
	s := t.slots[volume]
	t.mu.Unlock()
	<-s.owner
	t.leave(volume, s)
}

func (t *turnstile) leave(volume string, s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(t.slots, volume)
		if len(t.idle) < idleMax {
			t.idle = append(t.idle, s)
		}
	}
}

func (t *turnstile) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.slots)
}
