package model

import "time"

// passTime is T: what a pass may take by its calls, and a second. It is computed from the plan and not measured: what is missing
// or doubtful is counted generously.
func (s *state) passTime(p *proc) time.Duration {
	suspects, dirty := 0, len(p.hurt)
	for _, n := range s.nodes {
		for _, l := range n.lives {
			if l.dead {
				suspects++
			}
		}
	}
	for _, m := range p.mem {
		for _, i := range m.instances {
			if s.absent(i.node, i.uid) {
				dirty += 2 // a fence and a write, and once more after a conflict
			}
		}
	}
	return s.timeOf(suspects, dirty)
}

// timeOf is the formula of SPEC.md section 5 for T.
func (s *state) timeOf(suspects, dirty int) time.Duration {
	return time.Duration(2*suspects+2*dirty+4)*s.latencyMax() + time.Second
}
