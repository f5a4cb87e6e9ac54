package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// goroutines is L8 of SPEC.md section 5: the count of goroutines is back at its baseline after Stop and after many events. A
// goroutine per event, never stopped, is a controller that dies of memory after a month. The probe speaks at teardown.
type goroutines struct {
	ruling
	asked bool
}

func newGoroutines(s *state) rule {
	r := &goroutines{}
	r.judge(s, "probe")
	return r
}

func (r *goroutines) step(s *state, e *trace.Event) {
	if e.Name != "goroutines" {
		return
	}
	r.asked = true
	if e.Code != "" && e.Code != "OK" || e.Count > 0 && e.Value > float64(e.Count) {
		r.violate(s, "probe", nil, "%v goroutines are left after teardown", e.Value)
	}
}

func (r *goroutines) end(s *state) {
	if !r.asked && s.ended {
		r.parts[0] = Part{Name: "probe", Outcome: NotJudged, Reason: "the trace has no count of goroutines: a process that crashed is never torn down"}
	}
}
