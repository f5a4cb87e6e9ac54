package main

import (
	"slices"
	"strings"

	"github.com/holdfast-sim/holdfast/model"
)

// aimUnreached is the aim that follows the campaign: in each round what no round before it reached.
const aimUnreached = "unreached"

// roundLength is the number of runs of a round. The aim of a round follows from whole rounds before it, and so neither from
// the number of workers nor from which of them is faster.
const roundLength = 1000

// round is a stretch of runs with one aim.
type round struct {
	from, to int
	aim      []string // names of marks
}

// rounds runs a campaign round by round. It is one round, unless each has an aim of its own.
func (k *collector) rounds(run func(round) error) error {
	if k.settings.aim != aimUnreached {
		return run(round{0, k.total, k.settings.marks()})
	}
	for from := 0; from < k.total; from += roundLength {
		if err := run(round{from, min(from+roundLength, k.total), k.summary.States.Unreached()}); err != nil {
			return err
		}
		if k.settings.failFast && k.summary.Findings() > 0 {
			return nil
		}
	}
	return nil
}

// marks are the names of those that --aim lists.
func (s *settings) marks() []string {
	if s.aim == "" {
		return nil
	}
	return strings.Split(s.aim, ",")
}

func (s *settings) checkAim() error {
	known := []string{aimUnreached}
	for _, m := range model.Marks() {
		known = append(known, m.Name)
	}
	for _, name := range s.marks() {
		if !slices.Contains(known[1:], name) {
			return usage("holdfast run --coverage lists the marks", "%s %q is no mark%s", s.called("aim"), name, didYouMean(name, known, ""))
		}
	}
	return nil
}

// leads are the classes and effects that lead to marks.
func leads(marks []string) (favour []string) {
	for _, m := range model.Marks() {
		if slices.Contains(marks, m.Name) {
			favour = append(favour, m.Leads...)
		}
	}
	return favour
}
