// Package capacity asks how many volumes a minute a driver can publish before publishing takes too long.
//
//	answer, err := capacity.Plan{Latency: 100 * time.Millisecond, QPS: 20, Workers: 10, Deadline: 15 * time.Second, ...}.Run(ctx)
//
// All of it is in virtual time, so that the answer is exact for a seed and the same on any machine; what the driver costs in processor time
// is the business of package cost. Volumes are asked for at random times (a Poisson process), each its own, ten to a node, for a while.
// The rate doubles until the slowest hundredth of publishes, or what is left at the end, takes longer than the deadline; then the gap
// between the largest rate that was kept and the smallest that was not is halved.
//
// Beyond that, a queue grows. The study predicts by how much from its first, light trial: so many requests to the API server for each
// volume, of so many a second that the client allows itself, and so many workers of the sidecar, each busy for so long. A longer
// simulation at half as much again as that is the test of the prediction (kubernetes-csi/external-attacher#706 is such a queue).
package capacity

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/holdfast-sim/holdfast/benchmarks/cluster"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Plan is the question.
type Plan struct {
	// Latency is what each request to the API server and the storage backend takes.
	Latency time.Duration
	// QPS and Burst are the driver's own limit on its requests to the API server; 0 is none, and twice the QPS.
	QPS   float64
	Burst int
	// Workers is how many calls the sidecar has in flight at the most; 0 is no limit.
	Workers int
	// Deadline bounds the 99th percentile of what a publish takes, from the VolumeAttachment to its status, and the time from the last
	// request to the last status.
	Deadline time.Duration
	// Window is for how long volumes are asked for.
	Window time.Duration
	// From and To are the smallest and the largest rate that is tried, in volumes a minute.
	From, To float64
	// Precision is the gap that remains between what is kept and what is not: 0.05 is a twentieth.
	Precision float64
	// Seed is that of the arrivals.
	Seed uint64
	// Do runs a scenario, hands its events on one by one, and returns the invariants that it broke.
	Do func(ctx context.Context, s *scenarios.Scenario, each func(trace.Event)) (broken []string, err error)
	// Each, if not nil, is called after each trial.
	Each func(Trial)
}

// overload is how far above the predicted ceiling the prediction is tested, and longer how many windows that test lasts.
const (
	overload = 1.5
	longer   = 3
)

// Answer is what came of a Plan.
type Answer struct {
	// Trials are all rates that were tried, in their order.
	Trials []Trial `json:"trials"`
	// Kept is the largest rate that was kept, in volumes a minute, 0 if none was; Missed the smallest that was not, 0 if all were kept.
	Kept   float64 `json:"keptPerMinute"`
	Missed float64 `json:"missedPerMinute"`
	// Ceiling is what the first trial says that can be published in the long run, in volumes a minute; 0 if nothing is limited.
	Ceiling float64 `json:"ceilingPerMinute"`
	// Bound is what sets the ceiling: requests or workers.
	Bound string `json:"bound,omitempty"`
	// Overload is the test of that ceiling; nil if there is none.
	Overload *Overload `json:"overload,omitempty"`
}

// Overload is a longer simulation at a rate above the ceiling.
type Overload struct {
	Trial Trial `json:"trial"`
	// Predicted is how many volumes wait at the end by the ceiling, Found how many did.
	Predicted float64 `json:"predicted"`
	Found     float64 `json:"found"`
}

// Error is how much more was found than predicted: 0.1 is a tenth.
func (o *Overload) Error() float64 { return o.Found/o.Predicted - 1 }

// Run asks. Its error is ctx's or that of Do.
func (p Plan) Run(ctx context.Context) (Answer, error) {
	var a Answer
	try := func(rate float64) (bool, error) {
		t, err := p.trial(ctx, rate, p.Window)
		if err != nil {
			return false, err
		}
		a.Trials = append(a.Trials, t)
		if t.Kept {
			a.Kept = max(a.Kept, rate)
		} else if a.Missed == 0 || rate < a.Missed {
			a.Missed = rate
		}
		return t.Kept, nil
	}
	for rate, kept := p.From, true; kept && rate <= p.To; rate *= 2 {
		var err error
		if kept, err = try(rate); err != nil {
			return a, err
		}
	}
	for a.Kept > 0 && a.Missed > a.Kept*(1+p.Precision) {
		if _, err := try(math.Sqrt(a.Kept * a.Missed)); err != nil {
			return a, err
		}
	}
	p.ceiling(&a)
	return a, p.test(ctx, &a)
}

// ceiling says how many can be published in the long run, by what the lightest trial took for each.
func (p Plan) ceiling(a *Answer) {
	light := a.Trials[0]
	least := math.Inf(1)
	if p.QPS > 0 && light.Calls > 0 {
		least, a.Bound = 60*p.QPS/light.Calls, "requests"
	}
	if busy := light.Busy.Seconds(); p.Workers > 0 && busy > 0 && 60*float64(p.Workers)/busy < least {
		least, a.Bound = 60*float64(p.Workers)/busy, "workers"
	}
	if !math.IsInf(least, 0) {
		a.Ceiling = least
	}
}

// test simulates for longer at a rate above the ceiling.
func (p Plan) test(ctx context.Context, a *Answer) error {
	if a.Ceiling == 0 {
		return nil
	}
	rate, window := overload*a.Ceiling, longer*p.Window
	t, err := p.trial(ctx, rate, window)
	if err != nil {
		return err
	}
	a.Overload = &Overload{Trial: t, Predicted: (rate - a.Ceiling) * window.Minutes(), Found: float64(t.Backlog[len(t.Backlog)-1].Waiting)}
	return nil
}

// trial runs one rate for so long.
func (p Plan) trial(ctx context.Context, rate float64, window time.Duration) (Trial, error) {
	s := p.scenario(rate, window)
	w := newWatch(window)
	broken, err := p.Do(ctx, s, w.see)
	if err != nil {
		return Trial{}, fmt.Errorf("%.0f a minute: %w", rate, err)
	}
	t := w.trial(rate, broken)
	t.Kept = t.Waiting == 0 && t.P99 <= p.Deadline && t.Converged <= p.Deadline
	if p.Each != nil {
		p.Each(t)
	}
	return t, nil
}

// begin is when the first volume may be asked for: by then the driver leads.
const begin = time.Minute

// perNode is how many volumes there are for each node.
const perNode = 10

// scenario draws the arrivals of a rate.
func (p Plan) scenario(rate float64, window time.Duration) *scenarios.Scenario {
	gap := distuv.Exponential{Rate: rate / 60, Src: rand.NewPCG(p.Seed, math.Float64bits(rate))}
	var at []time.Duration
	for t := gap.Rand(); t < window.Seconds(); t += gap.Rand() {
		at = append(at, begin+time.Duration(t*float64(time.Second)).Round(time.Millisecond))
	}
	nodes := max(1, (len(at)+perNode-1)/perNode)
	s := cluster.New(fmt.Sprintf("arrivals-%.0f", rate), len(at), nodes)
	for i, t := range at {
		s.Spec.Timeline = append(s.Spec.Timeline, scenarios.Step{
			At: scenarios.Duration(t), Publish: &scenarios.Attachment{Volume: cluster.Volume(i), Node: cluster.Node(i % nodes)},
		})
	}
	s.Spec.Latency = scenarios.Latency{Min: scenarios.Duration(p.Latency), Max: scenarios.Duration(p.Latency)}
	s.Spec.Client = scenarios.Client{QPS: p.QPS, Burst: p.Burst}
	s.Spec.SidecarWorkers = p.Workers
	return s
}
