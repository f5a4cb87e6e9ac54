package lint

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTableIsInOrder holds the table to its promise: a row imports only rows above it, so that data flows one way.
func TestTableIsInOrder(t *testing.T) {
	var above []string
	for _, l := range layers {
		for _, i := range l.imports {
			if i != "..." {
				require.Contains(t, above, i, "%s imports a package that is not above it", l.dir)
			}
		}
		require.NotContains(t, above, l.dir, "two rows for one package")
		above = append(above, l.dir)
	}
}

// TestTableKeepsSidesApart holds the table itself to the rule that it is there for.
func TestTableKeepsSidesApart(t *testing.T) {
	for _, l := range layers {
		for _, i := range l.imports {
			require.False(t, isProduct(l.dir) && !isProduct(i), "%s imports %s", l.dir, i)
			require.False(t, isHarness(l.dir) && isProduct(i), "%s imports %s", l.dir, i)
		}
	}
}

// TestTableNamesPackagesThatExist finds rows that outlived their package. A row for a whole folder may wait for its first.
func TestTableNamesPackagesThatExist(t *testing.T) {
	m, err := Load(os.DirFS("../.."))
	require.NoError(t, err)
	for _, l := range layers {
		if strings.HasSuffix(l.dir, "/...") {
			continue
		}
		exists := slices.ContainsFunc(m.packages, func(p *pkg) bool { return covers(l.dir, p.dir) })
		require.True(t, exists, "no package %s", l.dir)
	}
}
