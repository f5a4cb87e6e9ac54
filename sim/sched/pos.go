package sched

import (
	"math"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
)

// POS is partial order sampling (Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018). Each point gets a random
// priority when it is first seen, and the highest goes first. What races with it gets a new one. So orders that differ only in
// steps that have nothing to do with each other share their chance, and the others get more of it than under Random.
func POS(src choice.Source) Strategy { return &pos{src: src, ranks: make(map[*Point]int)} }

type pos struct {
	src   choice.Source
	ranks map[*Point]int // of the points that wait
}

func (*pos) Name() string { return "pos" }

func (p *pos) Pick(points []*Point) int {
	known := make(map[*Point]int, len(points))
	best := 0
	for i, q := range points {
		rank, ok := p.ranks[q]
		if !ok {
			rank = p.src.Choose("pos/"+q.Label, math.MaxInt32)
		}
		known[q] = rank
		if rank > known[points[best]] {
			best = i
		}
	}
	taken := points[best]
	for _, q := range points {
		if q == taken || races(taken, q) {
			delete(known, q)
		}
	}
	p.ranks = known
	return best
}

// races reports whether the order of two points may matter: both are of one process, which shares its memory, or both are
// requests about one object, and one of them writes.
func races(a, b *Point) bool {
	if a.Proc == b.Proc && a.Proc != 0 {
		return true
	}
	x, y := a.Site, b.Site
	if x == nil || y == nil {
		return x == y // what the world does by itself may concern anything else that it does
	}
	if x.Resource != y.Resource || x.Name != y.Name && x.Name != "" && y.Name != "" {
		return false
	}
	return !fault.Reads(x.Verb) || !fault.Reads(y.Verb)
}
