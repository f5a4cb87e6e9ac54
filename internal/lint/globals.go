package lint

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// makers are calls whose results nobody can change.
var makers = []string{"errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer", "template.Must", "time.Date"}

// checkGlobals forbids state in package variables, and init, which is the only way to fill them in unseen. A package
// variable may be an error (its name says so), a compiled pattern, an embedded file, an assertion (var _ I = T{}), or a
// table: a composite literal that no code of the module writes to by name. Package main may have strings too, which the
// linker sets.
//
// The rule sees assignments, not what a method or a second reference does to a table; it keeps honest people honest.
func checkGlobals(m *Module) (found []Finding) {
	written := m.writtenVars()
	for _, p := range m.packages {
		for _, f := range p.code() {
			for _, d := range f.ast.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil && d.Name.Name == "init" {
						found = append(found, m.at(d.Pos(), "init acts unseen; let the caller ask"))
					}
				case *ast.GenDecl:
					if d.Tok == token.VAR && !embedded(d.Doc) {
						found = append(found, m.globals(p, f, d, written)...)
					}
				}
			}
		}
	}
	return found
}

func (m *Module) globals(p *pkg, f *file, d *ast.GenDecl, written map[string]bool) (found []Finding) {
	for _, s := range d.Specs {
		spec := s.(*ast.ValueSpec)
		if embedded(spec.Doc) {
			continue
		}
		for i, name := range spec.Names {
			var value ast.Expr
			if i < len(spec.Values) {
				value = spec.Values[i]
			}
			switch {
			case name.Name == "_":
			case !constantLike(f.ast.Name.Name, name.Name, value):
				found = append(found, m.at(name.Pos(), "package variable %s can hold state; let a constructor make it", name.Name))
			case written[m.importPath(p)+"."+name.Name]:
				found = append(found, m.at(name.Pos(), "package variable %s is written to; let a constructor make it", name.Name))
			}
		}
	}
	return found
}

// constantLike reports whether a package variable's first value is one that nobody changes but by assignment.
func constantLike(pkgName, name string, value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.BasicLit:
		return pkgName == "main" && v.Kind == token.STRING
	case *ast.UnaryExpr:
		_, literal := v.X.(*ast.CompositeLit)
		return literal && strings.HasPrefix(strings.ToLower(name), "err")
	case *ast.CallExpr:
		return slices.Contains(makers, types.ExprString(v.Fun))
	case *ast.CompositeLit:
		of := types.ExprString(v.Type)
		return !strings.HasPrefix(of, "sync.") && !strings.HasPrefix(of, "atomic.")
	}
	return false
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

func (m *Module) importPath(p *pkg) string {
	if p.dir == "." {
		return m.path
	}
	return m.path + "/" + p.dir
}

// writtenVars returns the package variables, as "path.Name", that some code of the module assigns to, in whole or in
// part, or takes the address of.
func (m *Module) writtenVars() map[string]bool {
	written := map[string]bool{}
	for _, p := range m.packages {
		uses := m.resolve(p)
		mark := func(e ast.Expr) {
			if name := packageVar(uses, e); name != "" {
				written[name] = true
			}
		}
		for _, f := range p.code() {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				markWrites(n, mark)
				return true
			})
		}
	}
	return written
}

// markWrites calls mark for each operand that a node changes, or hands out for change.
func markWrites(n ast.Node, mark func(ast.Expr)) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, e := range n.Lhs {
			mark(e)
		}
	case *ast.IncDecStmt:
		mark(n.X)
	case *ast.RangeStmt:
		mark(n.Key)
		mark(n.Value)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			mark(n.X)
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"append", "clear", "copy", "delete"}, f.Name) {
			mark(n.Args[0])
		}
	}
}

// packageVar returns "path.Name" of the package variable that an expression starts from, or "".
func packageVar(uses map[*ast.Ident]types.Object, e ast.Expr) string {
	if e == nil {
		return ""
	}
	root := rootIdent(e)
	if root == nil {
		return ""
	}
	switch o := uses[root].(type) {
	case *types.Var:
		if o.Pkg() != nil && o.Parent() == o.Pkg().Scope() {
			return o.Pkg().Path() + "." + o.Name()
		}
	case *types.PkgName:
		if sel := selectorOf(e, root); sel != "" {
			return o.Imported().Path() + "." + sel
		}
	}
	return ""
}

// selectorOf returns the name f of the root.f that an expression starts with.
func selectorOf(e ast.Expr, root *ast.Ident) (name string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.X == root {
			name = sel.Sel.Name
		}
		return true
	})
	return name
}

var errNoImports = errors.New("imports are not loaded")

// noImports makes the type checker do without them: names still resolve to their declarations in the package.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errNoImports }

func (m *Module) resolve(p *pkg) map[*ast.Ident]types.Object {
	var files []*ast.File
	for _, f := range p.code() {
		files = append(files, f.ast)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: noImports{}, Error: func(error) {}}
	_, _ = conf.Check(m.importPath(p), m.fset, files, info) // without imports there are errors, and they do not matter
	return info.Uses
}
