package campaign

import (
	"context"
	"sync"
)

// Pool keeps workers for whoever asks for a few runs at a time and learns from each, such as a search for a smaller scenario.
// Its methods belong to one goroutine.
type Pool struct{ workers []*worker }

// NewPool returns a pool of as many workers as cfg says; they start when they are needed. Each and FailFast mean nothing to it.
func NewPool(cfg Config) *Pool {
	cfg.Stall = orStall(cfg.Stall)
	p := &Pool{workers: make([]*worker, max(1, cfg.Workers))}
	for i := range p.workers {
		p.workers[i] = &worker{cfg: cfg}
	}
	return p
}

// Size is how many runs the pool does at once.
func (p *Pool) Size() int { return len(p.workers) }

// Do does all jobs and returns what came of them, in their order. Its error says that workers cannot be had, or is ctx's.
func (p *Pool) Do(ctx context.Context, jobs []Job) ([]Finding, error) {
	found, errs := make([]Finding, len(jobs)), make([]error, len(p.workers))
	var all sync.WaitGroup
	for n, w := range p.workers {
		all.Go(func() {
			for i := n; i < len(jobs) && errs[n] == nil; i += len(p.workers) {
				found[i].Index, found[i].Job = i, jobs[i]
				found[i].Run, found[i].Tape, errs[n] = w.do(ctx, jobs[i])
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Close ends the workers.
func (p *Pool) Close() {
	for _, w := range p.workers {
		w.stop()
	}
}
