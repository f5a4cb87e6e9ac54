package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Module is a Go module as the rules see it: its parsed Go files by package, and its other text files.
type Module struct {
	path     string
	fset     *token.FileSet
	packages []*pkg // sorted by dir
	texts    []text // every text file, Go files among them, sorted by name
}

// pkg is one folder of Go files; an external test package counts to the folder's package.
type pkg struct {
	dir   string // "." for the root of the module
	files []*file
}

type file struct {
	name string // path from the root of the module
	test bool
	src  []byte
	ast  *ast.File
}

type text struct {
	name string
	src  string
}

// sizeMax bounds the text files that the rules read: what is larger is data.
const sizeMax = 1 << 20

// Load reads the module whose go.mod is at the root of fsys. Nested modules, testdata and dot folders hold none of its Go
// packages; the text of dot folders other than .git is read all the same.
func Load(fsys fs.FS) (*Module, error) {
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("read the module's name: %w", err)
	}
	m := &Module{path: modulePath(string(mod)), fset: token.NewFileSet()}
	if m.path == "" {
		return nil, fmt.Errorf("go.mod:1: no module line")
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return m.enter(fsys, name)
		}
		return m.add(fsys, name, d)
	})
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", m.path, err)
	}
	return m, nil
}

func modulePath(mod string) string {
	for line := range strings.Lines(mod) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// enter says whether the walk goes into a folder.
func (m *Module) enter(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	switch dir {
	case ".git", "bin", "holdfast-out", "internal/lint/testdata":
		return fs.SkipDir
	}
	if strings.HasSuffix(dir, "testdata/rapid") { // what rapid keeps of failures, which is not committed
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (m *Module) add(fsys fs.FS, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > sizeMax {
		return nil
	}
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	if !utf8.Valid(src) {
		return nil
	}
	m.texts = append(m.texts, text{name: name, src: string(src)})
	if !isPackageFile(name) {
		return nil
	}
	parsed, err := parser.ParseFile(m.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p := m.pkg(path.Dir(name))
	p.files = append(p.files, &file{name: name, test: strings.HasSuffix(name, "_test.go"), src: src, ast: parsed})
	return nil
}

func isPackageFile(name string) bool {
	if !strings.HasSuffix(name, ".go") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool {
		return s == "testdata" || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "_")
	})
}

// pkg returns the package of a folder, which is new if the walk has not met it before.
func (m *Module) pkg(dir string) *pkg {
	i, found := slices.BinarySearchFunc(m.packages, dir, func(p *pkg, dir string) int { return strings.Compare(p.dir, dir) })
	if !found {
		m.packages = slices.Insert(m.packages, i, &pkg{dir: dir})
	}
	return m.packages[i]
}

// code returns the files that are not tests.
func (p *pkg) code() []*file {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *file) bool { return f.test })
}

// within reports whether dir is one of the folders, or below one.
func within(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return dir == f || strings.HasPrefix(dir, f+"/") })
}
