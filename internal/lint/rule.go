package lint

import (
	"fmt"
	"go/token"
)

// Rule is one rule of the house.
type Rule struct {
	Name string
	// Check returns what breaks the rule, in the order of files and lines.
	Check func(*Module) []Finding
}

// Finding is one place that breaks a rule.
type Finding struct {
	File string // path from the root of the module
	Line int
	Text string // what is wrong there, and what would be right if that is not plain
}

// String returns "file:line: text", which editors understand.
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

// Rules lists every rule.
func Rules() []Rule {
	return []Rule{
		{Name: "imports", Check: checkImports},
		{Name: "docs", Check: checkDocs},
		{Name: "sizes", Check: checkSizes},
		{Name: "names", Check: checkNames},
		{Name: "clock", Check: checkClock},
		{Name: "random", Check: checkRandom},
		{Name: "globals", Check: checkGlobals},
		{Name: "errors", Check: checkErrors},
		{Name: "leftovers", Check: checkLeftovers},
		{Name: "paths", Check: checkPaths},
		{Name: "format", Check: checkFormat},
	}
}

// at makes a finding at a position.
func (m *Module) at(pos token.Pos, format string, args ...any) Finding {
	p := m.fset.Position(pos)
	return Finding{File: p.Filename, Line: p.Line, Text: fmt.Sprintf(format, args...)}
}
