package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// staleCleared is L4 of SPEC.md section 5: every stale entry, secondaries and reused names included, is cleared by
// first-missing + G + I + T + A; with a node event by G + T + A. Both count from the incarnation's own leadership or start of
// its loop if that is later. What is never cleared blocks its volume for ever.
//
// The shorter bound holds while no fault has hit what concerns the entry; after one, the next attempt may be as late as the
// next tick, and both bounds start again after it. Faults on other volumes and nodes do not help the system: one failing volume
// must not end the pass for all that follow. What the mass-clear guard withholds while its list of nodes is empty is left out.
type staleCleared struct {
	ruling
	watched []*staleEntry
	filled  map[*proc]moment // when the list was answered that an incarnation's cache holds; none while that is not the truth
	next    time.Duration    // the earliest time at which an entry can be late
}

// staleEntry is an instance of a node that is missing.
type staleEntry struct {
	proc    *proc
	memory  *memory
	inst    *instance
	missing moment // when the node went, or the instance appeared if that was later
	event   moment // when the incarnation's cache was told
	told    bool
	gone    bool   // by an event that says so, or by a list that a cache compares with what it held; nothing else wakes anybody
	begun   clockA // A when it was seen
}

// clockA is a reading of an incarnation's fault time at some moment.
type clockA struct {
	at    time.Duration
	fault time.Duration
}

func newStaleCleared(s *state) rule {
	r := &staleCleared{filled: make(map[*proc]moment)}
	r.judge(s, "memory", "believer")
	return r
}

func (r *staleCleared) step(s *state, e *trace.Event) {
	if !r.judged("memory") {
		return
	}
	switch {
	case e.Kind == trace.Change && e.Resource == "nodes" && e.Verb == "deleted":
		r.nodeGone(s, nodeNamed(e))
	case e.Kind == trace.Change && e.Resource == "nodes" && e.Verb == "created":
		r.nodeGone(s, nodeNamed(e)) // the uid before is gone, if its end was not seen
		r.drop(func(x *staleEntry) bool { return !s.absent(x.inst.node, x.inst.uid) })
	case e.Kind == trace.Deliver && e.Resource == "nodes":
		for _, x := range r.watched {
			if x.proc.num == e.Proc && x.inst.node == nodeNamed(e) && !x.told && (e.Verb == "DELETED" || e.UID != x.inst.uid) {
				x.told, x.event = true, s.now
				if told, ok := x.proc.toldMissing(s, x.inst.node, x.inst.uid); ok {
					x.event = told // a list said so before
				}
				r.next = 0
			}
			if x.proc.num == e.Proc && x.inst.node == nodeNamed(e) && e.Verb != "ADDED" && x.told && x.event == s.now {
				x.gone = true
			}
		}
	case e.Kind == trace.Reply:
		r.listed(s, e)
	case e.Kind == trace.Process && e.Verb == "crash":
		r.drop(func(x *staleEntry) bool { return x.proc.cut })
	}
}

// listed looks at a list that fills a cache anew: of a node that the cache held, and that is gone or another's, it makes an event.
func (r *staleCleared) listed(s *state, e *trace.Event) {
	p := s.procs[e.Proc]
	if p == nil || e.Verb != "list" || e.Resource != "nodes" || e.Actor != "informer" || e.Code != "OK" {
		return
	}
	held, asked := r.filled[p], p.listing("nodes").cache.asked
	if torn(e) {
		delete(r.filled, p)
		return
	}
	r.filled[p] = asked
	for _, x := range r.watched {
		l := s.life(x.inst.node, x.inst.uid)
		if x.proc != p || x.told || l == nil || x.inst.uid == "" || held.step <= max(p.loop.since.step, p.led.step, l.born.step) || asked.step < x.missing.step {
			continue
		}
		if !l.dead || l.died.step > asked.step || l.died.step < held.step {
			continue
		}
		x.told, x.gone, x.event = true, true, s.now
		r.next = 0
	}
}

func (r *staleCleared) nodeGone(s *state, name string) {
	for _, p := range s.alive {
		for _, v := range s.order {
			m := p.mem[v.handle]
			if m == nil {
				continue
			}
			for _, i := range m.instances {
				if i.node == name && s.absent(name, i.uid) {
					r.watch(s, p, m, i)
				}
			}
		}
	}
}

func (r *staleCleared) watch(s *state, p *proc, m *memory, i *instance) {
	for _, x := range r.watched {
		if x.proc == p && x.memory == m && x.inst.node == i.node && x.inst.uid == i.uid && x.inst.epoch == i.epoch {
			x.inst = i
			return
		}
	}
	x := &staleEntry{proc: p, memory: m, inst: i, missing: s.now, begun: clockA{s.now.at, p.fault}}
	if told, ok := p.toldMissing(s, i.node, i.uid); ok {
		x.told, x.event = true, told
	}
	r.watched = append(r.watched, x)
	r.next = 0
}

func (r *staleCleared) settle(s *state) {
	for _, c := range s.changes {
		switch {
		case c.stamp:
		case c.after == nil:
			r.drop(func(x *staleEntry) bool {
				return x.memory == c.memory && x.memory.index(x.inst.node, x.inst.uid, x.inst.epoch) < 0
			})
		case s.absent(c.after.node, c.after.uid):
			r.watch(s, c.proc, c.memory, c.after)
		}
	}
}

func (r *staleCleared) drop(gone func(*staleEntry) bool) {
	kept := r.watched[:0]
	for _, x := range r.watched {
		if !gone(x) {
			kept = append(kept, x)
		}
	}
	r.watched = kept
}

func (r *staleCleared) tick(s *state, now time.Duration) {
	if len(r.watched) == 0 || now <= r.next {
		return
	}
	r.next = now + time.Hour
	late := make(map[*staleEntry]bool)
	for _, x := range r.watched {
		due := r.due(s, x, now)
		if due < now {
			since := max(x.missing.at, x.proc.loop.since.at)
			r.violate(s, "memory", []int{x.missing.step, x.event.step}, "%s on %s (uid %s, epoch %d) is still there %v after its node went missing; it was to be cleared by %v",
				x.inst.volume, x.inst.node, or(x.inst.uid, "unknown"), x.inst.epoch, now-since, due)
			late[x] = true
		}
		r.next = min(r.next, due)
	}
	if len(late) > 0 {
		r.drop(func(x *staleEntry) bool { return late[x] })
	}
}

// due is when an entry must be gone, or when to look at it again.
func (r *staleCleared) due(s *state, x *staleEntry, now time.Duration) time.Duration {
	p := x.proc
	if !p.loop.running || !p.leading {
		return now + s.setup.Grace + time.Second // nobody is there to clear it; the bound starts with the next loop
	}
	if nodes := p.lists["nodes"]; nodes != nil && nodes.empty && nodes.told.at >= x.missing.at {
		return max(now, nodes.told.at+s.setup.Interval) + s.setup.Grace
	}
	if told, ok := p.toldMissing(s, x.inst.node, x.inst.uid); ok && !x.told {
		x.told, x.event = true, told // by a list
	}
	start := max(x.missing.at, p.loop.since.at, p.led.at)
	if p.watching && !x.told && s.phase != "drain" && s.phase != "quiesce" {
		start = max(start, s.now.at) // the cache lags, and lag is A
	} else if x.told {
		start = max(start, x.event.at)
	}
	if failed := p.faults[x.inst.node]; failed > 0 && failed >= x.missing.at {
		start = max(start, p.graceFrom(x, failed, s.setup.Interval))
	}
	quiet := p.quietSince(x.inst.volume, x.inst.node)
	if nodes := p.lists["nodes"]; nodes != nil && nodes.bare >= x.missing.at {
		quiet = max(quiet, nodes.bare) // the guard withheld it until then
	}
	bound := max(start+s.setup.Grace, quiet) + s.setup.Interval
	if x.gone && x.event.step >= x.inst.seen.step && quiet < start { // an event finds only what is there
		bound = start + s.setup.Grace
	}
	return bound + s.passTime(p) + p.faultBy(s, now) - x.begun.fault
}

// graceFrom is when grace begins for an entry whose node could not be read until some time: with the first answer of NotFound,
// and an interval after the last failure at the latest.
func (p *proc) graceFrom(x *staleEntry, failed, interval time.Duration) time.Duration {
	read, _ := findRead(p.reads, x.inst.node)
	first := read.missing
	switch {
	case first.step == 0 || first.step < x.missing.step:
		return failed + interval
	case first.at > failed:
		return min(first.at, failed+interval)
	}
	return first.at
}
