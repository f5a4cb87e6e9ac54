// Package cost measures what the Manager and the Reconciler cost in processor time, allocations and API calls, at many sizes.
//
//	rows, err := cost.Plan{Sizes: []int{1_000, 10_000, 100_000}, Stale: []float64{0.01}, Rounds: 10}.Run(ctx)
//
// Each round visits every operation at every size once, so that a minute in which the machine is slow hits all alike; package study
// says what the rows amount to. Two rows are there for comparison, and do the same work in every version of Holdfast: Control is a
// bare pass over a map of as many entries, so that a ratio to it has the machine's caches divided out, and Copying is how a
// reconciler is written at first: it copies all that is remembered and asks the cache of nodes about each attachment.
package cost

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/holdfast-sim/holdfast/benchmarks/study"
	"github.com/holdfast-sim/holdfast/sim/campaign"
)

// Plan says what is measured.
type Plan struct {
	// Sizes are the numbers of attachments.
	Sizes []int
	// Stale are the shares of attachments on nodes that are gone, for Clear.
	Stale []float64
	// Rounds is how many values each row gets.
	Rounds int
	// Least is how much processor time an operation is repeated for to get one value; 0 is 10 ms. Clear is done once for a value.
	Least time.Duration
	// Each, if not nil, is called after each measurement.
	Each func(done, of int)
}

// Trials is how many values each round takes.
func (p Plan) Trials() int { return len(p.makers()) }

// The units of the rows.
const (
	UnitTime   = "cpu-ns/op" // processor time, of all goroutines and of the garbage collector
	UnitAllocs = "allocs/op"
	UnitBytes  = "B/op"
	UnitCalls  = "calls/op" // requests to the API server
)

// Run measures. All that is measured is built first, and is there all the time. Its error is ctx's, or says what cannot be measured.
func (p Plan) Run(ctx context.Context) (rows []study.Row, err error) {
	if p.Least <= 0 {
		p.Least = 10 * time.Millisecond
	}
	var trials []*trial
	var measure []func() error
	defer func() {
		for _, t := range trials {
			t.end()
		}
	}()
	for _, build := range p.makers() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		t, err := build()
		if err != nil {
			return nil, err
		}
		trials = append(trials, t)
		measure = append(measure, func() error { return t.measure(p.Least) })
	}
	if err := study.Rounds(ctx, p.Rounds, measure, p.Each); err != nil {
		return nil, err
	}
	for _, t := range trials {
		rows = append(rows, t.rows()...)
	}
	return rows, nil
}

// trial is one operation at one size.
type trial struct {
	name string
	size int
	do   func() error
	// again, if not nil, is called after each do, and is not measured; then a value comes of one do.
	again func() error
	// calls, if not nil, returns the requests since its last call.
	calls func() int
	close func()

	times, allocs, bytes, called []float64
}

func (t *trial) end() {
	if t.close != nil {
		t.close()
	}
}

// measure adds one value to each row.
func (t *trial) measure(least time.Duration) error {
	if err := t.value(least); err != nil {
		return fmt.Errorf("%s with %d attachments: %w", t.name, t.size, err)
	}
	return nil
}

func (t *trial) value(least time.Duration) error {
	runtime.GC() // what others have left behind
	if t.calls != nil {
		t.calls()
	}
	before, n := allocated(), 0
	var spent time.Duration
	for begun := processorTime(); n == 0 || spent < least && t.again == nil; spent = processorTime() - begun {
		for range max(1, n) { // twice as often each time
			if err := t.do(); err != nil {
				return err
			}
			n++
		}
	}
	after := allocated()
	per := func(v float64) float64 { return v / float64(n) }
	t.times = append(t.times, per(float64(spent)))
	t.allocs = append(t.allocs, per(float64(after.Mallocs-before.Mallocs)))
	t.bytes = append(t.bytes, per(float64(after.TotalAlloc-before.TotalAlloc)))
	if t.calls != nil {
		t.called = append(t.called, per(float64(t.calls())))
	}
	if t.again != nil {
		return t.again()
	}
	return nil
}

func (t *trial) rows() []study.Row {
	rows := []study.Row{{Unit: UnitTime, Values: t.times}, {Unit: UnitAllocs, Values: t.allocs}, {Unit: UnitBytes, Values: t.bytes}}
	if t.calls != nil {
		rows = append(rows, study.Row{Unit: UnitCalls, Values: t.called})
	}
	for i := range rows {
		rows[i].Name, rows[i].Size = t.name, t.size
	}
	return rows
}

// processorTime is what processors have spent on this process; where that is not known, the time that passes is the next best.
func processorTime() time.Duration {
	if t := campaign.ProcessorTime(); t > 0 {
		return t
	}
	return time.Duration(time.Now().UnixNano())
}

// allocated are the runtime's counts, exact to the last allocation.
func allocated() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}

var errLeft = errors.New("what it leaves is not what it should leave")
