package main

import (
	"io"
	"strings"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/campaign"
)

// chaosName is the name of scenarios that are drawn from a seed.
const chaosName = "chaos"

// defaultChaos are the seeds of a run without arguments, and defaultSeed is the one of a named scenario.
const (
	defaultChaosTo = 200
	defaultSeed    = 1
)

// selection is what a campaign runs: sources, each under a range of seeds, one after the other.
type selection []group

type group struct {
	source source
	seeds  span
}

// exhume puts the findings of the graveyard before what was chosen.
func (s selection) exhume(buried []source) selection {
	var first selection
	for _, src := range buried {
		first = append(first, group{src, span{src.resolved.Seed, src.resolved.Seed}})
	}
	return append(first, s...)
}

// known refuses resolved scenarios of systems that this program cannot build.
func (s selection) known(set *settings) error {
	for _, g := range s {
		if name := g.source.system(set); set.known[name] == nil {
			return usage("--system NAME runs it on one of "+strings.Join(set.known.names(), ", "), "%s: the system %q is not part of this program", g.source.arg, name)
		}
	}
	return nil
}

// choose makes the selection of a command line. Without arguments it is the library once and two hundred seeds of chaos, or
// the chaos of the seeds that were asked for.
func choose(args []string, s *settings, stdin io.Reader) (selection, error) {
	seeds, given, err := parseSpan(s.seed, s.seeds, s.called)
	if err != nil {
		return nil, err
	}
	var chosen selection
	switch {
	case len(args) == 0 && given:
		return selection{{source{name: chaosName}, seeds}}, nil
	case len(args) == 0:
		for _, scn := range scenarios.Library() {
			chosen = append(chosen, group{fromScenario(scn, scn.Metadata.Name), span{defaultSeed, defaultSeed}})
		}
		return append(chosen, group{source{name: chaosName}, span{1, defaultChaosTo}}), nil
	case !given:
		seeds = span{defaultSeed, defaultSeed}
	}
	for _, arg := range args {
		found, err := find(arg, stdin)
		if err != nil {
			return nil, err
		}
		for _, src := range found {
			own := seeds
			if r := src.resolved; r != nil && !given {
				own = span{r.Seed, r.Seed}
			}
			chosen = append(chosen, group{src, own})
		}
	}
	return chosen, nil
}

// count is the number of runs.
func (s selection) count() int {
	n := 0
	for _, g := range s {
		n += g.seeds.count()
	}
	return n
}

// at returns the source and the seed of the i-th run.
func (s selection) at(i int) (source, uint64) {
	for _, g := range s {
		if i < g.seeds.count() {
			return g.source, g.seeds.from + uint64(i)
		}
		i -= g.seeds.count()
	}
	panic("no such run")
}

// job returns the i-th run as a worker is asked for it. Only chaos can be aimed.
func (s selection) job(i int, aim []string, set *settings) campaign.Job {
	src, seed := s.at(i)
	first := i == 0
	if !first {
		before, _ := s.at(i - 1)
		first = before.arg != src.arg
	}
	if src.text != "" {
		aim = nil
	}
	return campaign.Job{
		System: src.system(set), Scenario: src.name, Source: src.text, Seed: seed, Strategy: src.strategy(set), Aim: aim,
		KeepTape: first && src.account != nil, // its account compares the recorded cluster with our run
	}
}

// strategy is what a source is run with: a resolved one has its own, if nobody says otherwise.
func (s source) strategy(set *settings) string {
	if s.resolved != nil && !set.given["strategy"] {
		return s.resolved.Strategy
	}
	return set.strategy
}

// system is the system under test of a source: that of a resolved one, if nobody says otherwise.
func (s source) system(set *settings) string {
	if s.resolved != nil && s.resolved.System != "" && !set.given["system"] {
		return s.resolved.System
	}
	return set.system
}

// recordings returns the sources that were imported, in order.
func (s selection) recordings() []source {
	var found []source
	for _, g := range s {
		if g.source.account != nil {
			found = append(found, g.source)
		}
	}
	return found
}

// warnings are what the accounts of recordings warn of: such a run judges next to nothing.
func (s selection) warnings() (found []string) {
	for _, src := range s.recordings() {
		if w := src.account.Warning; w != "" {
			found = append(found, src.arg+": "+w)
		}
	}
	return found
}
