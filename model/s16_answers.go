package model

import (
	"strconv"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// What the Manager answers about a detach is judged by the stamp that it told: a stamp is within a grace if its age, by the
// monotonic clock, is less than that; an age of exactly the grace is outside, and so is everything if there is no grace. In a
// new incarnation the age begins with what the wall clocks say, and never below zero.

// parting is when a detach happened, as far as an age is concerned: some time between two readings of virtual time.
type parting struct{ earliest, latest time.Duration }

// partingOf returns it for a stamp that shows now.
func (s *state) partingOf(p *proc, stamp int64) parting {
	at := s.now.at - max(0, time.Duration(s.wallOf(p)-stamp))
	if !s.stepped || p.rebuilds(s) {
		return parting{at, at}
	}
	for _, skew := range s.skews { // it may have been made under any of them, and be told when a doubt has ended
		at = min(at, max(0, time.Duration(stamp-s.setup.Start)-skew))
	}
	if o := s.ops[s.point.op]; o != nil { // its stamp may not be before earlier ones, whatever the wall clock says
		return parting{min(o.begun.at, at), s.now.at}
	}
	return parting{min(0, at), s.now.at}
}

// within says whether a stamp of such an age is within a grace; sure is false if either may be.
func (a parting) within(now, grace time.Duration) (is, sure bool) {
	youngest, oldest := now-a.latest, now-a.earliest
	switch {
	case grace <= 0 || youngest >= grace:
		return false, true
	case oldest < grace:
		return true, true
	}
	return false, false
}

// asked notes what a question about a detach is to be answered, when it is asked.
func (r *timeOrder) asked(s *state, o *operation, e *trace.Event) {
	m := o.proc.memory(o.volume.handle)
	switch o.verb {
	case "getDetachTimestamp":
		r.due[o.num] = strconv.FormatInt(m.stamp, 10)
	case "isWithinGracePeriod":
		is, sure := m.parted.within(s.now.at, e.Limit)
		if m.stamp == 0 {
			is, sure = false, true
		}
		if sure {
			r.due[o.num] = strconv.FormatBool(is)
			r.grace[o.num] = e.Limit
		}
	}
}

// answered compares the answer.
func (r *timeOrder) answered(s *state, o *operation, e *trace.Event) {
	due, ok := r.due[o.num]
	grace := r.grace[o.num]
	delete(r.due, o.num)
	delete(r.grace, o.num)
	if !ok || e.Code != "OK" || e.Message == due {
		return
	}
	m := o.proc.memory(o.volume.handle)
	witness := []int{m.stampAt.step, o.begun.step}
	if o.verb == "getDetachTimestamp" {
		r.violate(s, "answers", witness, "the detach stamp of %s is told as %s; it is %s", o.volume.handle, e.Message, due)
		return
	}
	r.violate(s, "answers", witness, "the last detach of %s, %v to %v ago, is said to be within a grace of %v: %s", o.volume.handle,
		o.begun.at-m.parted.latest, o.begun.at-m.parted.earliest, grace, e.Message)
}
