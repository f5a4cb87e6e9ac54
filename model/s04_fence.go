package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// step judges that a fence is about an instance that the system believes, and about no other: fenced is by node and epoch, and
// who fences something else takes the access of somebody who has done nothing.
func (r *targeted) step(s *state, e *trace.Event) {
	if e.Verb != "fence" || e.Resource != "backend" || e.Fault == "lateEffect" || !r.judged("fence") {
		return
	}
	if e.ID != 0 && s.proc(e.Proc).lateCall(e.ID) != nil {
		return
	}
	for _, i := range s.proc(e.Proc).memory(e.Volume).instances {
		if i.node == e.Node && (i.epoch == e.Epoch || i.epoch == 0) {
			return
		}
	}
	r.violate(s, "fence", nil, "%s fences %s on %s (epoch %d), which is no instance that it believes", or(e.Actor, "somebody"), e.Volume, or(e.Node, "every node"), e.Epoch)
}
