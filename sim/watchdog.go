package sim

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// A run is stalled when nothing moved for a while although nothing can run, or for much longer although something runs.
const (
	watchdogPeriod  = 500 * time.Millisecond
	stillPeriods    = 6   // nothing runnable and no step for this many looks: everybody waits for somebody else
	spinningPeriods = 120 // somebody runs, and no step comes
)

// watchdog looks at a run from outside its bubble.
type watchdog struct {
	steps   *atomic.Int64
	stalled chan string
	stop    chan struct{}
}

// watch starts a watchdog over a counter of steps.
func watch(steps *atomic.Int64) *watchdog {
	w := &watchdog{steps: steps, stalled: make(chan string, 1), stop: make(chan struct{})}
	go w.run()
	return w
}

func (w *watchdog) end() { close(w.stop) }

func (w *watchdog) run() {
	tick := time.NewTicker(watchdogPeriod)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	last, still, spinning := int64(-1), 0, 0
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		now := w.steps.Load()
		switch {
		case now != last:
			last, still, spinning = now, 0, 0
		case sample[0].Value.Uint64() == 0:
			still++
		default:
			spinning++
			still = 0
		}
		if still >= stillPeriods || spinning >= spinningPeriods {
			w.stalled <- stacks()
			return
		}
	}
}

// stacks returns the stacks of all goroutines.
func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}
