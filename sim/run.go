package sim

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// Run performs a scenario on the system that build makes, in a bubble of virtual time, and judges what it saw. It opens one
// testing/synctest bubble and never fails t. While it runs GOMAXPROCS is 1: do not run tests in parallel with it.
func Run(t *testing.T, build Builder, s *scenarios.Scenario, opts ...Option) *Result {
	s = s.Defaults()
	o := options{seed: 1, strategy: "random", system: "holdfast", maxSteps: maxStepsDefault + maxStepsEach*len(s.Spec.Timeline)}
	if r := s.Spec.Resolved; r != nil {
		o.seed, o.strategy = r.Seed, r.Strategy
	}
	for _, opt := range opts {
		opt.apply(&o)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer withoutCollector()()
	defer silence()()
	seedGlobalRand(o.seed)
	e := newEngine(build, s, o)
	w := watch(&e.steps)
	finished := make(chan any, 1)
	go func() {
		defer func() { finished <- recover() }()
		synctest.Test(t, func(*testing.T) {
			// A panic that leaves the bubble's first goroutine ends the process.
			defer func() {
				if v := recover(); v != nil {
					e.fault = fmt.Sprintf("step %d: %v\n%s", e.steps.Load(), v, debug.Stack())
				}
			}()
			e.play()
		})
	}()
	select {
	case p := <-finished:
		w.end()
		if e.fault != "" {
			panic(e.fault) // the harness's own
		}
		if p != nil && !e.done.Load() {
			return e.abnormal(Crashed, fmt.Sprint(p))
		}
		// Goroutines that are left over make the bubble panic at its end; the run has counted them by then.
		return e.result()
	case stacks := <-w.stalled:
		return e.abnormal(Stalled, stacks)
	}
}

// seedGlobalRand seeds math/rand's global source, from which client-go draws jitter. Since Go 1.24 that does nothing unless a
// setting of the main module says so, and the main module may be that of a driver with tests of its own.
func seedGlobalRand(seed uint64) {
	was, had := os.LookupEnv("GODEBUG")
	os.Setenv("GODEBUG", was+",randseednop=0")
	rand.Seed(int64(seed)) //nolint:staticcheck
	if had {
		os.Setenv("GODEBUG", was)
	} else {
		os.Unsetenv("GODEBUG")
	}
}

// memoryMax is how much a run may take before the garbage collector works all the same.
const memoryMax = 2 << 30

// withoutCollector keeps the garbage collector from running, and returns what lets it. A goroutine that has to help the collector
// waits without being runnable, so that the loop would not wait for it.
func withoutCollector() (restore func()) {
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, memoryMax))
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// silence takes client-go's handlers of stray errors away, and returns what puts them back. One of them sleeps by the time
// since the last error of the whole process: across two bubbles, whose clocks both begin in the year 2000, that is years.
func silence() (restore func()) {
	was := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil
	return func() { utilruntime.ErrorHandlers = was }
}
