package capacity

import (
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Trial is one rate that was tried. Durations are in nanoseconds of virtual time.
type Trial struct {
	// Rate is in volumes a minute; Starts is how many that were.
	Rate   float64 `json:"rate"`
	Starts int     `json:"starts"`
	// P50, P99 and Max are what a publish took from the VolumeAttachment to its status. One that was not done when the run was over has
	// taken until then.
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
	// Converged is the time from the last start to the last status.
	Converged time.Duration `json:"converged"`
	// Waiting is how many were not attached when the run was over.
	Waiting int `json:"waiting"`
	// Calls is how many requests to the API server the driver made for each volume that was attached.
	Calls float64 `json:"callsPerStart"`
	// Busy is for how long a call of the sidecar was in flight, for each volume that was attached.
	Busy time.Duration `json:"busyPerStart"`
	// Backlog is how many waited, at equal distances of time.
	Backlog []Point `json:"backlog"`
	// Waits are what all publishes took, in order.
	Waits []time.Duration `json:"waits"`
	// Broken are the invariants that did not hold.
	Broken []string `json:"broken,omitempty"`
	// Kept says that the deadline was.
	Kept bool `json:"kept"`
}

// Point is how many volumes waited at a time after the first could be asked for.
type Point struct {
	At      time.Duration `json:"at"`
	Waiting int           `json:"waiting"`
}

// points is how many a backlog has.
const points = 60

// watch measures a run while its trace goes by.
type watch struct {
	window   time.Duration
	made     map[string]time.Duration // VolumeAttachments that are not attached yet
	backlog  []Point
	waits    []time.Duration
	starts   int
	last     time.Duration // start
	attached time.Duration // the last one
	calls    int
	began    map[int]time.Duration // calls of the sidecar in flight
	busy     time.Duration
	early    int // attached while volumes were asked for
	over     time.Duration
}

func newWatch(window time.Duration) *watch {
	return &watch{window: window, made: make(map[string]time.Duration), began: make(map[int]time.Duration)}
}

// see takes the next event. What comes once the run lets volumes go again is no answer.
func (w *watch) see(e trace.Event) {
	if w.over > 0 {
		return
	}
	for len(w.backlog) <= points && e.At >= begin+w.window*time.Duration(len(w.backlog))/points {
		w.backlog = append(w.backlog, Point{At: w.window * time.Duration(len(w.backlog)) / points, Waiting: len(w.made)})
	}
	asked := e.At < begin+w.window
	switch e.Kind {
	case trace.Phase:
		if e.Name == "drain" || e.Name == "cut" {
			w.over = e.At
		}
	case trace.Change:
		if e.Resource == "volumeattachments" {
			w.change(e, asked)
		}
	case trace.Call:
		if asked && e.At >= begin && e.Proc > 0 && e.Resource != "backend" && e.Code != trace.RateLimited {
			w.calls++
		}
	case trace.Op:
		if e.Verb == "publish" && e.Op > 0 {
			w.began[e.Op] = e.At
		}
	case trace.Return:
		if at, ok := w.began[e.Op]; ok && asked {
			w.busy += e.At - at
		}
		delete(w.began, e.Op)
	}
}

func (w *watch) change(e trace.Event, asked bool) {
	at, waits := w.made[e.Name]
	switch {
	case e.Verb == "created" && e.Volume != "": // else it is of another driver
		w.made[e.Name], w.last = e.At, e.At
		w.starts++
	case waits && e.State == "attached":
		delete(w.made, e.Name)
		w.waits, w.attached = append(w.waits, e.At-at), e.At
		if asked {
			w.early++
		}
	}
}

// trial tells what was seen.
func (w *watch) trial(rate float64, broken []string) Trial {
	t := Trial{Rate: rate, Starts: w.starts, Waiting: len(w.made), Converged: max(0, w.attached-w.last), Backlog: w.backlog, Broken: broken}
	if t.Waiting > 0 {
		t.Converged = w.over - w.last
	}
	for _, at := range w.made {
		w.waits = append(w.waits, w.over-at)
	}
	slices.Sort(w.waits)
	t.Waits = w.waits
	if n := float64(w.early); n > 0 {
		t.Calls, t.Busy = float64(w.calls)/n, time.Duration(float64(w.busy)/n)
	}
	if len(w.waits) > 0 {
		t.P50, t.P99, t.Max = quantile(w.waits, 0.5), quantile(w.waits, 0.99), w.waits[len(w.waits)-1]
	}
	return t
}

// quantile is that of sorted values, one of them.
func quantile(all []time.Duration, q float64) time.Duration {
	x := make([]float64, len(all))
	for i, d := range all {
		x[i] = float64(d)
	}
	return time.Duration(stat.Quantile(q, stat.Empirical, x, nil))
}
