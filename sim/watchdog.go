package sim

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A run is stalled when nothing moved for a while although nothing can run, or for much longer although something runs.
const (
	watchdogPeriod  = 500 * time.Millisecond
	stillPeriods    = 3  // nothing runnable and no step for this many looks: everybody waits for somebody else
	spinningPeriods = 30 // somebody runs, and no step comes
)

// watchdog looks at a run from outside its bubble.
type watchdog struct {
	steps   *atomic.Int64
	stalled chan string
	stop    chan struct{}
	gone    chan struct{}
}

// watch starts a watchdog over a counter of steps.
func watch(steps *atomic.Int64) *watchdog {
	w := &watchdog{steps: steps, stalled: make(chan string, 1), stop: make(chan struct{}), gone: make(chan struct{})}
	go w.run()
	return w
}

// end waits until the watchdog has gone: its goroutine is not to be counted in the next run.
func (w *watchdog) end() {
	close(w.stop)
	<-w.gone
}

func (w *watchdog) run() {
	defer close(w.gone)
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
		switch {
		case still >= stillPeriods:
			w.stalled <- account("nothing can run, and time cannot pass: a goroutine waits for what is not virtual, as a mutex", stacks())
			return
		case spinning >= spinningPeriods:
			w.stalled <- account("no step came for long, and something runs all the time", stacks())
			return
		}
	}
}

// account says who keeps a run from going on: the goroutines of its bubble that do not wait for something virtual come
// first, by name and in full.
func account(why, stacks string) string {
	var culprits, others, names []string
	for _, s := range strings.Split(strings.TrimSpace(stacks), "\n\n") {
		head, _, _ := strings.Cut(s, "\n")
		if !strings.Contains(head, "synctest bubble") || strings.Contains(head, "(durable)") {
			others = append(others, s)
			continue
		}
		culprits = append(culprits, s)
		if name := culprit(s); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		why += ": " + strings.Join(names, ", ")
	}
	return clip(why + "\n\n" + strings.Join(append(culprits, others...), "\n\n"))
}

// clip bounds what is told of stacks: it goes through traces and reports.
func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), 1<<20)], "") }

// culprit names the function of a stack that is not the runtime's.
func culprit(stack string) string {
	lines := strings.Split(stack, "\n")
	for _, l := range lines[1:] {
		if strings.HasPrefix(l, "\t") || hasAnyPrefix(l, "runtime.", "internal/", "sync.") {
			continue
		}
		return l[:max(0, strings.LastIndexByte(l, '('))] // without its arguments
	}
	return lines[0]
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// stacksMax bounds what stacks returns.
const stacksMax = 64 << 20

// stacks returns the stacks of all goroutines. Those that earlier runs have left behind may be many, and come first.
func stacks() string {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size || size >= stacksMax {
			return string(buf[:n])
		}
	}
}
