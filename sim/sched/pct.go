package sched

import (
	"math"
	"strconv"

	"github.com/holdfast-sim/holdfast/sim/choice"
)

// PCT is probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with
// Probabilistic Guarantees of Finding Bugs, ASPLOS 2010). Each actor gets a random priority, and the one with the highest goes on
// until it has to wait. At depth-1 random steps whoever would go on falls below everybody else.
//
// A bug that needs depth ordering constraints is found in a run with a probability of at least 1/(n k^(depth-1)), where n is the
// number of actors and k that of steps. That says nothing of bugs that need a certain fault or workload: those are drawn apart.
type PCT struct {
	src     choice.Source
	depth   int
	horizon int // k: the steps among which the changes are drawn
	changes []int
	step    int
	ranks   map[string]int
}

// NewPCT returns the strategy for bugs of a depth, at least 1, in runs of up to horizon steps. Beyond those the last order stays.
func NewPCT(src choice.Source, depth, horizon int) *PCT {
	p := &PCT{src: src, depth: max(1, depth), horizon: max(1, horizon), ranks: make(map[string]int)}
	for i := 1; i < p.depth; i++ {
		p.changes = append(p.changes, 1+src.Choose("pct/change/"+strconv.Itoa(i), p.horizon))
	}
	return p
}

// Name implements Strategy.
func (*PCT) Name() string { return "pct" }

// Pick implements Strategy.
func (p *PCT) Pick(points []*Point) int {
	p.step++
	best := p.highest(points)
	for i, at := range p.changes {
		if at == p.step {
			p.ranks[points[best].actor()] = -1 - i
			best = p.highest(points)
		}
	}
	return best
}

func (p *PCT) highest(points []*Point) (best int) {
	for i := range points {
		if p.rank(points[i].actor()) > p.rank(points[best].actor()) {
			best = i
		}
	}
	return best
}

func (p *PCT) rank(actor string) int {
	r, ok := p.ranks[actor]
	if !ok {
		r = p.src.Choose("pct/rank/"+actor, math.MaxInt32)
		p.ranks[actor] = r
	}
	return r
}

// Bound is what the theory promises of a run: the probability with which it would have found a bug of the depth.
type Bound struct {
	// Probability is 1/(Actors x Horizon^(Depth-1)); 0 if the run went beyond the horizon: then the theory does not cover it.
	Probability float64
	// Actors is the theory's n, Horizon its k, Depth its d.
	Actors, Horizon, Depth int
}

// Bound is that of this run, as far as it has come.
func (p *PCT) Bound() Bound {
	b := Bound{Actors: len(p.ranks), Horizon: p.horizon, Depth: p.depth}
	if p.step <= b.Horizon && b.Actors > 0 {
		b.Probability = 1 / (float64(b.Actors) * math.Pow(float64(b.Horizon), float64(b.Depth-1)))
	}
	return b
}

// actor tells the actors of all processes apart.
func (p *Point) actor() string { return strconv.Itoa(p.Proc) + "/" + p.Actor }
