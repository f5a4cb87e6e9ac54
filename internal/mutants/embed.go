package mutants

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed testdata
var patchFiles embed.FS

// Product returns the mutants of the product, sorted by id.
func Product() ([]Patch, error) { return load(patchFiles, "testdata/*.patch") }

// Harness returns the mutants of the harness itself, sorted by id.
func Harness() ([]Patch, error) { return load(patchFiles, "testdata/harness/*.patch") }

func load(files fs.FS, pattern string) ([]Patch, error) {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, err
	}
	all := make([]Patch, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		p, err := Parse(name, string(text))
		if err != nil {
			return nil, fmt.Errorf("load the mutants: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}
