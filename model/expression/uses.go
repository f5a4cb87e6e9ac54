package expression

import (
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
)

// needs says what a system must offer for a field to have a meaning, in the words of the trace's set-up. The fields of State
// stand for themselves, those of others behind their type.
var needs = map[string]string{
	"attachments":       "believer",
	"Volume.detachedAt": "believer",
	"Volume.recorded":   "record",
	"Volume.epoch":      "record",
	"Volume.granted":    "backend",
	"Volume.writers":    "backend",
	"Node.alive":        "backend",
}

// uses is what a rule mentions.
type uses struct {
	fields []string // of the State
	powers []string // that the system under test must have
	old    bool     // the state before
}

func (u uses) empty() bool { return len(u.fields) == 0 }

// usesOf finds out what a checked expression mentions. The variable of a macro may hide one of ours; the rule then counts as
// one that mentions it, which costs at most a judgement.
func usesOf(checked *ast.AST) (u uses) {
	state := fieldsOf(reflect.TypeFor[State]())
	mention := func(name string) {
		if power := needs[name]; power != "" && !slices.Contains(u.powers, power) {
			u.powers = append(u.powers, power)
		}
		isState := slices.ContainsFunc(state, func(f field) bool { return f.name == name })
		if isState && !slices.Contains(u.fields, name) {
			u.fields = append(u.fields, name)
		}
	}
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			u.old = u.old || e.AsIdent() == "old"
			mention(e.AsIdent())
		case ast.SelectKind:
			s := e.AsSelect()
			of, isOurs := strings.CutPrefix(checked.GetType(s.Operand().ID()).TypeName(), typePrefix)
			switch {
			case isOurs && of == "State":
				mention(s.FieldName())
			case isOurs:
				mention(of + "." + s.FieldName())
			}
		}
	}))
	slices.Sort(u.powers)
	return u
}
