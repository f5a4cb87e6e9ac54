package expression

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// Problem is what is wrong with the text of a rule.
type Problem struct {
	Field string // rule or messageExpression
	// Line and Column are the place in that text, from 1; Line 0 is about the text as a whole. Columns count letters.
	Line, Column int
	What         string
	// Meant is the word that was probably meant, and Hint a sentence that helps; either may be empty.
	Meant, Hint string
}

// Error returns the problem as one line, and the hint behind it.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Field)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": " + p.What)
	if p.Meant != "" {
		fmt.Fprintf(&b, " (did you mean %q?)", p.Meant)
	}
	if p.Hint != "" {
		b.WriteString("\nhint: " + p.Hint)
	}
	return b.String()
}

// Offset is the place in a text as a number of letters before it.
func (p *Problem) Offset(text string) int {
	lines := strings.SplitAfter(text, "\n")
	before := 0
	for i := range min(p.Line-1, len(lines)) {
		before += len([]rune(lines[i]))
	}
	return before + max(p.Column-1, 0)
}

const variablesHint = "a rule sees volumes, nodes, attachments, vas, now, elapsed, phase, and old for the state before"

// Errors of CEL that are worth other words.
var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'(?: \(did you mean '([^']*)'\?\))?`)
	undefined  = regexp.MustCompile(`^undefined field '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	syntax     = regexp.MustCompile(`^Syntax error: (.*)`)
)

// synonyms are what people try first who know other languages.
var synonyms = map[string]string{"length": "size", "len": "size", "count": "size", "any": "exists", "and": "&&", "or": "||", "not": "!", "=": "==", "forall": "all"}

// problem turns the first error of a compilation into a Problem. What follows the first is often its echo.
func (c *Compiler) problem(field, text string, issues *cel.Issues) *Problem {
	first := issues.Errors()[0]
	for _, e := range issues.Errors()[1:] {
		if l, at := e.Location, first.Location; l.Line() < at.Line() || l.Line() == at.Line() && l.Column() < at.Column() {
			first = e
		}
	}
	p := &Problem{Field: field, Line: max(first.Location.Line(), 1), Column: first.Location.Column() + 1, What: first.Message}
	if strings.TrimSpace(text) == "" {
		return &Problem{Field: field, What: "the text is empty", Hint: variablesHint}
	}
	switch m := func(r *regexp.Regexp) []string { return r.FindStringSubmatch(first.Message) }; {
	case m(undeclared) != nil:
		word, meant := m(undeclared)[1], m(undeclared)[2]
		p.What, p.Meant = fmt.Sprintf("there is no %q", word), meant
		if word == "" || p.Meant == "" {
			p.Meant = c.meant(word)
		}
		p.hint(variablesHint)
	case m(undefined) != nil:
		c.undefinedField(p, text, m(undefined)[1])
	case m(overload) != nil:
		p.What = fmt.Sprintf("%s does not take %s", strings.Trim(m(overload)[1], "_"), plainWords(m(overload)[2]))
	case m(syntax) != nil:
		p.What, p.Meant = "not CEL: "+shortSyntax(m(syntax)[1]), wordAt(text, p)
	}
	return p
}

func (p *Problem) hint(text string) {
	if p.Meant == "" {
		p.Hint = text
	}
}

// undefinedField names the field that was meant. CEL points at the dot before a field; the place of the field itself reads
// better. It does not say of which type the field should be, so that the suggestion comes from all of them.
func (c *Compiler) undefinedField(p *Problem, text, word string) {
	p.What = fmt.Sprintf("there is no field %q", word)
	p.Meant = nearest(word, allFields())
	if letters := []rune(text); p.Offset(text) < len(letters) && letters[p.Offset(text)] == '.' {
		p.Column++
	}
	p.hint("docs/your-own-invariants.md lists the fields")
}

func allFields() (names []string) {
	types := []reflect.Type{reflect.TypeFor[State]()}
	for _, t := range elements() {
		types = append(types, t)
	}
	for _, t := range types {
		for _, f := range fieldsOf(t) {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *Compiler) meant(word string) string {
	if s := synonyms[word]; s != "" {
		return s
	}
	return nearest(word, append([]string{"all", "exists", "exists_one", "filter", "map", "size", "has", "duration", "timestamp"}, c.names...))
}

// shortSyntax leaves out of a syntax error the list of all that would have been possible.
func shortSyntax(message string) string {
	message, _, _ = strings.Cut(message, " expecting ")
	return strings.NewReplacer("mismatched input '<EOF>'", "the text ends too early", "mismatched input", "unexpected",
		"extraneous input", "unexpected", "token recognition error at:", "unexpected", "no viable alternative at input", "unexpected",
		"'<EOF>'", "the end").Replace(message)
}

// wordAt suggests something for the word at which a text is no CEL any more.
func wordAt(text string, p *Problem) string {
	letters := []rune(text)
	rest := string(letters[min(p.Offset(text), len(letters)):])
	for _, word := range []string{"and", "or", "not", "="} {
		if after, ok := strings.CutPrefix(rest, word); ok && (after == "" || strings.ContainsAny(after[:1], " (!")) {
			return synonyms[word]
		}
	}
	return ""
}
