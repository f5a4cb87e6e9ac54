package lint

import (
	"bytes"
	"go/format"
	"regexp"
	"strings"
)

var (
	leftover    = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	machinePath = regexp.MustCompile("(^|[\\s\"'`=(:])/(home|root|work|Users)/[\\w.]")
)

// checkLeftovers finds comments that put work off: it is done, or it is an issue, or DESIGN.md says why not.
func checkLeftovers(m *Module) (found []Finding) {
	for _, p := range m.packages {
		for _, f := range p.files {
			for _, group := range f.ast.Comments {
				for _, c := range group.List {
					if mark := leftover.FindString(c.Text); mark != "" {
						found = append(found, m.at(c.Pos(), "%s in a comment", mark))
					}
				}
			}
		}
	}
	return found
}

// checkPaths finds absolute paths of somebody's machine in any text of the module.
func checkPaths(m *Module) (found []Finding) {
	for _, t := range m.texts {
		if !machinePath.MatchString(t.src) {
			continue
		}
		line := 0
		for s := range strings.Lines(t.src) {
			line++
			if machinePath.MatchString(s) {
				found = append(found, Finding{File: t.name, Line: line, Text: "names a path of one machine"})
			}
		}
	}
	return found
}

// checkFormat wants every file as gofmt writes it.
func checkFormat(m *Module) (found []Finding) {
	for _, p := range m.packages {
		for _, f := range p.files {
			want, err := format.Source(f.src)
			if err == nil && bytes.Equal(want, f.src) {
				continue
			}
			found = append(found, Finding{File: f.name, Line: firstDifference(f.src, want), Text: "is not as gofmt writes it"})
		}
	}
	return found
}

// firstDifference returns the number of the first line in which two texts differ.
func firstDifference(a, b []byte) int {
	line := 1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if a[i] == '\n' {
			line++
		}
	}
	return line
}
