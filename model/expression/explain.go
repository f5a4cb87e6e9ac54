package expression

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Explanation says why a rule does not hold.
type Explanation struct {
	Message string
	// About is the first thing for which the rule is false: a *Volume, *Node, *Attachment or *VolumeAttachment; nil if the rule
	// is not one that asks for something of each.
	About any
}

// Explain says why the rule does not hold of the state now. It is made for the first violation, and takes its time.
func (p *Program) Explain(now, before *State) Explanation {
	m := &moment{now, before}
	e := Explanation{Message: p.source.Message, About: p.culprit(m)}
	if p.message != nil {
		if text, err := eval(p.message, m); err == nil {
			e.Message, _ = text.(string)
		} else {
			e.Message = strings.TrimSpace(e.Message + " (messageExpression: " + err.Error() + ")")
		}
	}
	switch about := describe(e.About); {
	case e.Message == "" && about == "":
		e.Message = "it is false that " + p.text()
	case e.Message == "":
		e.Message = about + ": it is false that " + p.text()
	case about != "":
		e.Message += ": " + about
	}
	return e
}

// text is the rule on one line.
func (p *Program) text() string { return strings.Join(strings.Fields(p.source.Rule), " ") }

// culprit finds the first thing for which a rule is false, where the rule says something of all things of a list: it takes
// the expression apart and evaluates its parts. Where it cannot, it returns nil.
func (p *Program) culprit(m *moment) any {
	s := &search{compiler: p.compiler, checked: p.rule.NativeRep(), moment: m}
	return s.find(s.checked.Expr(), false)
}

type search struct {
	compiler *Compiler
	checked  *ast.AST
	moment   *moment
}

// find looks in an expression for what makes it true, or false, as it is.
func (s *search) find(e ast.Expr, is bool) any {
	if e.Kind() == ast.ComprehensionKind {
		return s.element(e, is)
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case operators.LogicalNot:
		return s.find(args[0], !is)
	case operators.LogicalAnd, operators.LogicalOr:
		for _, side := range args {
			if v, ok := s.value(side).(bool); !ok || v != is {
				continue
			}
			if found := s.find(side, is); found != nil {
				return found
			}
		}
	}
	return nil
}

// element returns the first element of a list for which the condition of an all is false, or that of an exists is true.
func (s *search) element(e ast.Expr, is bool) any {
	macro, ok := s.checked.SourceInfo().GetMacroCall(e.ID())
	if !ok || macro.Kind() != ast.CallKind || len(macro.AsCall().Args()) != 2 || is != (macro.AsCall().FunctionName() == operators.Exists) {
		return nil
	}
	over := e.AsComprehension().IterRange()
	list := s.checked.GetType(over.ID())
	if list.Kind() != cel.ListKind {
		return nil
	}
	of := list.Parameters()[0]
	all, ok := s.value(over).(ref.Val)
	if _, ours := elements()[of.TypeName()]; !ok || !ours {
		return nil
	}
	variable, condition := macro.AsCall().Args()[0].AsIdent(), macro.AsCall().Args()[1]
	judge := s.program(condition, cel.Variable(variable, of))
	lister, ok := all.(traits.Lister)
	if !ok || judge == nil {
		return nil
	}
	for it := lister.Iterator(); it.HasNext().Value() == true; {
		x := it.Next()
		if v, err := eval(judge, &inner{s.moment, variable, x}); err == nil && v == is {
			return x.Value()
		}
	}
	return nil
}

// value evaluates a part of the rule: a bool, or a list as CEL has it; nil if that fails.
func (s *search) value(e ast.Expr) any {
	p := s.program(e)
	if p == nil {
		return nil
	}
	v, _, err := p.Eval(s.moment)
	if err != nil {
		return nil
	}
	if b, ok := v.Value().(bool); ok {
		return b
	}
	return v
}

// program compiles a part of the rule as a rule of its own.
func (s *search) program(e ast.Expr, more ...cel.EnvOption) cel.Program {
	text, err := cel.ExprToString(e, s.checked.SourceInfo())
	if err != nil {
		return nil
	}
	env, err := s.compiler.env.Extend(more...)
	if err != nil {
		return nil
	}
	part, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil
	}
	p, err := (&Compiler{env: env}).program("rule", part)
	if err != nil {
		return nil
	}
	return p
}

// inner is a moment inside of a macro.
type inner struct {
	*moment
	variable string
	value    ref.Val
}

// ResolveName returns the value of the macro's variable, or of one outside.
func (i *inner) ResolveName(name string) (any, bool) {
	if name == i.variable {
		return i.value, true
	}
	return i.moment.ResolveName(name)
}

// describe tells a thing in a few words.
func describe(x any) string {
	switch x := x.(type) {
	case *Volume:
		words := []string{"volume " + x.Handle}
		for _, l := range []struct {
			name  string
			nodes []string
		}{{"held by", x.Holders}, {"granted to", x.Granted}, {"written by", x.Writers}} {
			if len(l.nodes) > 0 {
				words = append(words, l.name+" "+strings.Join(l.nodes, " and "))
			}
		}
		return strings.Join(words, ", ")
	case *Node:
		return "node " + x.Name + withUID(x.UID)
	case *Attachment:
		return x.Volume + " on " + x.Node + withUID(x.UID) + ", believed " + x.State
	case *VolumeAttachment:
		return "VolumeAttachment " + x.Name + " of " + x.Volume + " on " + x.Node
	}
	return ""
}

func withUID(uid string) string {
	if uid == "" {
		return ""
	}
	return " (uid " + uid + ")"
}
