package mutants

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/holdfast-sim/holdfast/sim/report"
)

// Campaign says how mutants are tried.
type Campaign struct {
	// Root is that of Holdfast's source tree, see FindRoot.
	Root string
	// Seeds is how many seeds of chaos a mutant gets, 1 to Seeds; a mutant that survives them gets the library too.
	Seeds int
	// Workers is how many mutants are built and run at once; less than 1 means 1.
	Workers int
	// Shrink makes what killed a mutant small.
	Shrink bool
	// Incidents tries only whether mutants repeat the incidents that they show.
	Incidents bool
	// Each, if not nil, is called after each mutant and each control, by one goroutine at a time.
	Each func(done, of int, row Row)
}

// Row is what came of one mutant, or of a control.
type Row struct {
	Patch
	// Killer is the invariant that a run found violated first; crashed or stalled if there was none; empty if the mutant survived.
	Killer string
	// All are the invariants that this run found violated.
	All      []string
	Scenario string // chaos, or a name of the library
	Seed     uint64
	Message  string
	Runs     int           // runs to the kill, this one included
	CPU      time.Duration // processor time to the kill, without compile and link
	// Incidents are what came of those that the mutant shows.
	Incidents []Incident
	// Minimal is what the finding was made small to; nil if it was not.
	Minimal *report.MinimalEntry
	// Err says why there is no answer: it does not apply, does not build, or its process went wrong.
	Err error
}

// Killed reports whether a run, or for a mutant of the harness its test, noticed the mutant.
func (r Row) Killed() bool { return r.Killer != "" && r.Err == nil }

// Run tries all mutants, and beside them the unmutated code as the control. It returns what was done when ctx ends.
func (c Campaign) Run(ctx context.Context, product, harness []Patch) Score {
	s := Score{Seeds: c.Seeds, Product: make([]Row, len(product)), Harness: make([]Row, len(harness))}
	guards := guardsOf(harness)
	s.Controls = make([]Row, 0, 2+len(guards)) // jobs point into it
	var jobs []job
	control := func(title string, do func(context.Context, string, *Row)) {
		s.Controls = append(s.Controls, Row{Patch: Patch{ID: "control", Title: title}})
		jobs = append(jobs, job{&s.Controls[len(s.Controls)-1], do})
	}
	if len(product) > 0 && !c.Incidents {
		control("the unmutated code", c.control)
	}
	for i, p := range product {
		s.Product[i].Patch = p
		jobs = append(jobs, job{&s.Product[i], c.mutant})
	}
	for _, g := range guards {
		control("the tests of "+g.Package, func(ctx context.Context, _ string, row *Row) { c.testControl(ctx, g, row) })
	}
	for i, p := range harness {
		s.Harness[i].Patch = p
		jobs = append(jobs, job{&s.Harness[i], c.harnessMutant})
	}
	c.do(ctx, jobs)
	// Mutants that were raced are compared with a control that was raced, on as many seeds as any of them was given.
	if n := racedRuns(s.Product); n > 0 && ctx.Err() == nil {
		last := len(jobs)
		control("the unmutated code under the race detector", func(ctx context.Context, dir string, row *Row) { c.raceControl(ctx, dir, n, row) })
		c.do(ctx, jobs[last:])
	}
	s.Interrupted = ctx.Err() != nil
	return s
}

// racedRuns is the most runs that a raced mutant was given.
func racedRuns(rows []Row) (n int) {
	for _, r := range rows {
		if r.Race {
			n = max(n, r.Runs)
		}
	}
	return n
}

// job fills in one row, in a directory of its own.
type job struct {
	row *Row
	do  func(ctx context.Context, dir string, row *Row)
}

// do does jobs, some at once: while one runs, another is built.
func (c Campaign) do(ctx context.Context, jobs []job) {
	next := make(chan job)
	var workers sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range max(1, c.Workers) {
		workers.Go(func() {
			for j := range next {
				inDirectory(ctx, j)
				mu.Lock()
				done++
				if c.Each != nil && ctx.Err() == nil {
					c.Each(done, len(jobs), *j.row)
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		next <- j
	}
	close(next)
	workers.Wait()
}

// inDirectory does a job in a directory that is gone afterwards. A job that ctx has cut short has no answer.
func inDirectory(ctx context.Context, j job) {
	if ctx.Err() != nil {
		j.row.Err = context.Cause(ctx)
		return
	}
	dir, err := os.MkdirTemp("", "holdfast-mutant-")
	if err != nil {
		j.row.Err = err
		return
	}
	defer os.RemoveAll(dir)
	j.do(ctx, dir, j.row)
	if ctx.Err() != nil {
		j.row.Killer, j.row.Err = "", context.Cause(ctx)
	}
}

// mutant builds and runs one mutant of the product.
func (c Campaign) mutant(ctx context.Context, dir string, row *Row) {
	program, err := c.build(ctx, dir, &row.Patch, row.Race)
	if err != nil {
		row.Err = err
		return
	}
	for _, name := range row.Shows {
		shown, err := c.show(ctx, program, name)
		if err != nil {
			row.Err = err
			return
		}
		row.Incidents = append(row.Incidents, shown)
	}
	if !c.Incidents {
		c.toTheKill(ctx, program, c.Seeds, row)
	}
}

// control does the same with the unmutated code; it is to come out clean, from as many seeds as any mutant gets.
func (c Campaign) control(ctx context.Context, dir string, row *Row) {
	program, err := c.build(ctx, dir, nil, false)
	if err != nil {
		row.Err = err
		return
	}
	c.toTheKill(ctx, program, c.Seeds, row)
}

func (c Campaign) raceControl(ctx context.Context, dir string, runs int, row *Row) {
	row.Race = true
	program, err := c.build(ctx, dir, nil, true)
	if err != nil {
		row.Err = err
		return
	}
	c.toTheKill(ctx, program, min(runs, c.Seeds), row)
}

// toTheKill runs a program on chaos, and then on the library, until something is found.
func (c Campaign) toTheKill(ctx context.Context, program string, seeds int, row *Row) {
	for _, stage := range []func() (trial, error){
		func() (trial, error) { return c.seeds(ctx, program, seeds, row.Race) },
		func() (trial, error) { return c.library(ctx, program) },
	} {
		t, err := stage()
		row.Runs += t.runs
		row.CPU += t.cpu
		if err != nil {
			row.Err = err
			return
		}
		if t.found != nil {
			row.kill(t.found)
			return
		}
	}
}

func (r *Row) kill(e *report.Entry) {
	r.Scenario, r.Seed, r.Killer, r.Message = e.Scenario, e.Seed, string(e.Verdict), lastLine(e.Message)
	if r.Minimal = e.Minimal; r.Minimal != nil {
		r.CPU -= time.Duration(r.Minimal.CPU * float64(time.Second))
	}
	for i, v := range e.Violations {
		if i == 0 {
			r.Killer, r.Message = v.Invariant, v.Message
		}
		r.All = append(r.All, v.Invariant)
	}
}
