package sched

import "slices"

// Turn is a point that happens out of order: where Before would be next, Take is taken. Both are labels.
type Turn struct{ Take, Before string }

// InOrder lets each actor go on until it waits, and then the first one by label: what is nearest to a program without any
// concurrency. Its turns are the exceptions, each of which is taken once, at the first occasion. So a schedule is told by what is
// out of the ordinary, and by names: most of it holds when operations go, or when the code has changed.
type InOrder struct {
	turns []Turn
	taken []bool
	at    map[string][]int // the turns before a label
}

// NewInOrder returns the strategy with its exceptions.
func NewInOrder(turns []Turn) *InOrder {
	o := &InOrder{turns: turns, taken: make([]bool, len(turns)), at: make(map[string][]int)}
	for i, t := range turns {
		o.at[t.Before] = append(o.at[t.Before], i)
	}
	return o
}

// Name implements Strategy.
func (*InOrder) Name() string { return "in-order" }

// Pick implements Strategy.
func (o *InOrder) Pick(points []*Point) int {
	for _, i := range o.at[points[0].Label] {
		at := slices.IndexFunc(points, func(p *Point) bool { return p.Label == o.turns[i].Take })
		if at > 0 && !o.taken[i] {
			o.taken[i] = true
			return at
		}
	}
	return 0
}

// Missed returns the turns for which there was no occasion.
func (o *InOrder) Missed() (missed []Turn) {
	for i, t := range o.turns {
		if !o.taken[i] {
			missed = append(missed, t)
		}
	}
	return missed
}

// Noted is a strategy whose deviations from the order are noted, as turns that lead InOrder the same way.
type Noted struct {
	Strategy
	Turns []Turn
}

// Pick implements Strategy.
func (n *Noted) Pick(points []*Point) int {
	i := n.Strategy.Pick(points)
	if i > 0 {
		n.Turns = append(n.Turns, Turn{Take: points[i].Label, Before: points[0].Label})
	}
	return i
}
