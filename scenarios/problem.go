package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// problemsMax bounds what one error tells.
const problemsMax = 10

// Problem is one thing that is wrong with a scenario.
type Problem struct {
	// File, Line and Column say where in the text; Line 0 is a scenario that has no text.
	File         string
	Line, Column int
	// Path says where in the scenario: spec.timeline[3].publish.volume.
	Path string
	What string
	// Meant is the word that was probably meant, and Hint a sentence that helps; either may be empty.
	Meant, Hint string

	inside int // the letter of the value, from 1, at which it is; 0 is the value as a whole
}

// String returns the problem as one line, without the hint.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	case p.Path != "":
		fmt.Fprintf(&b, "%s: ", p.Path)
	}
	if p.Line == 0 && p.inside > 0 {
		fmt.Fprintf(&b, "letter %d: ", p.inside)
	}
	b.WriteString(p.What)
	if p.Meant != "" {
		fmt.Fprintf(&b, " (did you mean %q?)", p.Meant)
	}
	return b.String()
}

// Problems is what is wrong with a scenario, in the order of its text. It is the error of Parse and Validate; get at it
// with errors.As.
type Problems []Problem

// Error returns a line for each of the first ten problems, and the first hint.
func (ps Problems) Error() string {
	var lines []string
	hint := ""
	for i, p := range ps {
		if i == problemsMax {
			lines = append(lines, fmt.Sprintf("and %d more", len(ps)-problemsMax))
			break
		}
		lines = append(lines, p.String())
		if hint == "" {
			hint = p.Hint
		}
	}
	if hint != "" {
		lines = append(lines, "hint: "+hint)
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems in the order of the text, each once.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return slices.CompactFunc(ps, func(a, b Problem) bool { return a.String() == b.String() })
}
