package shrink

import (
	"slices"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// drop takes parts of a list away, the last ones first, in pieces that become smaller.
func drop[T any](m *minimizer, list func(*scenarios.Spec) *[]T) {
	for size := (len(*list(&m.Scenario.Spec)) + 1) / 2; size >= 1; size /= 2 {
		for end := len(*list(&m.Scenario.Spec)); end > 0 && m.going(); {
			var candidates []*scenarios.Scenario
			for to := end; to > 0 && len(candidates) < m.Width; to -= size {
				candidates = append(candidates, m.edit(func(spec *scenarios.Spec) {
					part := list(spec)
					*part = slices.Delete(slices.Clone(*part), max(0, to-size), to)
				}))
			}
			if i := m.try(candidates...); i >= 0 {
				end -= (i + 1) * size
			} else {
				end -= len(candidates) * size
			}
			end = min(end, len(*list(&m.Scenario.Spec)))
		}
	}
}

func (m *minimizer) operations() {
	drop(m, func(s *scenarios.Spec) *[]scenarios.Step { return &s.Timeline })
}

func (m *minimizer) faults() {
	drop(m, func(s *scenarios.Spec) *[]scenarios.Fault { return &s.Faults })
}
