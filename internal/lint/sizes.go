package lint

import (
	"bytes"
	"go/ast"
)

// What a reader can hold in mind. Tests may be longer, for a table of cases is read row by row.
const (
	fileLinesMax     = 400
	functionLinesMax = 70
	exportedMax      = 40 // names of a package; methods and fields come with their type
)

func checkSizes(m *Module) (found []Finding) {
	for _, p := range m.packages {
		exported := 0
		for _, f := range p.code() {
			if n := bytes.Count(f.src, []byte("\n")); n > fileLinesMax {
				found = append(found, m.at(f.ast.Package, "the file has %d lines, more than %d", n, fileLinesMax))
			}
			for _, d := range f.ast.Decls {
				exported += exportedNames(d)
				if fn, ok := d.(*ast.FuncDecl); ok {
					found = append(found, m.functionSize(fn)...)
				}
			}
		}
		if exported > exportedMax {
			found = append(found, m.at(p.files[0].ast.Package, "package %s exports %d names, more than %d", p.dir, exported, exportedMax))
		}
	}
	return found
}

func (m *Module) functionSize(fn *ast.FuncDecl) []Finding {
	n := m.fset.Position(fn.End()).Line - m.fset.Position(fn.Pos()).Line + 1
	if n <= functionLinesMax {
		return nil
	}
	return []Finding{m.at(fn.Pos(), "function %s has %d lines, more than %d", fn.Name.Name, n, functionLinesMax)}
}

func exportedNames(d ast.Decl) (n int) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			n++
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						n++
					}
				}
			}
		}
	}
	return n
}
