package lint

import (
	"go/ast"
	"slices"
	"strconv"
)

// wallClock are the names of package time that read the machine's clock or wait for it.
var wallClock = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// checkClock forbids the machine's clock where a clock is injected: what asks it cannot be simulated, and differs from
// run to run. Tests run in bubbles, where package time is virtual.
func checkClock(m *Module) (found []Finding) {
	for _, p := range m.packages {
		if !within(p.dir, "attachment", "reconciler", "model", "scenarios") {
			continue
		}
		for _, f := range p.code() {
			found = append(found, m.uses(f, "time", wallClock, "asks the machine's clock; use the injected one")...)
		}
	}
	return found
}

// uses finds the mentions of names of an imported package.
func (m *Module) uses(f *file, target string, names []string, why string) (found []Finding) {
	local, dot := localName(f.ast, target)
	if dot {
		return []Finding{m.at(f.ast.Package, "the dot import of %s hides what is used of it", target)}
	}
	if local == "" {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.Contains(names, sel.Sel.Name) {
			found = append(found, m.at(sel.Pos(), "%s.%s %s", target, sel.Sel.Name, why))
		}
		return true
	})
	return found
}

// localName returns the name under which a file knows an imported package, "" if it does not import it by a name.
func localName(f *ast.File, target string) (name string, dot bool) {
	for _, spec := range f.Imports {
		switch got, _ := strconv.Unquote(spec.Path.Value); {
		case got != target:
		case spec.Name == nil:
			return target, false
		case spec.Name.Name == ".":
			return "", true
		default:
			return spec.Name.Name, false
		}
	}
	return "", false
}
