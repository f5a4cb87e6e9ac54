package model

import (
	"iter"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// memory is what one incarnation believes about one volume (M).
type memory struct {
	instances []*instance // by first appearance
	stamp     int64       // the detach stamp; 0 if there is none
	stampAt   moment      // when it last changed
	parted    parting     // and when what it tells of happened
	moving    *moving     // the migration under way; nil if none
	last      [2]string   // source and target of the last pair of nodes that had the volume
	former    [2]string   // and of the one before
	turned    moment      // when it came
}

// instance is one attachment as the system believes it. It is never changed: a new belief is a new instance.
type instance struct {
	volume, node, uid string
	epoch             uint64
	state, mode       string
	attached          int64 // wall clock
	migrating         int64 // wall clock of the migration's start; 0 if none
	timeout           time.Duration
	seen              moment // when it appeared in this incarnation
	asked             moment // when the operation that reserved it was called, as far as is known
	wasHeld           bool   // in this incarnation
}

// change is one change of belief: before is nil for a new instance, after is nil for one that is gone. For a detach stamp both
// are nil.
type change struct {
	proc          *proc
	volume        *volume
	memory        *memory
	before, after *instance
	stamp         bool
	was, is       int64 // the stamps
	pass          pass  // that went on
}

func (p *proc) memory(volume string) *memory {
	m := p.mem[volume]
	if m == nil {
		m = &memory{}
		p.mem[volume] = m
	}
	return m
}

func (m *memory) index(node, uid string, epoch uint64) int {
	for i, x := range m.instances {
		if x.node == node && x.uid == uid && x.epoch == epoch {
			return i
		}
	}
	return -1
}

func (s *state) takeBelief(e *trace.Event) {
	p, v := s.proc(e.Proc), s.volume(e.Volume)
	m := p.memory(e.Volume)
	c := change{proc: p, volume: v, memory: m, pass: p.pass}
	if e.Node == "" {
		c.stamp, c.was, c.is = true, m.stamp, e.Time
		m.stamp, m.stampAt = e.Time, s.now
		m.parted = s.partingOf(p, e.Time)
		s.changes = append(s.changes, c)
		return
	}
	at := m.index(e.Node, e.UID, e.Epoch)
	if at >= 0 {
		c.before = m.instances[at]
	}
	if e.State == "gone" {
		if at < 0 {
			return
		}
		m.instances = append(m.instances[:at:at], m.instances[at+1:]...)
		p.tracked--
		if s.stepped {
			m.parted.latest = s.now.at // a stamp does not go back, so that a new one may look like the last
		}
		s.follow(p, v, m)
		s.changes = append(s.changes, c)
		return
	}
	c.after = &instance{
		volume: e.Volume, node: e.Node, uid: e.UID, epoch: e.Epoch, state: e.State, mode: e.Mode, attached: e.Time,
		migrating: e.Since, timeout: e.Limit, seen: s.now, wasHeld: e.State == "held",
	}
	if at >= 0 {
		c.after.follow(c.before)
		m.instances[at] = c.after
	} else {
		c.after.asked = s.askedFor(v, e.Node)
		m.instances = append(m.instances, c.after)
		p.tracked++
	}
	s.follow(p, v, m)
	s.changes = append(s.changes, c)
}

// askedFor returns when the operation was called that may just have reserved a volume for a node.
func (s *state) askedFor(v *volume, node string) moment {
	if o := s.ops[s.point.op]; o != nil && o.volume == v {
		return o.begun
	}
	return v.deal(node).publish
}

// follow takes over what an instance was before.
func (i *instance) follow(before *instance) {
	i.seen, i.asked = before.seen, before.asked
	i.wasHeld = i.wasHeld || before.wasHeld
}

// settleChanges joins what one step tells twice, an instance that is gone and here again under a better known uid, and finds
// the causes of what is gone.
func (s *state) settleChanges() {
	kept := s.changes[:0]
	for i, c := range s.changes {
		if c.before != nil && c.after == nil && s.renamed(i) {
			continue
		}
		kept = append(kept, c)
	}
	s.changes = kept
	for _, c := range s.changes {
		if c.before != nil && c.after == nil {
			r := s.explain(c)
			s.removals = append(s.removals, r)
			s.counts.removed(r)
			s.carry(r, c.volume.droppedAs(c.before))
		}
	}
}

// renamed looks for the same reservation among what appeared in the step, and lets that follow on. Its epoch may be another
// one if no record ever named it: what was believed without a record gives way to what the record turns out to say.
func (s *state) renamed(gone int) bool {
	g := s.changes[gone]
	if g.before.epoch == 0 || g.volume.droppedAs(g.before) != nil {
		return false
	}
	for i := range s.changes {
		c := &s.changes[i]
		if c.proc == g.proc && c.volume == g.volume && c.before == nil && c.after != nil && c.after.node == g.before.node &&
			sameUID(c.after.uid, g.before.uid) && (c.after.epoch == g.before.epoch || g.before.uid == "") {
			c.before = g.before
			c.after.follow(g.before)
			return true
		}
	}
	return false
}

// settleCut explains what a crashing incarnation had taken off the record before its memory could show that.
func (s *state) settleCut(p *proc) {
	for r, d := range s.unshown(p) {
		s.removals = append(s.removals, r)
		s.counts.removed(r)
		s.carry(r, d)
	}
}

// settleDeposed carries over what an incarnation that no longer leads had taken off the record before its memory could show
// that: whoever leads next gives the volume out by what the record says. The removal itself is judged when memory shows it.
func (s *state) settleDeposed(p *proc) {
	for r, d := range s.unshown(p) {
		s.carry(r, d)
		d.carried = true
	}
}

// unshown are the removals that an incarnation wrote to the record, and that its memory does not show yet.
func (s *state) unshown(p *proc) iter.Seq2[removal, *dropped] {
	return func(yield func(removal, *dropped) bool) {
		for _, v := range s.order {
			m := p.mem[v.handle]
			if m == nil {
				continue
			}
			for _, i := range m.instances {
				d := v.droppedAs(i)
				if d == nil || d.proc != p.num || d.when.step < i.seen.step {
					continue
				}
				if !yield(s.explain(change{proc: p, volume: v, memory: m, before: i, pass: p.pass}), d) {
					return
				}
			}
		}
	}
}

// carry carries a removal over to the other layers, unless they follow the writer already.
func (s *state) carry(r removal, by *dropped) {
	if by != nil && by.carried && by.proc == r.proc.num {
		return
	}
	d := r.volume.deal(r.inst.node)
	switch r.cause {
	case becauseCleared, becauseEvicted:
		if sameUID(d.uid, r.inst.uid) && d.begun.step <= r.decided.step {
			d.held, d.owed = d.held && r.live, r.volume.reserves(d.node)
		}
	case becauseOwn, becauseDirect:
		d.held, d.owed = false, false
	case becauseRebuilt: // by then the controller itself may have unpublished it, and not have learned that it did
		if c := d.revoke; c.actor == "run" && c.ends(r.inst.epoch) && c.when.step >= r.inst.seen.step && d.begun.step < c.when.step {
			d.held, d.owed = false, r.volume.reserves(d.node)
		}
	case becauseReleased:
		d.held = d.held && d.begun.step > r.decided.step
	}
	r.volume.shed(r.inst.node)
}

// The metrics that tell of passes.
const (
	passesBegun = "holdfast_reconcile_passes_begun_total"
	passesEnded = "holdfast_reconcile_passes_total"
)

func (s *state) takeCounter(e *trace.Event) {
	p := s.proc(e.Proc)
	p.counters[e.Name] = e.Value
	switch e.Name {
	case passesBegun:
		p.pass.begun, p.pass.at = e.Value, s.now
		if p.leading && !p.loop.stopped && p.loop.stopping == 0 {
			p.loop.running, p.loop.idle = true, false
		}
		p.loop.proven = p.loop.proven || p.loop.running
		p.pass.tracked, p.pass.listed, p.pass.empty, p.pass.fault = p.tracked, false, false, p.fault
		if !p.loop.byStart { // a loop that Start began does not wait for a rebuild
			p.ready(s)
		}
	case passesEnded:
		p.pass.ended, p.pass.done = e.Value, s.now
	}
}
