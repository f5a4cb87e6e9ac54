package expression

import (
	"errors"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/interpreter"
)

// Source is the text of a rule. It has the words of Kubernetes' own rules: a message is plain text, a messageExpression is CEL
// that gives one.
type Source struct{ Name, Rule, Message, MessageExpression string }

// ErrCost is the error of a rule that looked at more than a rule may.
var ErrCost = errors.New("the rule is too expensive")

// Program is a rule that compiled. It may be used for any number of runs, by one goroutine at a time.
type Program struct {
	source         Source
	compiler       *Compiler
	rule           *cel.Ast
	judge, message cel.Program
	uses           uses // by the rule, which decide when it can be judged
	sees           uses // by the message
}

// Name is the rule's name.
func (p *Program) Name() string { return p.source.Name }

// Needs are the powers that a system must offer for the rule to have a meaning, sorted.
func (p *Program) Needs() []string { return p.uses.powers }

// Mentions reports whether the rule mentions a field of the State, such as attachments, or old.
func (p *Program) Mentions(name string) bool {
	return name == "old" && p.uses.old || slices.Contains(p.uses.fields, name)
}

// Sees reports whether the rule or its message mentions a field of the State.
func (p *Program) Sees(name string) bool {
	return p.Mentions(name) || slices.Contains(p.sees.fields, name)
}

// Holds reports whether the rule is true of the state now. The one before is nil if there was none, and then a rule that
// mentions old is an error.
func (p *Program) Holds(now, before *State) (bool, error) {
	v, err := eval(p.judge, &moment{now, before})
	if err != nil {
		return false, err
	}
	return v == true, nil
}

// moment lets a program see two states. It implements cel.Activation.
type moment struct{ now, before *State }

// ResolveName returns the value of a variable.
func (m *moment) ResolveName(name string) (any, bool) {
	switch name {
	case "volumes":
		return m.now.Volumes, true
	case "nodes":
		return m.now.Nodes, true
	case "attachments":
		return m.now.Attachments, true
	case "vas":
		return m.now.VAs, true
	case "now":
		return m.now.Now, true
	case "elapsed":
		return m.now.Elapsed, true
	case "phase":
		return m.now.Phase, true
	case "old":
		return m.before, m.before != nil
	}
	return nil, false
}

// Parent returns nil: there is no outer scope.
func (m *moment) Parent() cel.Activation { return nil }

func eval(p cel.Program, m cel.Activation) (any, error) {
	v, _, err := p.Eval(m)
	if cancelled := new(interpreter.EvalCancelledError); errors.As(err, cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		return nil, fmt.Errorf("%w: more than %d steps of work in one evaluation", ErrCost, costMax)
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate the rule: %w", err)
	}
	return v.Value(), nil
}
