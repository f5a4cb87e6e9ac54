package sched

import "fmt"

// Replayer is the strategy that follows recorded labels.
type Replayer struct {
	labels   []string
	next     int
	diverged string
}

// Replay returns a strategy that picks the points of a recorded run by their labels. A recorded label that is not waiting is
// passed over; the first one is remembered. After the last label, and where none fits, it picks the first point.
func Replay(labels []string) *Replayer { return &Replayer{labels: labels} }

// Name implements Strategy.
func (*Replayer) Name() string { return "replay" }

// Diverged says where the run left the recorded one first; it is empty if it did not.
func (r *Replayer) Diverged() string {
	if r.diverged == "" && r.next < len(r.labels) {
		return fmt.Sprintf("after step %d: the run ended, recorded was %s", r.next, r.labels[r.next])
	}
	return r.diverged
}

// Pick implements Strategy.
func (r *Replayer) Pick(points []*Point) int {
	if r.next >= len(r.labels) {
		r.note("recorded run ended here, this one goes on with %s", points[0].Label)
		return 0
	}
	want := r.labels[r.next]
	r.next++
	for i, p := range points {
		if p.Label == want {
			return i
		}
	}
	r.note("recorded was %s, possible are %d others, first of them %s", want, len(points), points[0].Label)
	return 0
}

func (r *Replayer) note(format string, args ...any) {
	if r.diverged == "" {
		r.diverged = fmt.Sprintf("step %d: ", r.next) + fmt.Sprintf(format, args...)
	}
}
