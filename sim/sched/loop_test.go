package sched_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// world is a loop, a process, and a server that counts.
type world struct {
	loop   *sched.Loop
	proc   *sched.Process
	events []trace.Event
	count  int
	decide func(fault.Site) fault.Decision
}

var errInjected = errors.New("injected")

func newWorld(seed uint64, strategy sched.Strategy) *world {
	w := &world{}
	src := choice.Seeded(seed)
	if strategy == nil {
		strategy = sched.Random(src)
	}
	w.loop = sched.NewLoop(sched.Config{
		Strategy: strategy, Source: src, Sink: func(e trace.Event) { w.events = append(w.events, e) },
		Decide: func(s fault.Site) fault.Decision {
			if w.decide == nil {
				return fault.Decision{}
			}
			return w.decide(s)
		},
		Crash: func(int) { w.proc.Kill() },
	})
	w.proc = w.loop.NewProcess(1)
	return w
}

// call adds one to the server's counter and returns its new value.
func (w *world) call(ctx context.Context, name string) (int, error) {
	v, err := w.proc.Call(ctx, sched.Request{
		Verb: "update", Resource: "counters", Name: name,
		Do:   func(*trace.Event, fault.Decision) (any, error) { w.count++; return w.count, nil },
		Fail: func(fault.Effect) error { return errInjected },
		Code: func(err error) string {
			if err != nil {
				return "Error"
			}
			return "OK"
		},
	})
	n, _ := v.(int)
	return n, err
}

// run lets everything happen. Settling makes no happens-before edge, so Wait makes the actors' variables safe to read.
func (w *world) run() {
	w.loop.Run(w.loop.Now()+time.Hour, 10_000, nil)
	synctest.Wait()
}

// bubble runs f in virtual time on one processor.
func bubble(t *testing.T, f func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(*testing.T) { f() })
}

// contend has actors that call and sleep, and so all wake at one instant, which synctest alone does not order.
func contend(w *world) {
	var wg sync.WaitGroup
	for i := range 4 {
		ctx := sched.WithActor(context.Background(), fmt.Sprintf("actor-%d", i))
		wg.Go(func() {
			for k := range 4 {
				_, _ = w.call(ctx, fmt.Sprint(k))
				time.Sleep(time.Second)
			}
		})
	}
	w.run()
	wg.Wait()
}

func traceOf(t *testing.T, seed uint64, strategy sched.Strategy) (events []trace.Event) {
	bubble(t, func() {
		w := newWorld(seed, strategy)
		contend(w)
		events = w.events
	})
	return events
}

func TestSameSeedSameTrace(t *testing.T) {
	distinct := map[string]bool{}
	for seed := range uint64(100) {
		a, b := traceOf(t, seed, nil), traceOf(t, seed, nil)
		require.Equal(t, trace.Hash(a), trace.Hash(b), "seed %d", seed)
		distinct[trace.Hash(a)] = true
	}
	require.Greater(t, len(distinct), 90, "a scheduler that always picks the same point is no scheduler")
}

func TestReplayFollowsLabelsAndSaysWhereItCannot(t *testing.T) {
	recorded := traceOf(t, 7, nil)
	var labels []string
	for _, e := range recorded {
		labels = append(labels, e.Label)
	}
	replay := sched.Replay(labels)
	require.Equal(t, trace.Hash(recorded), trace.Hash(traceOf(t, 99, replay)), "whatever the seed")
	require.Empty(t, replay.Diverged())

	labels[3] = "p1/nobody/get/x/y#1"
	replay = sched.Replay(labels)
	traceOf(t, 7, replay)
	require.Contains(t, replay.Diverged(), "step 4: recorded was p1/nobody/get/x/y#1")

	replay = sched.Replay(append(labels[:3:3], labels[4:]...)[:2])
	traceOf(t, 7, replay)
	require.Contains(t, replay.Diverged(), "recorded run ended here")
}

func TestADeafCallEndsWithItsAnswerAndNotWithItsContext(t *testing.T) {
	bubble(t, func() {
		_, took, err := meet(fault.Deaf, time.Second)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, took)
	})
}

// meet makes a call that meets an effect, whose delay is three seconds, under a context that ends when patience does.
func meet(effect fault.Effect, patience time.Duration) (w *world, took time.Duration, err error) {
	w = newWorld(1, nil)
	w.decide = func(fault.Site) fault.Decision { return fault.Decision{Effect: effect, For: 3 * time.Second} }
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		_, err = w.call(ctx, "x")
		took = w.loop.Now()
	}()
	w.run()
	return w, took, err
}

func TestEffects(t *testing.T) {
	for _, c := range []struct {
		effect fault.Effect
		count  int // the server's counter afterwards
		err    error
		took   time.Duration
	}{
		{fault.None, 1, nil, 0},
		{fault.Error, 0, errInjected, 0},
		{fault.Unreachable, 0, errInjected, 0},
		{fault.Timeout, 0, errInjected, 0},
		{fault.Conflict, 0, errInjected, 0},
		{fault.Throttled, 0, errInjected, 0},
		{fault.ReplyLost, 1, errInjected, 0},
		{fault.Latency, 1, nil, 3 * time.Second},
		{fault.LateEffect, 1, errInjected, 0},
		{fault.Hang, 0, context.DeadlineExceeded, 10 * time.Second},
		{fault.Deaf, 1, nil, 3 * time.Second},
		{fault.ErrorAfter, 1, errInjected, 0},
		{fault.CrashBefore, 0, sched.ErrCut, 0},
		{fault.CrashAfter, 1, sched.ErrCut, 0},
		{fault.EmptyList, 1, nil, 0}, // an update is no list: the effect does not apply
	} {
		bubble(t, func() {
			w, took, err := meet(c.effect, 10*time.Second)
			require.ErrorIs(t, err, c.err, c.effect)
			require.Equal(t, c.count, w.count, c.effect)
			require.Equal(t, c.took, took, c.effect)
		})
	}
}

// A server that could not have an effect says so, and neither the call nor its reply tells of one.
func TestAnEffectThatTheServerHadNoUseForIsNotTold(t *testing.T) {
	for _, useful := range []bool{true, false} {
		bubble(t, func() {
			w := newWorld(1, nil)
			w.decide = func(fault.Site) fault.Decision { return fault.Decision{Effect: fault.StaleRead} }
			go func() {
				_, _ = w.proc.Call(context.Background(), sched.Request{
					Verb: "get", Resource: "counters", Name: "x", Code: func(error) string { return "OK" },
					Do: func(e *trace.Event, _ fault.Decision) (any, error) {
						if !useful {
							e.Fault = ""
						}
						return nil, nil
					},
				})
			}()
			w.run()
			require.Len(t, w.events, 2)
			for _, e := range w.events {
				require.Equal(t, useful, e.Fault == string(fault.StaleRead), e.Kind)
			}
		})
	}
}

func TestAHungCallWithoutADeadlineEndsWhenItsConnectionIsFoundDead(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		w.decide = func(fault.Site) fault.Decision { return fault.Decision{Effect: fault.Hang} }
		var err error
		var took time.Duration
		go func() { _, err = w.call(context.Background(), "x"); took = w.loop.Now() }()
		w.run()
		require.ErrorIs(t, err, errInjected)
		require.Equal(t, 45*time.Second, took)
	})
}

func TestLateEffectComesAfterTheCallerWasToldOfATimeout(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		w.decide = func(fault.Site) fault.Decision { return fault.Decision{Effect: fault.LateEffect, For: time.Minute} }
		var told error
		go func() { _, told = w.call(context.Background(), "x") }()
		w.loop.Run(30*time.Second, 100, nil)
		synctest.Wait()
		require.ErrorIs(t, told, errInjected)
		require.Zero(t, w.count)
		w.run()
		require.Equal(t, 1, w.count)
	})
}

// A request that is made and given up within one step was never sent.
func TestARequestGivenUpAtOnceIsNeverSent(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		ctx, cancel := context.WithCancel(context.Background())
		go func() { _, _ = w.call(ctx, "x") }()
		w.loop.Settle()
		cancel()
		w.run()
		require.Empty(t, w.events)
	})
}

// A caller that goes away before its request took effect does not decide whether it will.
func TestGivenUpRequestsTakeEffectOrNot(t *testing.T) {
	counts := map[int]int{}
	for seed := range uint64(60) {
		bubble(t, func() {
			w := newWorld(seed, &picker{}) // which begins with the operation
			ctx, cancel := context.WithCancel(context.Background())
			var err error
			go func() { _, err = w.call(ctx, "x") }()
			w.loop.Offer(&sched.Point{Kind: trace.Op, Label: "give up", Fire: func(*trace.Event, fault.Decision) { cancel() }})
			w.run()
			require.ErrorIs(t, err, context.Canceled)
			counts[w.count]++
		})
	}
	require.Greater(t, counts[0], 10)
	require.Greater(t, counts[1], 10)
}

func TestAKilledProcessIsSilent(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		var parked, after error
		go func() { _, parked = w.call(context.Background(), "x") }()
		w.loop.Settle()
		w.proc.Offer(&sched.Point{Kind: trace.Wake, Label: "waiting", Fire: func(*trace.Event, fault.Decision) { t.Error("what a dead process had offered fired") }})
		w.proc.Kill()
		w.proc.Kill() // twice is once
		go func() { _, after = w.call(context.Background(), "y") }()
		w.proc.Offer(&sched.Point{Kind: trace.Wake, Label: "never", Fire: func(*trace.Event, fault.Decision) { t.Error("a dead process's point fired") }})
		w.run()
		require.ErrorIs(t, parked, sched.ErrCut)
		require.ErrorIs(t, after, sched.ErrCut)
		require.True(t, w.proc.Cut())
		require.Zero(t, w.count)
	})
}

// A goroutine of a dead process that tries again without pause would never let the others be still.
func TestADeadProcessDoesNotSpin(t *testing.T) {
	done := false
	require.Panics(t, func() { // at the end of the bubble, for the goroutine is still there
		bubble(t, func() {
			w := newWorld(1, nil)
			w.proc.Kill()
			go func() {
				for {
					_, _ = w.call(context.Background(), "x")
				}
			}()
			w.run()
			done = true
		})
	})
	require.True(t, done)
}

// The plan is asked by the label that the trace shows, so that a replay finds the answer.
func TestASiteHasTheLabelOfItsPoint(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		var sites []string
		w.decide = func(s fault.Site) fault.Decision { sites = append(sites, s.Label); return fault.Decision{} }
		for range 2 {
			w.loop.Offer(&sched.Point{Kind: trace.Return, Label: "x", Site: &fault.Site{Verb: "publish"}, Fire: func(*trace.Event, fault.Decision) {}})
		}
		w.run()
		require.ElementsMatch(t, []string{"x", "x~2"}, sites)
		require.Equal(t, sites, []string{w.events[0].Label, w.events[1].Label})
	})
}

func TestTheActorThatRanLastComesFirst(t *testing.T) {
	bubble(t, func() {
		first := &picker{}
		w := newWorld(1, first)
		for _, name := range []string{"b1", "a1", "b2", "a2"} {
			w.loop.Offer(&sched.Point{Kind: trace.Op, Label: name, Actor: name[:1], Fire: func(*trace.Event, fault.Decision) {}})
		}
		w.run()
		require.Equal(t, [][]string{{"a1", "a2", "b1", "b2"}, {"a2", "b1", "b2"}, {"b1", "b2"}, {"b2"}}, first.seen)
	})
}

// What there is to choose from has one order, whenever each of it came: so a choice means the same point in every run.
func TestPointsAreInOneOrderWheneverTheyCame(t *testing.T) {
	bubble(t, func() {
		first := &picker{}
		w := newWorld(1, first)
		offer := func(label string, ready time.Duration) {
			w.loop.Offer(&sched.Point{
				Kind: trace.Op, Label: label, Actor: label, Ready: ready, Fire: func(*trace.Event, fault.Decision) {},
				Held: func() bool { return w.loop.Now() < 2*time.Second },
			})
		}
		offer("c", 0)
		offer("a", time.Second)
		offer("d", 0)
		offer("b", 2*time.Second)
		w.run()
		require.Equal(t, []string{"a", "b", "c", "d"}, first.seen[0])
	})
}

// picker always takes the first point, and remembers what it could choose from.
type picker struct{ seen [][]string }

func (*picker) Name() string { return "first" }

func (p *picker) Pick(points []*sched.Point) int {
	var labels []string
	for _, pt := range points {
		labels = append(labels, pt.Label)
	}
	p.seen = append(p.seen, labels)
	return 0
}

func TestHeldAndFuturePointsWait(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		held := true
		at := map[string]time.Duration{}
		offer := func(label string, ready time.Duration, hold func() bool) {
			w.loop.Offer(&sched.Point{Kind: trace.Op, Label: label, Ready: ready, Held: hold, Fire: func(*trace.Event, fault.Decision) {
				at[label] = w.loop.Now()
				held = held && label != "later"
			}})
		}
		offer("later", time.Minute, nil)
		offer("held", 0, func() bool { return held })
		offer("now", 0, nil)
		w.run()
		require.Equal(t, map[string]time.Duration{"now": 0, "later": time.Minute, "held": time.Minute}, at)
	})
}

func TestClashingLabelsAreCountedAndToldApart(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, &picker{})
		for range 3 {
			w.loop.Offer(&sched.Point{Kind: trace.Op, Label: "same", Fire: func(*trace.Event, fault.Decision) {}})
		}
		w.run()
		require.Equal(t, 2, w.loop.Clashes())
		require.Equal(t, []string{"same", "same~2", "same~3"}, []string{w.events[0].Label, w.events[1].Label, w.events[2].Label})
	})
}

func TestNotesOfOneStepHaveOneOrder(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		w.loop.Offer(&sched.Point{Kind: trace.Op, Label: "x", Fire: func(*trace.Event, fault.Decision) {
			for _, n := range []string{"c", "a", "b"} {
				go w.loop.Note(trace.Event{Kind: trace.Recorded, Name: n})
			}
		}})
		w.run()
		var names []string
		for _, e := range w.events[1:] {
			require.Equal(t, 1, e.Step)
			names = append(names, e.Name)
		}
		require.Equal(t, []string{"a", "b", "c"}, names)
	})
}

func TestRunSaysWhenItRanOutOfSteps(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		var again func(*trace.Event, fault.Decision)
		n := 0
		again = func(*trace.Event, fault.Decision) {
			n++
			w.loop.Offer(&sched.Point{Kind: trace.Op, Label: fmt.Sprint("x", n), Fire: again})
		}
		w.loop.Offer(&sched.Point{Kind: trace.Op, Label: "x", Fire: again})
		require.False(t, w.loop.Run(time.Hour, 50, nil))
		require.Equal(t, 50, w.loop.Steps())
		require.True(t, w.loop.Run(time.Hour, 1000, func() bool { return n >= 60 }))
	})
}

func BenchmarkStep(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w := newWorld(1, nil)
	w.loop = sched.NewLoop(sched.Config{Strategy: sched.Random(choice.Seeded(1)), Source: choice.Seeded(1), Sink: func(trace.Event) {}})
	w.proc = w.loop.NewProcess(1)
	for i := range 10 {
		ctx := sched.WithActor(context.Background(), fmt.Sprint("actor-", i))
		go func() {
			for {
				if _, err := w.call(ctx, "x"); err != nil {
					return
				}
			}
		}()
	}
	b.ReportAllocs()
	for b.Loop() {
		w.loop.Step()
	}
	b.StopTimer()
	w.proc.Kill()
}
