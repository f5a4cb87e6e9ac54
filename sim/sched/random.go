package sched

import "github.com/holdfast-sim/holdfast/sim/choice"

// Random picks each point with equal probability.
func Random(src choice.Source) Strategy { return random{src} }

type random struct{ src choice.Source }

func (random) Name() string { return "random" }

func (r random) Pick(points []*Point) int { return r.src.Choose("schedule", len(points)) }
