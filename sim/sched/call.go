package sched

import (
	"context"
	"time"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Request is a call that an actor makes to a simulated server. All its functions run on the loop's goroutine.
type Request struct {
	Verb     string // get, list, watch, create, update, patch, delete; grant, revoke, fence, exists
	Resource string // nodes, persistentvolumes, ...; fault.Backend for the storage backend
	Name     string
	// About fills in what call and reply are about (Volume, Node, Epoch), whatever becomes of the request; nil if nothing.
	About func(e *trace.Event)
	// Do takes effect and returns the answer. It fills in what the call event should say (Volume, Node, UID, Version, Record, ...).
	// The effects EmptyList, PartialList and StaleRead are its business, and it clears the event's Fault if they had none; all others are
	// the caller's.
	Do func(e *trace.Event, d fault.Decision) (any, error)
	// Fail makes the error that an injected effect shows to the caller, in the words of the server (an API status, a storage error).
	Fail func(fault.Effect) error
	// Seen fills in what the reply event should say of the answer (UID, Count, ...); nil if nothing.
	Seen func(e *trace.Event, answer any)
	// Code turns an error of Do or Fail into the event's Code; nil is "OK".
	Code func(error) string
}

// hangMax is when a connection that gives no answer is found to be dead: client-go pings an HTTP/2 connection after 30 s of
// silence and waits 15 s for the answer (golang.org/x/net/http2, ReadIdleTimeout and PingTimeout as client-go sets them).
const hangMax = 45 * time.Second

// call is a request on its way.
type call struct {
	Request
	proc   *Process
	actor  string
	label  string
	id     int
	answer chan answer // holds one
	point  *Point      // what waits: the request, then its reply; nil when neither does. Guarded by the process.
	gone   bool        // the caller went away. Guarded by the process.
	deaf   bool        // the end of the caller's context does not reach it. Guarded by the process.

	refused bool          // its own client says no. The loop's goroutine alone looks.
	sent    time.Duration // when its own client lets it go. Guarded by the process.
}

type answer struct {
	value any
	err   error
}

// Call makes a request in the name of the context's actor, and waits for its answer, the end of the context, or the end of
// the process. A request whose caller goes away before it took effect may still do so: that is a decision of its own.
func (p *Process) Call(ctx context.Context, r Request) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	actor := Actor(ctx)
	c := &call{Request: r, proc: p, actor: actor, label: p.Label(actor, r.Verb, r.Resource, r.Name), answer: make(chan answer, 1)}
	before, after := p.loop.latency(c.label)
	pt := &Point{
		Kind: trace.Call, Label: c.label, Actor: actor, Ready: p.loop.Now() + before,
		Site: &fault.Site{Proc: p.Num, Actor: actor, Verb: r.Verb, Resource: r.Resource, Name: r.Name},
		Fire: func(e *trace.Event, d fault.Decision) { c.fire(e, d, after) },
	}
	if p.limiter != nil && r.Resource != fault.Backend {
		c.queue(ctx, pt)
	}
	c.offer(pt)
	select {
	case a := <-c.answer:
		return a.value, a.err
	case <-ctx.Done():
		if a, ok := c.waitDeaf(); ok {
			return a.value, a.err
		}
	case <-p.cut:
	}
	c.giveUp()
	if p.Cut() {
		p.bury()
		return nil, ErrCut
	}
	return nil, ctx.Err()
}

// waitDeaf waits for the answer of a call that the end of a context does not reach. It is false if the call is none, or if
// the process ends.
func (c *call) waitDeaf() (answer, bool) {
	c.proc.mu.Lock()
	deaf := c.deaf
	c.proc.mu.Unlock()
	if !deaf {
		return answer{}, false
	}
	select {
	case a := <-c.answer:
		return a, true
	case <-c.proc.cut:
		return answer{}, false
	}
}

// latency draws the time of a call, and splits it into the way there and the way back.
func (l *Loop) latency(label string) (before, after time.Duration) {
	whole := l.cfg.LatencyMin
	if span := l.cfg.LatencyMax - l.cfg.LatencyMin; span > 0 {
		whole += span * time.Duration(l.cfg.Source.Choose("latency/"+label, 1001)) / 1000
	}
	return whole / 2, whole - whole/2
}

func (c *call) offer(pt *Point) {
	c.proc.mu.Lock()
	c.point = pt
	c.proc.mu.Unlock()
	c.proc.Offer(pt)
}

// giveUp is the caller leaving: nobody waits for the reply, and a request that has not taken effect may be lost. One that
// was made in this very step was never sent: whether its context ended a moment before or after is an order of goroutines
// that nobody controls.
func (c *call) giveUp() {
	c.proc.mu.Lock()
	pt, queued := c.point, c.proc.loop.Now() < c.sent
	c.gone = true
	c.proc.mu.Unlock()
	if pt == nil {
		return
	}
	if queued || pt.Kind == trace.Reply || c.proc.loop.unseen(pt) || c.proc.loop.cfg.Source.Choose("givenUp/"+c.label, 2) == 0 {
		c.proc.Withdraw(pt)
	}
}

// fire is the moment at which the request takes effect, or does not.
func (c *call) fire(e *trace.Event, d fault.Decision, after time.Duration) {
	l := c.proc.loop
	l.calls++
	c.id = l.calls
	c.fill(e)
	if c.refused {
		e.Code = c.Code(ErrLimited)
		c.reply(answer{err: ErrLimited}, d, 0)
		return
	}
	if !d.Effect.Meets(c.Verb, c.Resource) {
		d = fault.Decision{}
	}
	e.Fault, e.Limit, e.Late = string(d.Effect), d.For, c.left()
	switch d.Effect {
	case fault.Hang:
		err := c.Fail(d.Effect)
		e.Code = c.Code(err)
		c.reply(answer{err: err}, d, hangMax)
	case fault.CrashBefore:
		e.Code = "Crash"
		l.cfg.Crash(c.proc.Num)
	case fault.CrashAfter:
		_, err := c.Do(e, d)
		e.Code = c.Code(err)
		l.cfg.Crash(c.proc.Num)
	case fault.ReplyLost, fault.ErrorAfter:
		_, err := c.Do(e, d)
		e.Code = c.Code(err)
		c.reply(answer{err: c.Fail(d.Effect)}, d, after)
	case fault.LateEffect:
		err := c.Fail(d.Effect)
		e.Code = c.Code(err)
		c.late(d)
		c.reply(answer{err: err}, d, after)
	case fault.Latency, fault.Deaf:
		v, err := c.Do(e, d)
		e.Code = c.Code(err)
		if d.Effect == fault.Deaf {
			c.stopEars()
		}
		c.reply(answer{v, err}, d, after+d.For)
	case fault.None, fault.EmptyList, fault.PartialList, fault.StaleRead:
		v, err := c.Do(e, d)
		e.Code = c.Code(err)
		d.Effect = fault.Effect(e.Fault) // the server knows whether it could have any
		c.reply(answer{v, err}, d, after)
	default:
		err := c.Fail(d.Effect)
		e.Code = c.Code(err)
		c.reply(answer{err: err}, d, after)
	}
}

func (c *call) fill(e *trace.Event) {
	e.ID, e.Verb, e.Resource, e.Name = c.id, c.Verb, c.Resource, c.Name
	if c.About != nil {
		c.About(e)
	}
}

func (c *call) stopEars() {
	c.proc.mu.Lock()
	c.deaf = true
	c.proc.mu.Unlock()
}

func (c *call) offerNothing() {
	c.proc.mu.Lock()
	c.point = nil
	c.proc.mu.Unlock()
}

// left reports whether the caller went away.
func (c *call) left() bool {
	c.proc.mu.Lock()
	defer c.proc.mu.Unlock()
	return c.gone
}

// reply offers the moment at which the caller sees the answer.
func (c *call) reply(a answer, d fault.Decision, after time.Duration) {
	if c.left() {
		return
	}
	c.offer(&Point{
		Kind: trace.Reply, Label: c.label + "/reply", Actor: c.actor, Ready: c.proc.loop.Now() + after,
		Fire: func(e *trace.Event, _ fault.Decision) {
			c.fill(e)
			e.Code, e.Fault = c.Code(a.err), string(d.Effect)
			if a.err != nil {
				e.Message = a.err.Error()
			} else if c.Seen != nil {
				c.Seen(e, a.value)
			}
			c.offerNothing()
			c.answer <- a
		},
	})
}

// late offers the moment at which a request whose caller was told of a timeout takes effect after all. It belongs to the
// server: the caller's death does not stop it.
func (c *call) late(d fault.Decision) {
	l := c.proc.loop
	l.Offer(&Point{
		Kind: trace.Call, Label: c.label + "/late", Proc: c.proc.Num, Actor: c.actor, Ready: l.Now() + d.For, Outside: true,
		Fire: func(e *trace.Event, _ fault.Decision) {
			c.fill(e)
			e.Fault, e.Late = string(fault.LateEffect), true
			_, err := c.Do(e, fault.Decision{})
			e.Code = c.Code(err)
		},
	})
}
