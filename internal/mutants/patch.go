package mutants

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Patch is one mutant: the real code minus one care.
type Patch struct {
	ID     string // also the name of its file
	Title  string // what the mutant does wrong
	Source Source
	// Breaks names invariants that the mutant is expected to violate. Which one it is that a run finds first is up to the seed.
	Breaks []string
	// Shows names the scenarios of incidents that the mutant repeats: the real code without the care that keeps them from happening.
	Shows []string
	// Race says that only the race detector can see the mutant, so that it is built with it.
	Race bool
	// Package and Test name what must fail on a mutant of the harness; they are empty for one of the product.
	Package, Test string

	files []*gitdiff.File
}

// Source is where the idea of a mutant comes from.
type Source string

// The sources.
const (
	Field Source = "field" // a defect that was seen in a real controller
	Own   Source = "own"   // thought of here
)

var (
	invariantName = regexp.MustCompile(`^(S([1-9]|1[0-9]|20)|L([1-9]|10))$`)
	testName      = regexp.MustCompile(`^(\./[a-z0-9/]+) (Test[A-Za-z0-9_]+)$`)
)

var errHeader = errors.New("header")

// Parse reads a patch: lines of "Key: value", an empty line, a unified diff. name is that of its file.
//
//	Id: D06
//	Title: the trigger is dead after Stop and Start
//	Source: field
//	Breaks: L2, L3
//
// Shows: NAME, NAME says that it repeats the incidents of these scenarios. Race: yes builds it with the race detector. A mutant of the harness has "Noticed-By: ./sim/sched TestName" instead of Breaks.
func Parse(name, text string) (Patch, error) {
	head, diff, ok := strings.Cut(text, "\n\n")
	if !ok {
		return Patch{}, fmt.Errorf("%s: %w: no empty line ends it", name, errHeader)
	}
	var p Patch
	seen := map[string]bool{}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, ok := strings.Cut(line, ": ")
		if !ok || seen[key] {
			return Patch{}, fmt.Errorf("%s: %w: line %q", name, errHeader, line)
		}
		seen[key] = true
		if err := p.set(key, strings.TrimSpace(value)); err != nil {
			return Patch{}, fmt.Errorf("%s: %w: %w", name, errHeader, err)
		}
	}
	if err := p.complete(name); err != nil {
		return Patch{}, fmt.Errorf("%s: %w: %w", name, errHeader, err)
	}
	files, _, err := gitdiff.Parse(strings.NewReader(diff))
	if err != nil {
		return Patch{}, fmt.Errorf("%s: parse the diff: %w", name, err)
	}
	p.files = files
	if err := p.checkFiles(diff); err != nil {
		return Patch{}, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (p *Patch) set(key, value string) error {
	switch key {
	case "Id":
		p.ID = value
	case "Title":
		p.Title = value
	case "Source":
		p.Source = Source(value)
	case "Breaks":
		p.Breaks = strings.Split(value, ", ")
		for _, b := range p.Breaks {
			if !invariantName.MatchString(b) {
				return fmt.Errorf("%q is no invariant", b)
			}
		}
	case "Shows":
		p.Shows = strings.Split(value, ", ")
	case "Race":
		if value != "yes" {
			return fmt.Errorf("race is %q; it is yes, or left out", value)
		}
		p.Race = true
	case "Noticed-By":
		m := testName.FindStringSubmatch(value)
		if m == nil {
			return fmt.Errorf("noticed by %q, which is not a package and a test, as in ./sim/sched TestX", value)
		}
		p.Package, p.Test = m[1], m[2]
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

func (p *Patch) complete(name string) error {
	switch {
	case p.ID == "" || p.ID+".patch" != path.Base(name):
		return fmt.Errorf("id %q is not the name of the file", p.ID)
	case p.Title == "":
		return errors.New("no title")
	case p.Source != Field && p.Source != Own:
		return fmt.Errorf("source %q is neither field nor own", p.Source)
	case len(p.Shows) > 0 && (p.Race || p.Test != ""):
		return errors.New("an incident is shown by a mutant of the product, without the race detector")
	case (len(p.Breaks) == 0) == (p.Test == ""):
		return errors.New("it needs either Breaks or Noticed-By")
	}
	return nil
}

// product are the folders of the product, which is what a mutant of it changes.
var product = []string{"attachment", "attachment/csi", "attachment/deadline", "reconciler"}

// checkFiles refuses what would not be a small change of one side's code.
func (p *Patch) checkFiles(diff string) error {
	if len(p.files) == 0 {
		return errors.New("there is no diff")
	}
	for _, f := range p.files {
		name := nameOf(f)
		if !strings.Contains("\n"+diff, "\n--- a/"+name+"\n+++ b/"+name+"\n") || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || !fs.ValidPath(name) {
			return fmt.Errorf("the diff of %s: it is to change a file of code, from a/x.go to b/x.go", f.NewName)
		}
		if ours := slices.Contains(product, path.Dir(name)); ours != (p.Test == "") {
			return fmt.Errorf("the diff changes %s, which belongs to the other side", name)
		}
	}
	return nil
}

// nameOf is the path that a diff changes. The parser gives one of the two that stand in it for both.
func nameOf(f *gitdiff.File) string {
	_, name, _ := strings.Cut(f.NewName, "/")
	return name
}
