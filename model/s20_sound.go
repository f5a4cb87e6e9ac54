package model

import (
	"strings"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// sound is S20 of SPEC.md section 5: no panic, no data race, no mutex held across I/O. A trace cannot show these by itself: the
// harness's probes do. Panics are always seen; races only by a build with the race detector.
type sound struct{ ruling }

func newSound(s *state) rule {
	r := &sound{}
	r.judge(s, "panic")
	r.judge(s, "race", "race")
	r.judge(s, "mutex", "mutex")
	return r
}

func (r *sound) step(s *state, e *trace.Event) {
	if e.Kind != trace.Probe {
		if e.Code != "OK" && strings.Contains(e.Message, "%!") {
			r.violate(s, "panic", nil, "the text of an error could not be made: %s", e.Message)
		}
		return
	}
	if e.Name != "panic" && e.Name != "race" && e.Name != "mutex" || e.Code == "OK" {
		return
	}
	if !r.judged(e.Name) { // the probe speaks although nobody offered it
		r.parts = append(r.parts, Part{Name: e.Name, Outcome: Held})
	}
	r.violate(s, e.Name, nil, "%s: %s", e.Name, or(e.Message, "no more is known"))
}
