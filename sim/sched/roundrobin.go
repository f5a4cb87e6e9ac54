package sched

import "slices"

// RoundRobin lets the actors take turns: it picks a point of whoever has waited longest since it last went on. It is the fairest
// order, and the one that differs most from letting one go on.
func RoundRobin() Strategy { return &roundRobin{last: make(map[string]int)} }

type roundRobin struct {
	step int
	last map[string]int // the step in which an actor last went on
}

func (*roundRobin) Name() string { return "round-robin" }

func (r *roundRobin) Pick(points []*Point) int {
	r.step++
	next := slices.Index(points, slices.MinFunc(points, func(a, b *Point) int { return r.last[a.actor()] - r.last[b.actor()] }))
	r.last[points[next].actor()] = r.step
	return next
}
