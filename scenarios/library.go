package scenarios

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed library/*.yaml
var libraryFiles embed.FS

// Library returns the scenarios that come with Holdfast, sorted by name. Each is a hazard in its smallest form, and says in
// its description what happened and what it endangers. The caller owns the result.
func Library() []*Scenario {
	var all []*Scenario
	for _, name := range libraryNames() {
		s, err := readLibrary(name)
		if err != nil {
			panic(fmt.Sprintf("scenarios: the library's own file: %v", err)) // a test parses every file
		}
		all = append(all, s)
	}
	return all
}

// Lookup returns the library's scenario of a name.
func Lookup(name string) (*Scenario, error) {
	names := libraryNames()
	for _, n := range names {
		if n == name {
			return readLibrary(n)
		}
	}
	if meant := suggest(name, names); meant != "" {
		return nil, fmt.Errorf("there is no scenario %q in the library (did you mean %q?)", name, meant)
	}
	return nil, fmt.Errorf("there is no scenario %q in the library\nhint: it has %s", name, strings.Join(names, ", "))
}

// libraryNames lists the names of the library's scenarios, which are also those of their files, sorted.
func libraryNames() []string {
	paths, err := fs.Glob(libraryFiles, "library/*.yaml")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, path := range paths {
		paths[i] = strings.TrimSuffix(strings.TrimPrefix(path, "library/"), ".yaml")
	}
	slices.Sort(paths) // with their ends they sort otherwise
	return paths
}

func readLibrary(name string) (*Scenario, error) {
	path := "library/" + name + ".yaml"
	text, err := libraryFiles.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse("scenarios/"+path, bytes.NewReader(text))
}
