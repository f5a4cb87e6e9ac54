package main

import (
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/perturb"
)

const (
	// perturbation is the strategy that knows a run without faults, and changes one or two things of it.
	perturbation = "perturb"
	// perturbBlock is how many seeds share the run that is known. The first of them is that run.
	perturbBlock = 16
)

// known is a run, and what may be different in it.
type known struct {
	text    string // of its scenario; empty is chaos
	seed    uint64
	base    *scenarios.Scenario
	changes []perturb.Change
}

// perturbed returns the scenario of a job's seed, and the seed that the run is made with.
func (w *runner) perturbed(job campaign.Job) (*scenarios.Scenario, uint64, error) {
	seed, which := job.Seed/perturbBlock, job.Seed%perturbBlock
	if w.last == nil || w.last.text != job.Source || w.last.seed != seed {
		of := job
		of.Seed = seed
		s, err := w.scenario(of)
		if err != nil {
			return nil, 0, err
		}
		base := *s
		base.Spec.Faults = nil
		run := sim.Run(w.t, w.known[job.System], &base, sim.Seed(seed), sim.SystemName(job.System), sim.KeepEvents())
		w.last = &known{job.Source, seed, &base, perturb.Changes(&base, run.Events)}
	}
	k, src := w.last, choice.Seeded(job.Seed)
	if which == 0 || len(k.changes) == 0 {
		return k.base, seed, nil
	}
	picked := make([]perturb.Change, 1+which%2)
	for i := range picked {
		picked[i] = k.changes[src.Choose("perturb", len(k.changes))]
	}
	return perturb.Apply(k.base, picked...), seed, nil
}
