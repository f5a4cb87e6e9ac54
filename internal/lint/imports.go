package lint

import (
	"slices"
	"strconv"
	"strings"
)

// layer is a row of the table of allowed imports. A row names only packages of rows above it, so that the table read
// downwards is the way that data flows, and a cycle cannot be written.
type layer struct {
	dir string // "x/..." stands for x and all below it
	// imports are the packages of the module that the package may import; "..." allows all.
	imports []string
	// std forbids everything outside the module but the standard library and what beside names.
	std bool
	// beside are modules outside that a package may use although it keeps to the standard library.
	beside []string
}

// layers is the table. The oracle (model) stands beside the engine, not on top of it: it reads traces and nothing else.
// The product stands alone: it cannot know that it is simulated. What plugs one into the other is at the end.
var layers = []layer{
	// The harness.
	{dir: "sim/trace", std: true},
	{dir: "sim/choice", std: true},
	{dir: "sim/fault", imports: []string{"sim/trace", "sim/choice"}, std: true},
	{dir: "sim/sched", imports: []string{"sim/trace", "sim/choice", "sim/fault"}},
	{dir: "sim/clock", imports: []string{"sim/trace", "sim/choice", "sim/fault", "sim/sched"}},
	{dir: "sim/cluster", imports: []string{"sim/trace", "sim/choice", "sim/fault", "sim/sched", "sim/clock"}},
	{dir: "sim/explore", std: true},
	{dir: "model/history", std: true, beside: []string{"github.com/anishathalye/porcupine"}},
	{dir: "model/expression"},
	{dir: "model", imports: []string{"sim/trace", "model/history", "model/expression"}, std: true},
	{dir: "scenarios", imports: []string{"sim/choice", "sim/fault", "model/expression"}},
	{dir: "scenarios/incident", imports: []string{"sim/trace", "scenarios"}},
	{dir: "sim/cause", imports: []string{"sim/trace"}, std: true},
	{dir: "sim/report", imports: []string{"sim/trace", "sim/fault", "sim/explore", "sim/cause", "model", "scenarios"}},
	{dir: "sim", imports: []string{"sim/trace", "sim/choice", "sim/fault", "sim/sched", "sim/clock", "sim/cluster", "sim/explore",
		"model", "scenarios", "scenarios/incident", "sim/report"}},
	{dir: "sim/campaign", imports: []string{"sim", "sim/trace", "sim/fault", "sim/explore", "sim/report", "model", "scenarios"}},
	{dir: "sim/shrink", imports: []string{"sim/trace", "sim/fault", "sim/report", "model", "scenarios"}},
	{dir: "sim/envelope", imports: []string{"scenarios"}},
	{dir: "sim/perturb", imports: []string{"sim/trace", "sim/fault", "scenarios"}},
	{dir: "sim/csidriver", imports: []string{"sim"}},
	{dir: "sim/conformance", imports: []string{"sim", "sim/csidriver", "scenarios"}},
	{dir: "sim/proptest", imports: []string{"sim", "sim/trace", "sim/choice", "sim/report", "scenarios"}},

	// The product.
	{dir: "attachment/deadline"},
	{dir: "attachment", imports: []string{"attachment/deadline"}},
	{dir: "attachment/csi", imports: []string{"attachment", "attachment/deadline"}},
	{dir: "attachment/csi/service", imports: []string{"attachment", "attachment/csi"}},
	{dir: "reconciler", imports: []string{"attachment", "attachment/deadline"}},

	// The joints: what knows both sides, and what knows neither.
	{dir: "internal/lint", std: true},
	{dir: "internal/stock", imports: []string{"sim", "attachment", "attachment/csi", "attachment/csi/service", "reconciler"}},
	{dir: "internal/mutants/...", imports: []string{"..."}},
	{dir: "examples/...", imports: []string{"..."}},
	{dir: "benchmarks/...", imports: []string{"..."}},
	{dir: "cmd/...", imports: []string{"..."}},
}

func isHarness(dir string) bool { return within(dir, "sim", "model", "scenarios") }

func isProduct(dir string) bool { return within(dir, "attachment", "reconciler") }

// covers reports whether a dir, or a pattern that ends in "...", stands for the package.
func covers(pattern, dir string) bool {
	root, all := strings.CutSuffix(pattern, "...")
	if !all {
		return pattern == dir
	}
	return root == "" || within(dir, strings.TrimSuffix(root, "/"))
}

// checkImports holds code to the table. Tests are freer, for a test may put a system together to see it run; but a test of
// the product knows nothing of the harness, and a test of the harness gets at the product through internal/stock only.
func checkImports(m *Module) (found []Finding) {
	for _, p := range m.packages {
		row := slices.IndexFunc(layers, func(l layer) bool { return covers(l.dir, p.dir) })
		if row < 0 {
			found = append(found, m.at(p.files[0].ast.Package, "package %s is not in the table of allowed imports", p.dir))
			continue
		}
		for _, f := range p.files {
			for _, spec := range f.ast.Imports {
				target, _ := strconv.Unquote(spec.Path.Value)
				if fault := m.judgeImport(layers[row], p.dir, target, f.test); fault != "" {
					found = append(found, m.at(spec.Pos(), "%s", fault))
				}
			}
		}
	}
	return found
}

// judgeImport says what is wrong with an import; nothing is "".
func (m *Module) judgeImport(l layer, from, target string, test bool) string {
	to, inside := strings.CutPrefix(target, m.path+"/")
	switch {
	case !inside && l.std && !test && strings.Contains(strings.Split(target, "/")[0], ".") && !slices.Contains(l.beside, target):
		return from + " imports " + target + ": it may use the standard library only"
	case !inside:
		return ""
	case isProduct(from) && !isProduct(to):
		return "the product (" + from + ") imports the harness (" + to + ")"
	case isHarness(from) && isProduct(to):
		return "the harness (" + from + ") imports the product (" + to + "), which only internal/stock does"
	case test, from == to:
		return ""
	case !slices.ContainsFunc(l.imports, func(pattern string) bool { return covers(pattern, to) }):
		return from + " may not import " + to
	}
	return ""
}
