package lint

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// checkDocs wants a doc comment on every package, and one on every exported name that starts with the name. Constants and
// variables of one group may share the group's comment. Names of package main are nobody's.
func checkDocs(m *Module) (found []Finding) {
	for _, p := range m.packages {
		found = append(found, m.packageDoc(p)...)
		for _, f := range p.code() {
			if f.ast.Name.Name == "main" {
				continue
			}
			for _, d := range f.ast.Decls {
				found = append(found, m.declDocs(d)...)
			}
		}
	}
	return found
}

func (m *Module) packageDoc(p *pkg) []Finding {
	i := slices.IndexFunc(p.files, func(f *file) bool { return f.ast.Doc != nil })
	if i < 0 {
		return []Finding{m.at(p.files[0].ast.Package, "package %s has no doc comment", p.files[0].ast.Name.Name)}
	}
	f := p.files[i].ast
	if name := f.Name.Name; name != "main" && !startsWith(f.Doc, "Package "+name) {
		return []Finding{m.at(f.Doc.Pos(), "the doc comment of package %s does not start with \"Package %s\"", name, name)}
	}
	return nil
}

func (m *Module) declDocs(d ast.Decl) (found []Finding) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && exportedReceiver(d) {
			found = m.nameDoc(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			found = append(found, m.specDocs(d, s)...)
		}
	}
	return found
}

func (m *Module) specDocs(d *ast.GenDecl, s ast.Spec) []Finding {
	switch s := s.(type) {
	case *ast.TypeSpec:
		doc := s.Doc
		if doc == nil && !d.Lparen.IsValid() {
			doc = d.Doc
		}
		if s.Name.IsExported() {
			return m.nameDoc(s.Name, doc)
		}
	case *ast.ValueSpec:
		i := slices.IndexFunc(s.Names, (*ast.Ident).IsExported)
		switch {
		case i < 0:
		case d.Lparen.IsValid() && (d.Doc != nil || s.Comment != nil):
		case s.Doc != nil:
			return m.nameDoc(s.Names[i], s.Doc)
		default:
			return m.nameDoc(s.Names[i], d.Doc)
		}
	}
	return nil
}

func (m *Module) nameDoc(name *ast.Ident, doc *ast.CommentGroup) []Finding {
	switch {
	case doc == nil:
		return []Finding{m.at(name.Pos(), "%s has no doc comment", name.Name)}
	case !startsWith(doc, name.Name):
		return []Finding{m.at(doc.Pos(), "the doc comment of %s does not start with its name", name.Name)}
	}
	return nil
}

// startsWith reports whether a comment's first word, or words, are these.
func startsWith(doc *ast.CommentGroup, words string) bool {
	rest, ok := strings.CutPrefix(doc.Text(), words)
	return ok && (rest == "" || !token.IsIdentifier("a"+rest[:1]))
}

// exportedReceiver reports whether a function is one of the package, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	name := rootIdent(d.Recv.List[0].Type)
	return name != nil && name.IsExported()
}

// rootIdent returns the name that an expression starts from: x for x, *x, (x), x.f, x[i], x[i:j], x[T]. Otherwise nil.
func rootIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		default:
			return nil
		}
	}
}
