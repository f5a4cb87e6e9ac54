package sim

import (
	"context"
	"sync"
	"time"
)

// deadline is a context that ends when the engine says so, as a step of its own. A timer of the standard library would end
// two contexts of one instant in an order that no seed decides.
type deadline struct {
	context.Context // for values
	until           time.Time
	done            chan struct{}

	mu    sync.Mutex
	err   error
	after []*func() // what AfterFunc was given; nil entries were stopped
}

// withDeadline returns a context that tells of a deadline and ends only by end, or with its parent.
func withDeadline(parent context.Context, until time.Time) *deadline {
	return &deadline{Context: parent, until: until, done: make(chan struct{})}
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) { return d.until, !d.until.IsZero() }

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.done }

// Err implements context.Context.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// end ends the context with an error; only the first call counts.
func (d *deadline) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return
	}
	d.err = err
	close(d.done)
	for _, f := range d.after {
		if *f != nil {
			go (*f)()
		}
	}
	d.after = nil
}

// AfterFunc lets contexts that are derived from this one follow it without a goroutine of their own (see package context).
func (d *deadline) AfterFunc(f func()) (stop func() bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		go f()
		return func() bool { return false }
	}
	entry := &f
	d.after = append(d.after, entry)
	return func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		was := d.err == nil && *entry != nil
		*entry = nil
		return was
	}
}
