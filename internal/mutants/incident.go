package mutants

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// Incident is what came of a mutant in the scenario of the incident that it shows.
type Incident struct {
	Name    string   `json:"name"`
	Threads []string `json:"threads"`
	// Broken is the first of the scenario's own invariants that a run found violated; empty if none was: then it is only told.
	Broken string        `json:"broken"`
	Seed   uint64        `json:"seed,omitempty"`
	CPU    time.Duration `json:"cpu"` // nanoseconds of processor time to that run, without compile and link
}

// incidentSeeds are the schedules in which a mutant may show an incident.
const incidentSeeds = "1-20"

// show runs a mutant in the scenario of an incident.
func (c Campaign) show(ctx context.Context, program, name string) (Incident, error) {
	s, err := scenarios.Lookup(name)
	if err != nil {
		return Incident{}, err
	}
	t, err := c.try(ctx, program, name, "--seeds", incidentSeeds)
	if err != nil {
		return Incident{}, fmt.Errorf("incident %s: %w", name, err)
	}
	shown := Incident{Name: name, Threads: s.Metadata.Threads, CPU: t.cpu}
	if t.found == nil {
		return shown, nil
	}
	for _, v := range t.found.Violations {
		if slices.Contains(s.Spec.Expect, v.Invariant) {
			shown.Broken, shown.Seed = v.Invariant, t.found.Seed
			break
		}
	}
	return shown, nil
}

// shownRow is an incident, and the mutant that is to show it.
type shownRow struct {
	Incident
	by Row
}

// incidents are all that mutants show, by name.
func (s Score) incidents() (all []shownRow) {
	for _, r := range s.Product {
		for _, i := range r.Incidents {
			all = append(all, shownRow{i, r})
		}
	}
	slices.SortStableFunc(all, func(a, b shownRow) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// told are the incidents that their mutants did not show.
func (s Score) told() (names []string) {
	for _, i := range s.incidents() {
		if i.Broken == "" {
			names = append(names, i.Name+" by "+i.by.ID)
		}
	}
	return names
}

// Shown reports whether every mutant that shows an incident did.
func (s Score) Shown() bool {
	failed := slices.ContainsFunc(s.Product, func(r Row) bool { return r.Err != nil })
	return !s.Interrupted && !failed && len(s.told()) == 0
}

// WriteIncidents writes a row for each incident that a mutant shows.
func (s Score) WriteIncidents(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "INCIDENT\tTHREAD\tMUTANT\tBREAKS\tSEED\tCPU\tTHE CARE THAT IS MISSING")
	all := s.incidents()
	for _, i := range all {
		broken := i.Broken
		if broken == "" {
			broken = "NOT SHOWN"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%.2fs\t%s\n", i.Name, i.Threads[0], i.by.ID, broken, i.Seed, i.CPU.Seconds(), i.by.Title)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nshown %d of %d incidents\n", len(all)-len(s.told()), len(all))
	return err
}
