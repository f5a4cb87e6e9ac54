package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// failClosed is S8 of SPEC.md section 5: on doubt publish refuses, and the caller tries again. Three doubts are judged: a
// holder whose node could not be read, a memory that was not rebuilt yet, and a process that does not lead. In each the
// answer is a retriable error and nothing is written. One call that was in flight when leadership ended is no violation.
type failClosed struct{ ruling }

func newFailClosed(s *state) rule {
	r := &failClosed{}
	r.judge(s, "holder")
	r.judge(s, "leadership")
	r.judge(s, "rebuild")
	r.judge(s, "codes")
	return r
}

func (r *failClosed) step(s *state, e *trace.Event) {
	o := s.ops[e.Op]
	if o != nil && (o.verb == "publish" || o.verb == "unpublish") && !codes[o.code] {
		r.violate(s, "codes", []int{o.begun.step}, "%s on %s ended in %q, which is no code that a caller knows", o.verb, o.node, o.code)
	}
	if o == nil || o.volume == nil || (o.verb != "publish" && o.verb != "unpublish") || o.proc.leads == 0 && !s.led() {
		return
	}
	if !o.led {
		r.outside(s, o)
		return
	}
	if o.code != "OK" {
		r.unknown(s, o)
		return
	}
	r.rebuild(s, o)
	if o.verb == "publish" && o.volume.single() {
		r.holder(s, o)
	}
	if o.verb == "publish" {
		r.doomed(s, o)
	}
}

// doomedAfter is how long a cache may take, without faults, to know that a PersistentVolume is being deleted.
const doomedAfter = 5 * time.Second

// doomed judges an OK for a volume that is about to go: whoever gets it now loses it (SPEC.md section 4).
func (r *failClosed) doomed(s *state, o *operation) {
	c, d := &o.volume.pv, o.volume.deal(o.node)
	known := c.doomed.at + doomedAfter
	if c.deleting && d.begun == o.begun && o.begun.at >= known && o.proc.led.at <= o.begun.at && s.outages == 0 && o.proc.faultAt < c.doomed.at {
		r.violate(s, "holder", []int{c.doomed.step, o.begun.step}, "publish of %s on %s was told OK although its PersistentVolume has been on its way out since step %d", o.volume.handle, o.node, c.doomed.step)
	}
}

// codes are those of gRPC.
var codes = map[string]bool{
	"OK": true, "Canceled": true, "Unknown": true, "InvalidArgument": true, "DeadlineExceeded": true, "NotFound": true, "AlreadyExists": true,
	"PermissionDenied": true, "ResourceExhausted": true, "FailedPrecondition": true, "Aborted": true, "OutOfRange": true, "Unimplemented": true,
	"Internal": true, "Unavailable": true, "DataLoss": true, "Unauthenticated": true,
}

// led reports whether leadership shows in this trace at all.
func (s *state) led() bool {
	for _, p := range s.procs {
		if p.leads > 0 {
			return true
		}
	}
	return false
}

// outside judges a call that ran wholly outside leadership.
func (r *failClosed) outside(s *state, o *operation) {
	switch {
	case o.code == "OK":
		r.violate(s, "leadership", []int{o.begun.step}, "%s of %s on %s was told OK outside leadership", o.verb, o.volume.handle, o.node)
	case o.effect:
		r.violate(s, "leadership", []int{o.begun.step}, "%s of %s on %s wrote outside leadership", o.verb, o.volume.handle, o.node)
	case !retriable(o.code) && o.code != "InvalidArgument":
		r.violate(s, "leadership", []int{o.begun.step}, "%s of %s on %s outside leadership ended in %s, which is not retriable", o.verb, o.volume.handle, o.node, o.code)
	}
}

// rebuild judges an OK against what the incarnation has read since it leads.
func (r *failClosed) rebuild(s *state, o *operation) {
	for _, resource := range []string{"volumeattachments", "persistentvolumes"} {
		l := o.proc.lists[resource]
		if l != nil && (l.tried || l.ever && o.begun.step > o.proc.led.step) && !l.good {
			r.violate(s, "rebuild", []int{o.proc.led.step, o.begun.step}, "%s of %s on %s was told OK although no list of %s has succeeded since the process leads", o.verb, o.volume.handle, o.node, resource)
			return
		}
	}
}

// unknown judges a refusal by what the operation was told last of a node: who could not read the holder's does not know that it
// holds, and asks the caller to try again.
func (r *failClosed) unknown(s *state, o *operation) {
	var last read
	for _, x := range o.reads {
		if x.told.step > last.told.step {
			last = x
		}
	}
	if o.verb == "publish" && o.code == "FailedPrecondition" && last.failed() && last.told.step > 0 && last.node != o.node {
		r.violate(s, "holder", []int{last.asked.step, last.told.step}, "publish of %s on %s was refused for good (%s) although the last that it was told of node %s is %s", o.volume.handle, o.node, o.code, last.node, last.code)
	}
}

// holder judges an OK whose operation could not read another holder's node.
func (r *failClosed) holder(s *state, o *operation) {
	for _, x := range o.reads {
		d := o.volume.deal(x.node)
		if x.node == o.node || !x.failed() || !d.held || d.ok.step >= o.begun.step {
			continue
		}
		r.violate(s, "holder", []int{d.ok.step, x.asked.step, x.told.step}, "publish of %s on %s was told OK although its holder's node %s could not be read (%s)", o.volume.handle, o.node, x.node, x.code)
	}
}

func (r *failClosed) settle(s *state) {
	for _, x := range s.removals {
		if x.cause == becauseEvicted && x.checked && x.check.failed() {
			r.violate(s, "holder", []int{x.op.begun.step, x.check.asked.step, x.decided.step}, "%s of %s on %s evicted its holder on %s although that node could not be read (%s)",
				x.op.verb, x.volume.handle, x.op.node, x.inst.node, x.check.code)
		}
	}
}
