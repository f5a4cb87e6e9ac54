package lint

import (
	"path"
	"slices"
	"strings"
)

// emptyNames say nothing about what is inside, and so draw everything in.
var emptyNames = []string{"base", "common", "helper", "helpers", "lib", "misc", "shared", "stuff", "tools", "types", "util", "utils"}

// checkNames refuses package names that say nothing.
func checkNames(m *Module) (found []Finding) {
	for _, p := range m.packages {
		clause := p.files[0].ast
		declared := strings.TrimSuffix(clause.Name.Name, "_test")
		for _, name := range slices.Compact([]string{path.Base(p.dir), declared}) {
			if slices.Contains(emptyNames, name) {
				found = append(found, m.at(clause.Package, "package name %q says nothing about what is inside", name))
			}
		}
	}
	return found
}
