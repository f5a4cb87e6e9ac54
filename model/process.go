package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// proc is one incarnation of the system's process.
type proc struct {
	num int
	cut bool // it has crashed

	skew          time.Duration // what its wall clock alone is off by
	leading       bool
	led           moment // when it last became leader
	leads         int
	returned      moment // when Run last did; zero while it has not since
	rebuilding    bool   // it leads, and nothing shows yet that its memory was rebuilt
	rebuilt       moment
	rebuiltByHand bool // Rebuild was called directly
	loop          loop

	flying  int     // operations in flight
	pending []*call // requests without an answer so far
	slow    []*call // those that a fault failed or delays
	late    []*lateCall

	fault      time.Duration            // A: the time in which faults failed or delayed this incarnation's calls or deliveries
	faultAt    time.Duration            // the last time when one did, to anything that concerns everybody
	faults     map[string]time.Duration // the same by what it concerned: a node's, claim's or volume's name
	faultCount int                      // faults that hit its calls
	hurt       map[string]bool          // volumes whose record was written with an unknown result

	mem       map[string]*memory
	tracked   int // instances in mem
	migrating int // volumes in mem whose migration is under way

	reads     []read // live reads of nodes by the run loop
	lists     map[string]*listing
	signs     map[string][]sign // by node: what this incarnation was told, in changes
	watching  bool              // a cache of nodes is fed
	blind     bool              // a fault failed its last list or watch of nodes
	delivered moment            // its last change of a node or of a node's id

	counters map[string]float64
	pass     pass
}

// loop is what is known of the reconcile loop. Both flags are false while it may be either.
type loop struct {
	running  bool // surely
	stopped  bool // surely, because Stop has returned
	since    moment
	starts   int // lifecycle starts called
	ends     int // stops and cancels called
	stopAt   moment
	idle     bool // surely not running: stopped, or its context ended in an earlier step
	proven   bool // a pass has begun in it, or Start said OK
	pending  bool // leadership has begun, and it does not show yet that it has started the loop
	started  bool // Start said OK at some time
	byStart  bool // Start began it, and not leadership
	starting int  // starts in flight
	stopping int  // stops in flight
	endStep  int  // the step of the last cancel, or of a stop's return
}

// pass is the reconcile pass that goes on, or the last one.
type pass struct {
	fault        time.Duration // A when the last one began
	begun, ended float64       // counters
	at           moment        // when the last one began
	done         moment        // when the last one ended
	tracked      int           // instances when it began
	listed       bool          // a list of nodes that was not empty was seen in it
	empty        bool          // the last list of nodes that was seen in it was empty
}

// sign is what an incarnation was told of a node's name: the uid that has it, empty for none.
type sign struct {
	uid   string
	when  moment
	turns int // how often the name had come and gone by then
}

// lead notes that leadership has begun, which starts the loop unless somebody did so before.
func (l *loop) lead(s *state) {
	l.byStart = l.byStart && l.running
	l.proven = l.byStart
	l.running, l.stopped, l.idle, l.since, l.pending = true, false, false, s.now, true
}

func newProc(num int) *proc {
	return &proc{
		num: num, faults: make(map[string]time.Duration), hurt: make(map[string]bool), mem: make(map[string]*memory),
		lists: make(map[string]*listing), signs: make(map[string][]sign), counters: make(map[string]float64),
	}
}

func (s *state) takeProcess(e *trace.Event) {
	if e.Proc == 0 {
		return
	}
	p := s.proc(e.Proc)
	switch e.Verb {
	case "start":
		s.counts.overlaps += len(s.alive) - 1
	case "lead":
		for _, other := range s.alive {
			if other != p && !other.leading {
				s.settleDeposed(other)
			}
		}
		p.leading, p.led, p.rebuilding, p.returned = true, s.now, true, moment{}
		p.leads++
		p.loop.lead(s)
		for _, l := range p.lists {
			l.ever = l.ever || l.tried
			l.tried, l.good = false, false
		}
		for _, o := range s.ops {
			o.led = o.led || (!o.done && o.proc == p)
		}
		s.leader = p
	case "depose", "stopped":
		p.leading, p.rebuilding = false, false
		p.loop.running, p.loop.idle = false, false
		if e.Verb == "stopped" {
			p.returned = s.now
			p.release(func(c *call) bool { return c.actor == "run" })
		}
		if s.leader == p {
			s.leader = nil
		}
	case "crash":
		s.crashed(p)
	}
}

func (s *state) crashed(p *proc) {
	if p.cut {
		return
	}
	s.counts.crash(s, p)
	s.settleCut(p)
	p.cut, p.leading, p.rebuilding, p.loop.running = true, false, false, false
	for _, o := range s.ops {
		if o.proc == p && !o.done {
			s.finish(o)
		}
	}
	for _, c := range p.pending {
		delete(s.calls, c.id)
	}
	p.pending, p.slow = nil, nil
	for i, x := range s.alive {
		if x == p {
			s.alive = append(s.alive[:i:i], s.alive[i+1:]...)
			break
		}
	}
	if s.leader == p {
		s.leader = nil
	}
	for _, v := range s.order {
		v.forgetUnrecorded(s)
	}
}

// forgetUnrecorded drops from a volume without a record the holders that no VolumeAttachment tells: a new incarnation cannot know
// of them (SPEC.md section 5, S13). Without a PersistentVolume not even a VolumeAttachment tells, for it names the volume by that.
func (v *volume) forgetUnrecorded(s *state) {
	if s.setup.Persist && v.pv.exists && !v.pv.lost {
		return
	}
	for _, d := range v.deals {
		if _, attached, _ := v.wished(d.node); !attached || s.setup.Persist && !v.pv.exists {
			d.held = false
			v.grantOf(d.node).forgotten = true
		}
	}
}

// ready notes a sign that memory was rebuilt.
func (p *proc) ready(s *state) {
	if p.rebuilding {
		p.rebuilding, p.rebuilt = false, s.now
	}
	p.loop.pending = false
}

// rebuilds reports whether what memory did in this step may be the rebuild's doing.
func (p *proc) rebuilds(s *state) bool {
	return p.rebuilding || (p.leads > 0 && p.rebuilt.step == s.now.step)
}

// release takes answered requests, or those whose caller has left, off the lists.
func (p *proc) release(gone func(*call) bool) {
	p.pending = without(p.pending, gone)
	p.slow = without(p.slow, gone)
}

func without(all []*call, gone func(*call) bool) []*call {
	kept := all[:0]
	for _, c := range all {
		if !gone(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// faultBy is A up to a moment that is not later than the next event: what goes on now goes on until then.
func (p *proc) faultBy(s *state, now time.Duration) time.Duration {
	if s.hinders(p) {
		return p.fault + now - s.now.at
	}
	return p.fault
}

// hinders reports whether a fault fails or delays an incarnation's calls or deliveries right now. A list or watch that failed
// keeps every delivery away until one works again.
func (s *state) hinders(p *proc) bool { return s.outages > 0 || len(p.slow) > 0 || p.blind }

// advance lets virtual time pass: it counts as fault time where a fault is on.
func (s *state) advance(now time.Duration) {
	for _, p := range s.alive {
		if s.hinders(p) {
			p.fault += now - s.now.at
			p.faultAt = now
		}
		if len(p.slow) > 0 {
			p.slow = without(p.slow, func(c *call) bool { return c.until <= now })
		}
	}
	s.now.at = now
	s.wallMax = max(s.wallMax, s.latest())
}

// faulted notes what a fault concerned. One on a list or a watch concerns everything.
func (p *proc) faulted(s *state, e *trace.Event) {
	name := e.Name
	p.faultCount++
	switch {
	case e.Verb == "list" || e.Verb == "watch":
		p.faultAt = s.now.at
		p.blind = p.blind || e.Resource == "nodes"
		return
	case e.Resource == "persistentvolumes":
		if v := s.recordedOn(e.Name); v != nil {
			p.hurt[v.handle] = true
			name = v.handle
		}
	case e.Resource == "backend":
		name = e.Volume
		if name == "" {
			name = e.Name
		}
	}
	p.faults[name] = s.now.at
}

// quietSince is the last time at which a fault stood in the way of what concerns a volume or a node.
func (p *proc) quietSince(names ...string) time.Duration {
	last := p.faultAt
	for _, n := range names {
		last = max(last, p.faults[n])
	}
	return last
}

// signal notes what the incarnation was told of a node.
func (p *proc) signal(s *state, name, uid string) {
	turns := 2 * len(s.node(name).lives) // births and deaths so far
	if s.current(name) != nil {
		turns--
	}
	all := p.signs[name]
	if k := len(all); k > 0 && all[k-1].uid == uid && all[k-1].turns == turns {
		return
	}
	p.signs[name] = append(all, sign{uid: uid, when: s.now, turns: turns})
}

// toldMissing returns when the incarnation was first told, in whatever way, that a node is missing.
func (p *proc) toldMissing(s *state, name, uid string) (moment, bool) {
	after := -1
	if l := s.life(name, uid); l != nil {
		after = l.born.step
		if l.dead {
			after = l.died.step // what it was told before was not true
		}
	}
	for _, g := range p.signs[name] {
		if g.when.step >= after && (g.uid == "" || (uid != "" && g.uid != uid)) {
			return g.when, true
		}
	}
	return moment{}, false
}

// lifecycleCalled notes a call of start, stop or cancel.
func (p *proc) lifecycleCalled(s *state, o *operation) {
	l := &p.loop
	o.starts = l.starts
	switch o.verb {
	case "start":
		l.starts++
		l.starting++
		l.stopped = false
	case "stop":
		l.ends++
		l.stopping++
		o.early = p.leading && l.pending // leadership may start the loop yet
		l.running = false
		o.starts = l.starts
	case "cancel":
		l.ends++
		if l.byStart { // it is the context of the last Start that ends
			l.idle = l.running && !l.pending
			l.running = false
			l.endStep = s.now.step
		} else if l.started { // a loop that Start began may have outlived a leadership
			l.running = false
		}
	}
	if o.verb == "start" {
		o.starts = l.ends // a stop or cancel since then makes its success void
	}
}

// lifecycleReturned notes the result.
func (p *proc) lifecycleReturned(s *state, o *operation) {
	l := &p.loop
	switch o.verb {
	case "start":
		l.starting--
		l.idle = false
	case "stop":
		l.stopping--
	}
	switch {
	case o.verb == "start" && o.code == "OK" && o.starts == l.ends:
		l.running, l.proven, l.started, l.byStart, l.since = true, true, true, true, s.now
	case o.verb == "stop" && o.starts == l.starts && !o.early:
		l.stopped, l.running, l.idle = true, false, true
		l.stopAt, l.endStep = s.now, s.now.step
	}
}
