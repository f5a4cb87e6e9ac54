package lint

import (
	"slices"
	"strconv"
)

// randomness are the packages whose answers differ from process to process, or whose stream is shared by all who ask.
var randomness = []string{"crypto/rand", "hash/maphash", "math/rand", "math/rand/v2"}

// checkRandom keeps every random choice in labelled streams (package choice), so that a seed is a run. Package sim itself
// is left out: it seeds the global source that client-go draws from.
func checkRandom(m *Module) (found []Finding) {
	for _, p := range m.packages {
		if p.dir == "sim" || !isHarness(p.dir) && !isProduct(p.dir) {
			continue
		}
		for _, f := range p.code() {
			for _, spec := range f.ast.Imports {
				if target, _ := strconv.Unquote(spec.Path.Value); slices.Contains(randomness, target) {
					found = append(found, m.at(spec.Pos(), "%s is not repeatable by label; draw from a choice.Source", target))
				}
			}
		}
	}
	return found
}
