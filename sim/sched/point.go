// Package sched decides what happens next. Everything that may happen is a Point; the Loop lets exactly one happen, waits
// until every goroutine is still, and appends what was seen to the trace.
//
// Points are data: a request that waits is held by the loop, and its effect runs on the loop's own goroutine, so that the
// simulated servers need no locks and a caller that gave up leaves its request behind, as on a real network.
//
//	loop := sched.NewLoop(sched.Config{Strategy: sched.Random(src), Source: src, Decide: plan.Decide, Sink: w.Append})
//	loop.Offer(&sched.Point{Kind: trace.Op, Label: "0/operator/deleteNode/node-1#1", Fire: func(e *trace.Event, _ fault.Decision) { ... }})
//	for loop.Step() {
//	}
package sched

import (
	"context"
	"time"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Point is something that may happen next.
type Point struct {
	Kind  trace.Kind
	Label string
	Proc  int
	Actor string
	// Ready is the virtual time before which the point cannot happen.
	Ready time.Duration
	// Queue, if not nil, is called once, on the loop's goroutine, and may move Ready. Of points that were offered in one step, those with
	// lesser labels come first.
	Queue func()
	// Held forbids the point for now if it returns true; nil never does. It is asked on the loop's goroutine.
	Held func() bool
	// Outside marks a point of a process that happens although the process stands still: a request that was sent, the end of a
	// caller's patience.
	Outside bool
	// Site, if not nil, is shown to the fault plan when the point is picked, with its Label and At filled in.
	Site *fault.Site
	// Fire makes it happen. It runs on the loop's goroutine, must not block, and fills in the event, which already has
	// Step, At, Kind, Label, Proc and Actor. It may Offer further points.
	Fire func(e *trace.Event, d fault.Decision)

	owner *Process // whose end takes the point along; nil if nobody's
	gone  bool     // taken or withdrawn; guarded by the loop
}

// Strategy picks the next point.
type Strategy interface {
	// Name is the word that the --strategy flag takes.
	Name() string
	// Pick returns an index into points, which is not empty, and is sorted: first those of the actor that ran last, then by label.
	Pick(points []*Point) int
}

type actorKey struct{}

// WithActor returns a context whose requests are made in the name of an actor.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor returns the actor of a context, or "other".
func Actor(ctx context.Context) string {
	if a, ok := ctx.Value(actorKey{}).(string); ok {
		return a
	}
	return "other"
}
