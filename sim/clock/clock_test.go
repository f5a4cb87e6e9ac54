package clock_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/clock"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

type world struct {
	loop   *sched.Loop
	proc   *sched.Process
	wall   *clock.Wall
	clock  *clock.Clock
	labels []string
}

func in(t *testing.T, f func(w *world)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(*testing.T) {
		w := &world{}
		w.loop = sched.NewLoop(sched.Config{Strategy: sched.Random(choice.Seeded(1)), Source: choice.Seeded(1), Sink: func(e trace.Event) { w.labels = append(w.labels, e.Label) }})
		w.proc = w.loop.NewProcess(1)
		w.wall = clock.NewWall(w.loop, start)
		w.clock = clock.New(w.proc, w.wall)
		f(w)
		w.proc.Kill()
	})
}

// run lets d of virtual time pass. Settling makes no happens-before edge, so Wait makes the actors' variables safe to read.
func (w *world) run(d time.Duration) {
	w.loop.Run(w.loop.Now()+d, 1000, nil)
	synctest.Wait()
}

func TestATimerFiresAtItsTimeAsAPoint(t *testing.T) {
	in(t, func(w *world) {
		timer := w.clock.NewTimer(time.Minute)
		w.run(time.Minute - 1)
		require.Empty(t, timer.C())
		w.run(1)
		require.Equal(t, start.Add(time.Minute), <-timer.C())
		require.Equal(t, []string{"p1/clock/wake/timer/1m0s#1"}, w.labels)
		require.False(t, timer.Stop(), "it has fired")
	})
}

func TestStopAndReset(t *testing.T) {
	in(t, func(w *world) {
		timer := w.clock.NewTimer(time.Minute)
		require.True(t, timer.Stop())
		require.False(t, timer.Stop())
		w.run(time.Hour)
		require.Empty(t, timer.C())
		require.False(t, timer.Reset(time.Second))
		require.True(t, timer.Reset(2*time.Second), "it was running")
		w.run(time.Second)
		require.Empty(t, timer.C())
		w.run(time.Second)
		require.Len(t, timer.C(), 1)
	})
}

func TestATickerDropsWhatNobodyTakes(t *testing.T) {
	in(t, func(w *world) {
		ticker := w.clock.NewTicker(time.Second)
		w.run(3 * time.Second)
		require.Equal(t, start.Add(time.Second), <-ticker.C())
		require.Empty(t, ticker.C())
		w.run(time.Second)
		require.Equal(t, start.Add(4*time.Second), <-ticker.C())
		ticker.Stop()
		w.run(time.Minute)
		require.Empty(t, ticker.C())
		require.Panics(t, func() { w.clock.NewTicker(0) })
	})
}

// A step of the wall clock moves Now, and neither Elapsed nor a timer.
func TestAStepMovesOnlyTheWallClock(t *testing.T) {
	in(t, func(w *world) {
		timer := w.clock.NewTimer(time.Minute)
		w.run(time.Second)
		w.wall.Step(-time.Hour)
		require.Equal(t, start.Add(time.Second-time.Hour), w.clock.Now())
		require.Equal(t, time.Second, w.clock.Elapsed())
		require.Equal(t, time.Second-time.Hour, w.clock.Since(start))
		w.run(59 * time.Second)
		require.Len(t, timer.C(), 1)
	})
}

// Each machine has a wall clock of its own, which may be off while the others are not.
func TestAWallClockOfItsOwn(t *testing.T) {
	in(t, func(w *world) {
		one, other := w.wall.Own(), w.wall.Own()
		w.run(time.Second)
		one.Step(time.Minute)
		w.wall.Step(-time.Hour)
		require.Equal(t, start.Add(time.Second-time.Hour+time.Minute), one.Now())
		require.Equal(t, start.Add(time.Second-time.Hour), other.Now())
		require.Equal(t, other.Now(), w.wall.Now())
	})
}

func TestSleepAfterTick(t *testing.T) {
	in(t, func(w *world) {
		var woke []time.Duration
		go func() {
			w.clock.Sleep(time.Second)
			woke = append(woke, w.loop.Now())
			<-w.clock.After(time.Second)
			woke = append(woke, w.loop.Now())
			<-w.clock.Tick(time.Second)
			woke = append(woke, w.loop.Now())
		}()
		w.run(10 * time.Second)
		require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, woke)
	})
}

func TestADeadProcessSleepsForEver(t *testing.T) {
	in(t, func(w *world) {
		timer := w.clock.NewTimer(time.Second)
		w.proc.Kill()
		w.run(time.Hour)
		require.Empty(t, timer.C())
		require.Empty(t, w.clock.After(0))
	})
}

// As in the standard library since Go 1.23: after Stop and Reset nobody receives a wake-up from before.
func TestNoWakeUpIsStale(t *testing.T) {
	in(t, func(w *world) {
		timer := w.clock.NewTimer(time.Minute)
		w.run(time.Minute)
		require.True(t, timer.Stop(), "it has fired, and nobody has seen it")
		require.Empty(t, timer.C())
		timer.Reset(time.Second)
		w.run(time.Second)
		require.True(t, timer.Reset(time.Second))
		require.Empty(t, timer.C())
		w.run(time.Second)
		require.Equal(t, start.Add(time.Minute+2*time.Second), <-timer.C())
		require.False(t, timer.Stop())
		ticker := w.clock.NewTicker(time.Second)
		w.run(time.Second)
		ticker.Stop()
		require.Empty(t, ticker.C())
	})
}
