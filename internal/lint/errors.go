package lint

import (
	"go/ast"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// checkErrors wants an error to say what was tried, on what (publish v1 on n1: ...): the chain of causes is read as one
// sentence, in which "failed to" at every joint, and full stops, are noise.
func checkErrors(m *Module) (found []Finding) {
	for _, p := range m.packages {
		for _, f := range p.code() {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 || !slices.Contains([]string{"errors.New", "fmt.Errorf"}, types.ExprString(call.Fun)) {
					return true
				}
				if lit, ok := call.Args[0].(*ast.BasicLit); ok {
					if fault := judgeErrorText(lit.Value); fault != "" {
						found = append(found, m.at(lit.Pos(), "error text %s", fault))
					}
				}
				return true
			})
		}
	}
	return found
}

// judgeErrorText says what is wrong with a quoted error text; nothing is "".
func judgeErrorText(quoted string) string {
	s, _ := strconv.Unquote(quoted)
	switch {
	case s == "":
		return "is empty"
	case strings.Contains(strings.ToLower(s), "failed to"):
		return "says \"failed to\"; say what was tried, on what"
	case strings.ContainsAny(s[len(s)-1:], ".!\n"):
		return "ends like a sentence; it will be wrapped"
	}
	return ""
}
