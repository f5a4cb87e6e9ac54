package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// incidents are the scenarios of the library that tell a public thread, by name, and the mutants that show them.
func incidents(t *testing.T) (all []*scenarios.Scenario, shows map[string][]Patch) {
	t.Helper()
	product, err := Product()
	require.NoError(t, err)
	shows = make(map[string][]Patch)
	for _, p := range product {
		for _, name := range p.Shows {
			shows[name] = append(shows[name], p)
		}
	}
	for _, s := range scenarios.Library() {
		if len(s.Metadata.Threads) > 0 {
			all = append(all, s)
		}
	}
	return all, shows
}

// An incident that no mutant repeats is told, and not shown.
func TestEveryIncidentIsShownByAMutant(t *testing.T) {
	all, shows := incidents(t)
	for _, s := range all {
		name := s.Metadata.Name
		require.NotEmpty(t, shows[name], "%s: no mutant shows it", name)
		for _, p := range shows[name] {
			require.True(t, slices.ContainsFunc(p.Breaks, func(b string) bool { return slices.Contains(s.Spec.Expect, b) }), "%s breaks nothing that %s expects", p.ID, name)
		}
		delete(shows, name)
	}
	require.Empty(t, shows, "mutants that show what is no incident")
}

// The README's table of incidents is that of the library.
func TestReadmeHasTheIncidents(t *testing.T) {
	all, shows := incidents(t)
	var want strings.Builder
	for _, s := range all {
		m, p := s.Metadata, shows[s.Metadata.Name]
		require.NotEmpty(t, p, m.Name)
		fmt.Fprintf(&want, "| %s | %s | %s | held | %s: %s |\n", m.Name, strings.Join(m.Threads, ", "), strings.Join(s.Spec.Expect, ", "), p[0].ID, p[0].Title)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(readme), want.String())
}
