package sched_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

func TestAFrozenProcessStandsStill(t *testing.T) {
	bubble(t, func() {
		src := choice.Seeded(1)
		loop := sched.NewLoop(sched.Config{Strategy: sched.Random(src), Source: src, Sink: func(trace.Event) {}})
		happened := make(map[string]time.Duration)
		p1, p2 := loop.NewProcess(1), loop.NewProcess(2)
		point := func(kind trace.Kind, name string, at time.Duration, then func()) *sched.Point {
			return &sched.Point{Kind: kind, Label: name, Ready: at, Fire: func(*trace.Event, fault.Decision) {
				happened[name] = loop.Now()
				then()
			}}
		}
		nothing := func() {}
		p1.Offer(point(trace.Call, "sent", 2*time.Second, func() { p1.Offer(point(trace.Reply, "its answer", 3*time.Second, nothing)) }))
		p1.Offer(point(trace.Wake, "timer", 2*time.Second, nothing))
		p2.Offer(point(trace.Wake, "timer of another", 2*time.Second, nothing))
		loop.Offer(point(trace.Op, "freeze", time.Second, func() {
			loop.Freeze(1)
			p1.Offer(point(trace.Call, "not sent yet", time.Second, nothing))
		}))
		loop.Offer(point(trace.Op, "thaw", 10*time.Second, func() {
			require.True(t, loop.Thaw(1))
			require.False(t, loop.Thaw(1))
		}))
		loop.Run(time.Minute, 100, nil)
		require.Equal(t, map[string]time.Duration{
			"freeze": time.Second, "sent": 2 * time.Second, "timer of another": 2 * time.Second, "thaw": 10 * time.Second,
			"its answer": 10 * time.Second, "timer": 10 * time.Second, "not sent yet": 10 * time.Second,
		}, happened)
	})
}
