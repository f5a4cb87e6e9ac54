package sim

import (
	"context"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/holdfast-sim/holdfast/sim/clock"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// incarnation is one life of the system's process, from its start to its crash or to the end of the run.
type incarnation struct {
	engine   *engine
	proc     *sched.Process
	wall     *clock.Wall // of its machine
	sys      System
	registry *registry

	lead     *deadline // leadership: what Run was given; nil before the first
	running  bool      // Run has not returned yet
	leadAt   time.Duration
	life     atomic.Pointer[deadline] // what the last Start of a lifecycle burst was given
	halted   bool                     // a lifecycle burst left the reconciler stopped
	inflight map[int]*operation
	bursts   []*burst
	prober   *prober
	crew     crew // for operations
}

// operation is a call of the system under test.
type operation struct {
	num                int
	verb, volume, node string // node is the Node object's name
	mode               string
	ctx                *deadline
	timer              *sched.Point
	direct             bool   // a method of the Manager, which leadership bounds and not the system itself
	answer             string // what the method answered, in words
	gaveUp             bool
	// done is what the caller does with the result. It is not called when the caller has given up.
	done func(err error)
}

func (e *engine) newIncarnation() (*incarnation, error) {
	e.born++
	proc := e.loop.NewProcess(e.born)
	if c := e.scn.Spec.Client; c.QPS > 0 {
		proc.Limit(c.QPS, c.Burst)
	}
	in := &incarnation{engine: e, proc: proc, wall: e.wall.Own(), registry: newRegistry(), inflight: make(map[int]*operation)}
	rec, back := e.scn.Spec.Reconciler, e.scn.Spec.Backend
	sys, err := e.build(Env{
		Incarnation: e.born, Driver: driver, Client: e.server.Client(e.born, proc), Clock: clock.New(proc, in.wall), Backend: e.backend.Client(proc),
		Logger: logr.Discard(), Metrics: in.registry, Recorder: recorder{e.loop, proc},
		Settings: Settings{Interval: time.Duration(rec.Interval), Grace: time.Duration(rec.GracePeriod), MaxHolders: back.MaxHolders, Fence: back.Fence},
	})
	if err != nil {
		return nil, err
	}
	in.sys = sys
	in.prober = newProber(in)
	return in, nil
}

// adopt makes an incarnation the one that serves; it becomes leader in a step of its own.
func (e *engine) adopt(in *incarnation) {
	e.now = in
	in.offerLead(0)
}

// offerLead offers the moment at which the process becomes leader.
func (in *incarnation) offerLead(after time.Duration) {
	in.leadAt = in.engine.loop.Now() + after
	in.proc.Offer(&sched.Point{
		Kind: trace.Process, Label: in.proc.Label("process", "lead", "", ""), Actor: "process", Ready: in.leadAt,
		Fire: func(ev *trace.Event, _ fault.Decision) {
			ev.Verb = "lead"
			in.run()
		},
	})
}

// run calls Run, which lasts until leadership ends.
func (in *incarnation) run() {
	in.lead = withDeadline(sched.WithActor(quiet(), "run"), time.Time{})
	in.running, in.halted = true, false
	ctx := in.lead
	go func() {
		err := guard(func() error { return in.sys.Run(ctx) })
		in.proc.Offer(&sched.Point{
			Kind: trace.Process, Label: in.proc.Label("process", "stopped", "", ""), Actor: "process",
			Fire: func(ev *trace.Event, _ fault.Decision) {
				ev.Verb, ev.Code = "stopped", CodeOf(err)
				in.stopped(err)
			},
		})
	}()
}

// stopped follows Run's return. A Run that returned by itself is a process that ended: it starts again.
func (in *incarnation) stopped(err error) {
	in.running = false
	if in.engine.panicked(err) || in.engine.ending {
		return
	}
	switch e := in.engine; {
	case in == e.elder && in.lead.Err() == nil:
		e.endOverlap()
		return
	case in == e.elder:
		return // it waits for its end
	case in.lead.Err() == nil:
		e.crashNow(time.Second)
		return
	}
	in.offerLead(max(0, in.leadAt-in.engine.loop.Now()))
}

// depose ends leadership for a while.
func (in *incarnation) depose(away time.Duration) {
	if !in.leads() {
		return
	}
	in.leadAt = in.engine.loop.Now() + away
	in.engine.loop.Emit(trace.Event{Kind: trace.Process, Proc: in.proc.Num, Verb: "depose"})
	in.lead.end(context.Canceled)
	for _, op := range sortedOps(in.inflight) {
		if op.direct && !op.gaveUp {
			in.giveUp(op, context.Canceled)
		}
	}
}

// leads reports whether the process is leader.
func (in *incarnation) leads() bool { return in.running && in.lead.Err() == nil }

// crashNow kills the process, and the one before if there still is one. Another one starts after down.
func (e *engine) crashNow(down time.Duration) {
	if e.now == nil {
		return
	}
	e.endOverlap()
	in := e.now
	e.now = nil
	e.wake(in)
	in.die()
	e.revive = &sched.Point{
		Kind: trace.Process, Label: e.label("process", "start", ""), Actor: "process", Ready: e.loop.Now() + down,
		Fire: func(ev *trace.Event, _ fault.Decision) {
			e.revive = nil
			next, err := e.newIncarnation()
			must(err)
			ev.Verb, ev.Proc = "start", next.proc.Num
			e.adopt(next)
		},
	}
	e.loop.Offer(e.revive)
}

// die ends the process. Nothing that it had begun takes effect any more; its callers see a broken connection.
func (in *incarnation) die() {
	in.engine.loop.Emit(trace.Event{Kind: trace.Process, Proc: in.proc.Num, Verb: "crash"})
	in.proc.Kill()
	if in.lead != nil {
		in.lead.end(context.Canceled)
	}
	if ctx := in.life.Load(); ctx != nil {
		ctx.end(context.Canceled)
	}
	in.hangUp()
	in.release()
}

// release lets the goroutines go that serve the system.
func (in *incarnation) release() {
	in.prober.end()
	in.crew.end()
}

// hangUp breaks the connection to every caller.
func (in *incarnation) hangUp() {
	for _, op := range sortedOps(in.inflight) {
		if op.gaveUp {
			continue // its caller has been told, and may have called again since
		}
		in.giveUp(op, context.Canceled)
		op.done(errConnection)
	}
}

// start begins an operation of the system under test on a goroutine of its own; ev is the event of the step that does so.
func (in *incarnation) start(ev *trace.Event, op *operation, call func(ctx context.Context) error) {
	e := in.engine
	e.ops++
	op.num = e.ops
	ev.Proc, ev.Op, ev.Verb, ev.Volume, ev.Node, ev.Mode = in.proc.Num, op.num, op.verb, op.volume, op.node, op.mode
	actor := "op-" + strconv.Itoa(op.num)
	op.ctx = withDeadline(sched.WithActor(quiet(), actor), time.Now().Add(callTimeout))
	if e.guide != nil {
		e.guide.call(actor, op)
	}
	in.inflight[op.num] = op
	op.timer = in.deadlinePoint(op, actor)
	in.proc.Offer(op.timer)
	in.crew.do(func() {
		err := guard(func() error { return call(op.ctx) })
		in.proc.Offer(in.returnPoint(op, actor, err))
	})
}

// quiet is the root of the system's contexts: what client-go logs about injected faults goes nowhere.
func quiet() context.Context { return klog.NewContext(context.Background(), logr.Discard()) }

// deadlinePoint is the moment at which the caller gives up, and the handler's context ends with it, as gRPC does.
func (in *incarnation) deadlinePoint(op *operation, actor string) *sched.Point {
	return &sched.Point{
		Kind: trace.Wake, Label: in.proc.Label(actor, "wake", "deadline", op.volume), Actor: actor, Ready: in.engine.loop.Now() + callTimeout, Outside: true,
		Fire: func(ev *trace.Event, _ fault.Decision) {
			ev.Name, ev.Op = "deadline", op.num
			in.giveUp(op, context.DeadlineExceeded)
			op.done(context.DeadlineExceeded)
		},
	}
}

func (in *incarnation) returnPoint(op *operation, actor string, err error) *sched.Point {
	return &sched.Point{
		Kind: trace.Return, Label: in.proc.Label(actor, "return", op.verb, op.volume), Actor: actor,
		Site: &fault.Site{Proc: in.proc.Num, Actor: "sidecar", Verb: op.verb, Resource: fault.CSI, Name: op.volume},
		Fire: func(ev *trace.Event, d fault.Decision) {
			ev.Op, ev.Verb, ev.Volume, ev.Node, ev.Mode = op.num, op.verb, op.volume, op.node, op.mode
			ev.Code, ev.Late = CodeOf(err), op.gaveUp
			if ev.Message = op.answer; err != nil {
				ev.Message = err.Error()
			}
			delete(in.inflight, op.num)
			if in.engine.panicked(err) || op.gaveUp {
				return
			}
			in.proc.Withdraw(op.timer)
			if d.Effect == fault.ReplyLost {
				ev.Lost, ev.Fault, err = true, string(d.Effect), errConnection
			}
			op.done(err)
		},
	}
}

// giveUp is the caller leaving. The handler's context ends, the handler may run on.
func (in *incarnation) giveUp(op *operation, err error) {
	op.gaveUp = true
	in.proc.Withdraw(op.timer)
	op.ctx.end(err)
}

// aside calls something short of the system on a goroutine of its own, which the loop does not wait for: it may block, or panic.
func (in *incarnation) aside(actor, name string, f func()) {
	go func() {
		err := guard(func() error { f(); return nil })
		if err == nil {
			return
		}
		in.proc.Offer(&sched.Point{
			Kind: trace.Return, Label: in.proc.Label(actor, "return", name, ""), Actor: actor,
			Fire: func(ev *trace.Event, _ fault.Decision) {
				ev.Verb, ev.Code, ev.Message = name, CodeOf(err), err.Error()
				in.engine.panicked(err)
			},
		})
	}()
}

// panicked notes a panic of the system under test, which ends the run.
func (e *engine) panicked(err error) bool {
	p, ok := err.(*panicked)
	if ok && e.crash == nil {
		e.mu.Lock()
		e.crash = p
		e.mu.Unlock()
		e.loop.Emit(trace.Event{Kind: trace.Probe, Name: "panic", Message: p.Error()})
	}
	return ok
}

// guard calls f and turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f()
}
