// Package speed measures how fast the simulation itself is.
//
//	rows, err := speed.Plan{Machines: []int{1, 10, 100}, Idle: []int{0, 1_000}, Rounds: 10, Do: run}.Run(ctx)
//
// Work is what a step costs through the whole stack (scheduler, simulated cluster and backend, client-go's informers, Manager and
// Reconciler, oracle, trace) while so many machines are started and stopped, Empty what a run costs in which nothing is asked for, and
// Idle what an hour costs in which nothing happens, with so many volumes attached. As in package cost, each round visits all of them.
package speed

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/benchmarks/cluster"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
	"github.com/holdfast-sim/holdfast/scenarios"
)

// The names of what is measured.
const (
	Work  = "Work"
	Empty = "Empty"
	Idle  = "Idle"
)

// The units of the rows.
const (
	UnitStep  = "cpu-ns/step"
	UnitSteps = "steps/op" // steps for a publish with its unpublish
	UnitRun   = "cpu-ns/run"
	UnitHour  = "cpu-ns/hour" // of virtual time
)

// Plan says what is measured.
type Plan struct {
	// Machines are the numbers of machines at work, each with a volume and a node.
	Machines []int
	// Idle are the numbers of volumes that are attached while nothing happens, ten to a node.
	Idle []int
	// Rounds is how many values each row gets.
	Rounds int
	// Do runs a scenario.
	Do func(context.Context, *scenarios.Scenario) (Spent, error)
	// Each, if not nil, is called after each measurement.
	Each func(done, of int)
}

// Spent is what a run took.
type Spent struct {
	CPU   time.Duration
	Steps int
}

// Trials is how many values each round takes.
func (p Plan) Trials() int { return len(p.trials()) }

// trial is one thing that is measured: scenarios, whose runs make the values of rows.
type trial struct {
	scenarios []*scenarios.Scenario
	rows      []*study.Row
	values    func([]Spent) []float64
}

// Run measures. Its error is ctx's or that of Do.
func (p Plan) Run(ctx context.Context) (rows []study.Row, err error) {
	trials := p.trials()
	var measure []func() error
	for _, t := range trials {
		measure = append(measure, func() error { return p.measure(ctx, t) })
	}
	if err := study.Rounds(ctx, p.Rounds, measure, p.Each); err != nil {
		return nil, err
	}
	for _, t := range trials {
		for _, r := range t.rows {
			rows = append(rows, *r)
		}
	}
	return rows, nil
}

func (p Plan) measure(ctx context.Context, t trial) error {
	var all []Spent
	for _, s := range t.scenarios {
		spent, err := p.Do(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Metadata.Name, err)
		}
		all = append(all, spent)
	}
	for i, v := range t.values(all) {
		t.rows[i].Values = append(t.rows[i].Values, v)
	}
	return nil
}

func (p Plan) trials() []trial {
	all := []trial{{
		scenarios: slices.Repeat([]*scenarios.Scenario{idle(0, 0)}, 2*empties), rows: []*study.Row{{Name: Empty, Unit: UnitRun, Size: 1}},
		values: func(s []Spent) []float64 {
			var sum time.Duration
			for _, x := range s[empties:] { // the first collect what the run before them has left
				sum += x.CPU
			}
			return []float64{float64(sum) / empties}
		},
	}}
	for _, n := range p.Machines {
		all = append(all, trial{
			scenarios: []*scenarios.Scenario{work(n)}, rows: []*study.Row{{Name: Work, Size: n, Unit: UnitStep}, {Name: Work, Size: n, Unit: UnitSteps}},
			values: func(s []Spent) []float64 {
				return []float64{float64(s[0].CPU) / float64(s[0].Steps), float64(s[0].Steps) / float64(starts(n)*n)}
			},
		})
	}
	for _, n := range p.Idle {
		all = append(all, trial{
			scenarios: []*scenarios.Scenario{idle(n, 0), idle(n, idleHours)}, rows: []*study.Row{{Name: Idle, Size: n, Unit: UnitHour}},
			values: func(s []Spent) []float64 { return []float64{float64(s[1].CPU-s[0].CPU) / idleHours} },
		})
	}
	return all
}

// idleHours is how much longer one of two runs is, whose difference is what idle time costs.
const idleHours = 500

// empties is how many runs of Empty a value is the mean of.
const empties = 10

// operations is how many publishes a run of Work makes, or a few more.
const operations = 400

// starts is how often each of n machines starts.
func starts(n int) int { return (operations + n - 1) / n }

func at(d time.Duration) scenarios.Duration { return scenarios.Duration(d) }

// work is a scenario in which n machines start and stop all the time.
func work(n int) *scenarios.Scenario {
	s := cluster.New(fmt.Sprintf("work-%d", n), n, n)
	for round := range starts(n) {
		for i := range n {
			begun := 10*time.Second + time.Duration(round)*20*time.Second + time.Duration(i)*10*time.Second/time.Duration(n)
			a := &scenarios.Attachment{Volume: cluster.Volume(i), Node: cluster.Node(i)}
			s.Spec.Timeline = append(s.Spec.Timeline,
				scenarios.Step{At: at(begun), Publish: a}, scenarios.Step{At: at(begun + 10*time.Second), Unpublish: a})
		}
	}
	return s
}

// idle is a scenario in which n volumes are attached, and nothing else happens for some hours.
func idle(n, hours int) *scenarios.Scenario {
	s := cluster.New(fmt.Sprintf("idle-%d", n), max(1, n), max(1, n/10))
	for i := range n {
		s.Spec.Timeline = append(s.Spec.Timeline, scenarios.Step{
			At: at(10*time.Second + time.Duration(i)*10*time.Millisecond), Publish: &scenarios.Attachment{Volume: cluster.Volume(i), Node: cluster.Node(i % len(s.Spec.Nodes))},
		})
	}
	end := time.Hour + time.Duration(hours)*time.Hour
	s.Spec.Timeline = append(s.Spec.Timeline, scenarios.Step{At: at(end), Trigger: &scenarios.Times{Times: 1}})
	return s
}
