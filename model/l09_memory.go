package model

import (
	"strings"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// boundedMemory is L9 of SPEC.md section 5: maps and locks are O(live volumes + detaches within grace), and zero after a drain.
// What is kept per volume for ever grows with every claim that a cluster ever had.
type boundedMemory struct {
	ruling
	asked bool
}

func newBoundedMemory(s *state) rule {
	r := &boundedMemory{}
	r.judge(s, "sizes", "stats")
	r.judge(s, "memory", "believer")
	return r
}

func (r *boundedMemory) step(s *state, e *trace.Event) {
	sizes := e.Kind == trace.Probe && strings.HasPrefix(e.Name, "sizes/")
	r.asked = r.asked || sizes
	if !s.drained() {
		return
	}
	switch {
	case e.Kind == trace.Phase && e.Name == "quiesce" && s.leader != nil && r.judged("memory"):
		for _, v := range s.order {
			if m := s.leader.mem[v.handle]; m != nil && m.stamp != 0 {
				r.violate(s, "memory", []int{m.stampAt.step}, "the detach stamp of %s is still remembered after the drain", v.handle)
			}
		}
	case sizes && e.Value > 0:
		r.violate(s, "sizes", nil, "%s still holds %v entries after the drain", strings.TrimPrefix(e.Name, "sizes/"), e.Value)
	}
}

// drained reports whether nobody wishes anything any more. What was tracked by hand and never untracked counts as wished.
func (s *state) drained() bool {
	if _, quiet := s.began["quiesce"]; !quiet || len(s.wishes) > 0 {
		return false
	}
	for _, v := range s.order {
		if v.direct && s.leader != nil && len(s.leader.memory(v.handle).instances) > 0 {
			return false
		}
	}
	return true
}

func (r *boundedMemory) end(s *state) {
	if s.ended && !r.asked {
		r.unanswered("sizes", "no sizes were read after the drain")
	}
}
