package model

import (
	"slices"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// fenced is an instance that the backend has fenced. It is held no longer, whatever becomes of its removal (SPEC.md section 1: after
// a failed fence or clear an instance is uncertain).
type fenced struct {
	proc   *proc
	volume *volume
	node   string
	epoch  uint64
	op     int // 0 is the run loop
	when   moment
}

// fences judges, when what fenced an instance has ended, what memory says of it.
func (r *atomic) fences(s *state, e *trace.Event) {
	p := s.procs[e.Proc]
	switch {
	case p == nil:
	case e.Kind == trace.Process:
		r.fenced = slices.DeleteFunc(r.fenced, func(f fenced) bool { return f.proc == p })
	case e.Kind == trace.Reply && e.Verb == "fence" && e.Code == "OK":
		r.fenced = append(r.fenced, fenced{p, s.volume(e.Volume), e.Node, e.Epoch, operationOf(e), s.now})
	case e.Kind == trace.Belief && e.State == "uncertain": // whoever confirms it after that has asked for it anew
		r.fenced = slices.DeleteFunc(r.fenced, func(f fenced) bool {
			return f.proc == p && f.volume.handle == e.Volume && f.node == e.Node && f.epoch == e.Epoch
		})
	case e.Kind == trace.Return && e.Op != 0, e.Kind == trace.Counter && e.Name == passesEnded:
		r.fenced = slices.DeleteFunc(r.fenced, func(f fenced) bool {
			if f.proc != p || f.op != e.Op {
				return false
			}
			r.heldStill(s, f)
			return true
		})
	}
}

func (r *atomic) heldStill(s *state, f fenced) {
	for _, i := range f.proc.memory(f.volume.handle).instances {
		if i.node == f.node && i.epoch == f.epoch && i.state == "held" && r.judged("memory") {
			r.violate(s, "memory", []int{f.when.step}, "%s on %s (epoch %d) was fenced, and is held in memory after what fenced it has ended", f.volume.handle, f.node, f.epoch)
		}
	}
}
