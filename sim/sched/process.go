package sched

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// ErrCut is what a crashed incarnation's calls return: nobody is meant to see it, for the process is gone.
var ErrCut = errors.New("the process of this call has crashed")

// Process is one incarnation of the system under test: the source of requests that are cut off together when it crashes.
type Process struct {
	// Num is the incarnation's number, from 1.
	Num int

	loop  *Loop
	cut   chan struct{}
	after atomic.Int64 // calls that ended with ErrCut

	mu       sync.Mutex
	ordinals map[string]*int
	label    []byte // the last label, kept for its space
	waiting  map[*Point]bool
	limiter  *rate.Limiter // nil is no limit
}

// NewProcess returns an incarnation.
func (l *Loop) NewProcess(num int) *Process {
	return &Process{Num: num, loop: l, cut: make(chan struct{}), ordinals: make(map[string]*int), waiting: make(map[*Point]bool)}
}

// Label makes the label of a point of this process: parts joined by slashes, and the ordinal of that very combination.
func (p *Process) Label(actor, verb, resource, name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := append(p.label[:0], 'p')
	b = strconv.AppendInt(b, int64(p.Num), 10)
	for _, part := range [...]string{actor, verb, resource, name} {
		b = append(b, '/')
		b = append(b, part...)
	}
	n, ok := p.ordinals[string(b)]
	if !ok {
		n = new(int)
		p.ordinals[string(b)] = n
	}
	*n++
	b = append(b, '#')
	p.label = strconv.AppendInt(b, int64(*n), 10)
	return string(p.label)
}

// Offer adds a point that goes when the process is cut. Any goroutine may call it.
func (p *Process) Offer(pt *Point) {
	pt.Proc, pt.owner = p.Num, p
	p.mu.Lock()
	dead := p.waiting == nil
	if !dead {
		p.waiting[pt] = true
	}
	p.mu.Unlock()
	if !dead {
		p.loop.Offer(pt)
	}
}

// Withdraw takes a point back and reports whether it was still waiting. Any goroutine may call it.
func (p *Process) Withdraw(pt *Point) bool {
	p.forget(pt)
	return p.loop.Withdraw(pt)
}

func (p *Process) forget(pt *Point) {
	p.mu.Lock()
	delete(p.waiting, pt)
	p.mu.Unlock()
}

// Kill cuts the process: its waiting points go, its calls return ErrCut, and it offers nothing any more.
func (p *Process) Kill() {
	p.mu.Lock()
	waiting := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	if waiting == nil {
		return
	}
	for pt := range waiting {
		p.loop.Withdraw(pt)
	}
	close(p.cut)
}

// afterMax is how many calls of a dead process end. That is room for goroutines to end by; one that goes on without end
// tries again without pause, and would keep the run from ever being still.
const afterMax = 10_000

// bury keeps the caller for ever if too many calls were made after the process was cut.
func (p *Process) bury() {
	if p.after.Add(1) > afterMax {
		select {}
	}
}

// Cut reports whether the process was killed.
func (p *Process) Cut() bool {
	select {
	case <-p.cut:
		return true
	default:
		return false
	}
}
