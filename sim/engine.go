package sim

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/clock"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// driver is the CSI driver's name in every simulated cluster.
const driver = "csi.holdfast.dev"

// idleGap is the length of virtual time without a step from which on it counts as idle.
const idleGap = time.Minute

// engine is one run. Its methods belong to the loop's goroutine, inside the bubble.
type engine struct {
	build Builder
	scn   *scenarios.Scenario
	opt   options

	steps    atomic.Int64 // for the watchdog
	done     atomic.Bool  // the run came to its end
	fault    string       // a panic of the harness itself, with its stack
	src      choice.Source
	loop     *sched.Loop
	strategy sched.Strategy
	noted    *sched.Noted              // the same, if its turns are noted; else nil
	recorded map[string]fault.Decision // a replay's fault effects by label
	guide    *guide                    // the same, if a walk makes its choices; else nil
	shape    *shape                    // of the state, if a walk makes its choices; else nil
	plan     *fault.Plan
	wall     *clock.Wall
	server   *cluster.Server
	backend  *cluster.Backend
	checker  *model.Checker
	writer   *trace.Writer

	now      *incarnation       // the system's process; nil while it is down
	elder    *incarnation       // the one before, while they overlap; else nil
	born     int                // incarnations so far
	ops      int                // operations so far
	called   map[string]calling // they, by actor, if a walk makes the choices
	entries  map[string]*entry
	workers  workers // of the sidecar
	nodes    map[string]*machine
	ordinals map[string]int // of labels outside the system
	revive   *sched.Point   // the start of the next incarnation, while there is none
	outage   bool           // the API server is away
	healing  bool           // faults are over
	ending   bool           // the run is being torn down
	before   int            // goroutines of the process before there was a system

	outageUntil time.Duration // the end of the outage that lasts longest

	mu       sync.Mutex    // guards writer, checker and the next five: a run that stalls is looked at from outside
	crash    *panicked     // the system's panic, if it did
	events   []trace.Event // all of them, or the last ones
	broken   bool          // a violation was seen, and the last events are frozen
	idle     time.Duration // sum of idle gaps
	lastStep time.Duration
	offers   []string
	retry    time.Duration // how soon the system says it tries again; 0 if it does not
	out      bool          // out of steps
}

func newEngine(build Builder, s *scenarios.Scenario, o options) *engine {
	return &engine{build: build, scn: s, opt: o, entries: make(map[string]*entry), workers: workers{max: s.Spec.SidecarWorkers}, nodes: make(map[string]*machine), ordinals: make(map[string]int), called: make(map[string]calling)}
}

// play is the whole run.
func (e *engine) play() {
	e.setup()
	e.phase("chaos")
	e.schedule(e.loop.Now(), e.scn.Spec.Timeline)
	e.runFor(e.horizon())
	e.heal()
	e.phase("converge")
	e.runFor(e.bound() + convergeSlack)
	e.drain()
	e.quiesce()
	e.teardown()
}

// convergeSlack lets a sidecar's longest backoff and two of its calls pass (SPEC.md section 5, L6).
const convergeSlack = 5*time.Minute + 2*callTimeout + 30*time.Second

// bound is I + G + T: the time in which everything agrees once faults have stopped (SPEC.md section 5, L7).
func (e *engine) bound() time.Duration {
	rec := e.scn.Spec.Reconciler
	perCall := e.callMax()
	suspects, dirty := len(e.nodes), len(e.scn.Spec.Volumes)
	return time.Duration(rec.Interval) + time.Duration(rec.GracePeriod) + time.Duration(2*suspects+2*dirty+4)*perCall + time.Second
}

// callMax is what each of many calls takes at most if nothing goes wrong: its latency, and the time in which its token comes.
func (e *engine) callMax() time.Duration {
	longest := time.Duration(e.scn.Spec.Latency.Max)
	if qps := e.scn.Spec.Client.QPS; qps > 0 {
		longest += time.Duration(float64(time.Second) / qps)
	}
	return longest
}

// horizon is the virtual time at which chaos ends.
func (e *engine) horizon() time.Duration {
	last := time.Duration(0)
	for _, s := range e.scn.Spec.Timeline {
		last = max(last, time.Duration(s.At))
	}
	return last + time.Second
}

// runFor lets the run go on for d of virtual time.
func (e *engine) runFor(d time.Duration) { e.runUntil(d, nil) }

// runUntil lets the run go on until done, for at most d of virtual time.
func (e *engine) runUntil(d time.Duration, done func() bool) {
	if e.out || e.crash != nil {
		return
	}
	over := func() bool { return e.guide != nil && e.opt.walk.Over() }
	stop := func() bool { return e.crash != nil || over() || done != nil && done() }
	e.out = !e.loop.Run(e.loop.Now()+d, e.opt.maxSteps, stop) || over()
}

func (e *engine) phase(name string) { e.loop.Emit(trace.Event{Kind: trace.Phase, Name: name}) }

// sink is where every event goes: trace, oracle, and the last events for the report.
func (e *engine) sink(ev trace.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writer.Append(ev)
	e.checker.Step(ev)
	if e.shape != nil {
		e.shape.take(ev, e.called)
	}
	switch {
	case e.opt.keep:
		e.events = append(e.events, ev)
	case !e.broken:
		if len(e.events) == 2*lastEvents {
			e.events = append(e.events[:0], e.events[lastEvents:]...)
		}
		e.events = append(e.events, ev)
	}
}

// lastEvents is how many events a report shows before a violation.
const lastEvents = 30

// settled follows each step, when all is still.
func (e *engine) settled() {
	e.steps.Store(int64(e.loop.Steps()))
	at := e.loop.Now()
	e.mu.Lock()
	if gap := at - e.lastStep; gap > idleGap {
		e.idle += gap
	}
	e.lastStep = at
	e.mu.Unlock()
	for _, in := range []*incarnation{e.elder, e.now} {
		if in != nil {
			in.observe()
		}
	}
	e.mu.Lock()
	if !e.broken && e.checker.Violated() {
		e.broken = true
	}
	e.mu.Unlock()
}

// result is what the run came to, after play.
func (e *engine) result() *Result {
	r := e.observed()
	r.Steps, r.Clashes = e.loop.Steps(), e.loop.Clashes()
	if e.opt.keep {
		r.Events = e.events
	}
	r.Diverged = e.diverged()
	if pct, ok := e.strategy.(*sched.PCT); ok {
		b := pct.Bound()
		r.Bound = &b
	}
	if e.noted != nil {
		r.Turns = turns(e.noted.Turns)
	}
	r.Outcome = Outcome(r.Verdict.Outcome())
	if e.crash != nil {
		r.Message = e.crash.report()
	}
	switch {
	case r.Outcome == Violated:
	case e.crash != nil:
		r.Outcome = Crashed
	case e.out:
		r.Outcome, r.Message = Inconclusive, "out of steps"
	}
	return r
}

// abnormal is the result of a run that did not come to its end. Its goroutines may still run.
func (e *engine) abnormal(outcome Outcome, message string) *Result {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.crash != nil { // what it left locked holds the rest up
		outcome, message = Crashed, e.crash.report()+"\n\n"+message
	}
	r := e.observed()
	r.Outcome, r.Message, r.Steps = outcome, message, int(e.steps.Load())
	if e.checker != nil && e.checker.Violated() {
		r.Outcome = Violated
	}
	return r
}

// observed is a result with what trace and oracle say so far, which is nothing before the run is set up.
func (e *engine) observed() *Result {
	r := &Result{Scenario: e.scn.Metadata.Name, Seed: e.opt.seed, Strategy: e.opt.strategy}
	if e.writer == nil {
		return r
	}
	r.TraceHash, r.Verdict, r.Tally, r.Last = e.writer.Hash(), e.checker.Verdict(), e.checker.Tally(), e.last()
	r.Scenes = e.checker.Scenes()
	r.Virtual, r.VirtualBusy = e.lastStep, e.lastStep-e.idle
	r.Reach = e.checker.Reach()
	return r
}

func (e *engine) last() []trace.Event {
	if e.opt.keep {
		return nil
	}
	return e.events[max(0, len(e.events)-lastEvents):]
}

// header is the trace's first line.
func (e *engine) header() trace.Header {
	text := scenarios.Format(e.scn)
	spec := e.scn.Spec
	setup := trace.Setup{
		Start: wallStart.UnixNano(), Interval: time.Duration(spec.Reconciler.Interval), Grace: time.Duration(spec.Reconciler.GracePeriod),
		MaxHolders: spec.Backend.MaxHolders, NodeDead: e.nodeDead(), Fence: spec.Backend.Fence, Persist: true,
		CallLatencyMax: e.callMax(), GuardMin: 3, GuardShare: 0.25, Retry: e.retry, Offers: e.offers,
	}
	setup.Rules, setup.Judge = RulesOf(spec.Invariants)
	if e.opt.strategy == pairs { // who did what in a step is not known
		setup.Rules, setup.Judge = nil, []string{"S20"}
	}
	for _, v := range spec.Volumes {
		setup.Volumes = append(setup.Volumes, trace.Volume{
			Handle: v.Name, PV: v.PV, Mode: v.AccessMode, Claim: claimOf(v), MigrationTimeout: time.Duration(v.MigrationTimeout),
		})
	}
	return trace.Header{
		Format: trace.FormatVersion, Holdfast: Version(), Go: runtime.Version(), System: e.opt.system, Scenario: e.scn.Metadata.Name,
		Digest: trace.Digest(text), Source: string(text), Seed: e.opt.seed, Strategy: e.opt.strategy, Setup: setup,
	}
}

func (e *engine) nodeDead() bool {
	a := e.scn.Spec.Assume.NodeDead
	return a == nil || *a
}

// wallStart is what the wall clock shows when a run begins.
var wallStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
