// Package campaign runs many seeds in worker processes, as Go's own fuzzing does: a panic, an exit or a stall of the system
// under test is a finding with seed and stack, and the campaign goes on with a new worker.
//
// The parent hands out jobs and hears results as JSON lines over the worker's stdin and stdout. While a run goes on, its
// trace is written to a tape, memory that parent and worker share: what a worker that died had written is still there, and
// a tape that stands still for long is a stall. Results come in the order of the jobs, whatever the workers do.
//
// In the parent:
//
//	err := campaign.Run(ctx, campaign.Config{Workers: 2, Command: command, Each: add}, len(jobs), job)
//
// In the worker, which is the same executable:
//
//	campaign.Serve(os.Stdin, os.Stdout, func(j campaign.Job, tape io.Writer) report.Run { ... })
package campaign

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Job asks a worker for one run.
type Job struct {
	System   string `json:"system"`
	Scenario string `json:"scenario"` // its name
	// Source is the scenario's text; if it is empty, chaos is drawn from the seed.
	Source string `json:"source,omitempty"`
	// Aim names the marks towards which chaos is drawn.
	Aim      []string `json:"aim,omitempty"`
	Seed     uint64   `json:"seed"`
	Strategy string   `json:"strategy,omitempty"`
	// Replay is the path of a trace that the run is to follow.
	Replay string `json:"replay,omitempty"`
	// Turns asks for what the strategy took out of order, if the run does not hold.
	Turns bool `json:"turns,omitempty"`
	// Explore makes the run one of an exploration; nil is none.
	Explore *Exploration `json:"explore,omitempty"`
	// KeepTape asks for the trace even if the run held.
	KeepTape bool `json:"-"`
}

// Exploration is one way of those that an exploration visits.
type Exploration struct {
	Scope   explore.Scope  `json:"scope"`
	Item    explore.Item   `json:"item"`
	Effects []fault.Effect `json:"effects"`
	// Batch counts the batches of jobs, and Fresh are the visits that the search knows of since the one before.
	Batch int            `json:"batch"`
	Fresh []explore.Mark `json:"fresh,omitempty"`
}

// Finding is a run together with its trace as far as it came; Tape is empty for a run that
// held, unless it was asked for.
type Finding struct {
	Index int
	Job   Job
	Run   report.Run
	Tape  []byte
}

// Config says how a campaign runs.
type Config struct {
	// Workers is the number of processes; less than 1 means 1.
	Workers int
	// Command makes the command that starts one worker. Run adds its stdin, stdout and stderr.
	Command func() *exec.Cmd
	// Stall is how long a worker may go without writing to its tape before it counts as stalled; 0 means 30 seconds.
	Stall time.Duration
	// FailFast ends the campaign with the first finding, in the order of the jobs.
	FailFast bool
	// Judge judges what a crashed or stalled worker left on its tape; nil judges nothing.
	Judge func(trace.Header, []trace.Event) model.Verdict
	// Each is called with every run, in the order of the jobs, by one goroutine.
	Each func(Finding)
	// Ended, if not nil, is called with each process that has ended, by the goroutine of its worker.
	Ended func(*os.ProcessState)
}

// aheadMax bounds how far workers may run ahead of a run that is slow to end, and so the results that wait in memory.
const aheadMax = 256

// Run does n jobs and returns when all are done, when ctx has ended, or when it cannot go on. Its error is ctx's, or says why
// workers cannot be had at all; what a system under test does wrong is a finding and no error.
func Run(ctx context.Context, cfg Config, n int, job func(int) Job) error {
	cfg.Workers, cfg.Stall = max(1, min(cfg.Workers, n)), orStall(cfg.Stall)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &course{cfg: cfg, n: n, job: job, window: make(chan struct{}, aheadMax), done: make(chan Finding), cancel: cancel}
	var workers sync.WaitGroup
	for range cfg.Workers {
		workers.Go(func() { c.work(inner) })
	}
	go func() {
		workers.Wait()
		close(c.done)
	}()
	c.collect()
	if c.err != nil {
		return c.err
	}
	return ctx.Err()
}

func orStall(d time.Duration) time.Duration {
	if d <= 0 {
		return 30 * time.Second
	}
	return d
}

// course is one campaign under way.
type course struct {
	cfg    Config
	n      int
	job    func(int) Job
	window chan struct{} // holds a token for each job that was begun and not yet given to Each
	done   chan Finding
	cancel context.CancelFunc

	mu   sync.Mutex
	next int
	err  error
}

// work is one worker's turn after turn.
func (c *course) work(ctx context.Context) {
	w := &worker{cfg: c.cfg}
	defer w.stop()
	for {
		i, ok := c.take(ctx)
		if !ok {
			return
		}
		job := c.job(i)
		run, tape, err := w.do(ctx, job)
		if err != nil {
			c.fail(ctx, err)
			return
		}
		c.done <- Finding{i, job, run, tape}
	}
}

// take returns the number of the next job.
func (c *course) take(ctx context.Context) (int, bool) {
	select {
	case c.window <- struct{}{}:
	case <-ctx.Done():
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil || c.next == c.n {
		return 0, false
	}
	c.next++
	return c.next - 1, true
}

// fail ends the campaign, unless it has been ended from outside, which explains every error.
func (c *course) fail(ctx context.Context, err error) {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return
	}
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.cancel()
}

// collect puts the results into order. After an interruption what came in is given out with its gaps.
func (c *course) collect() {
	waiting := make(map[int]Finding)
	front, over := 0, false
	give := func(f Finding) {
		delete(waiting, f.Index)
		if over {
			return
		}
		c.cfg.Each(f)
		if c.cfg.FailFast && f.Run.Outcome.Finding() {
			over = true
			c.cancel()
		}
	}
	for f := range c.done {
		waiting[f.Index] = f
		for f, ok := waiting[front]; ok; f, ok = waiting[front] {
			give(f)
			front++
			<-c.window
		}
	}
	for i := front; len(waiting) > 0; i++ {
		if f, ok := waiting[i]; ok {
			give(f)
		}
	}
}
