package scenarios

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/holdfast-sim/holdfast/model/expression"
)

// Invariant is the name of a built-in invariant, or a rule of the user's own: a CEL expression that is true as long as all is
// well. In the text the first is a word, the second has fields:
//
//	invariants:
//	- S1
//	- name: one-writer
//	  rule: volumes.all(v, v.mode != "ReadWriteOnce" || v.writers.size() <= 1)
//	  message: two machines write to one disk
type Invariant struct {
	Name string `json:"name"`
	// Rule is CEL and gives a bool. Its variables are in docs/your-own-invariants.md.
	Rule string `json:"rule"`
	// Message says in plain words what a violation means.
	Message string `json:"message,omitempty"`
	// MessageExpression is CEL that gives such words; it goes before Message.
	MessageExpression string `json:"messageExpression,omitempty"`
}

// BuiltIn reports whether the invariant is one that needs no rule.
func (i Invariant) BuiltIn() bool { return i.Rule == "" }

const (
	rulesMax    = 100
	ruleNameMax = 63
	messageMax  = 1024
)

// ruleNamePattern is kebab-case, as Kubernetes writes names.
var ruleNamePattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// builtIn are the names of the built-in invariants.
func builtIn() (names []string) {
	for n := 1; n <= 20; n++ {
		names = append(names, "S"+strconv.Itoa(n))
	}
	for n := 1; n <= 10; n++ {
		names = append(names, "L"+strconv.Itoa(n))
	}
	return names
}

func (v *validator) invariants(all []Invariant) {
	if len(all) == 0 {
		return
	}
	if len(all) > rulesMax {
		v.add("spec.invariants", fmt.Sprintf("there are %d invariants; at most %d are wanted", len(all), rulesMax), "", "")
		return
	}
	seen := make(map[string]bool)
	compiler, err := expression.NewCompiler()
	if err != nil {
		panic("scenarios: no rule can be checked: " + err.Error())
	}
	for i, inv := range all {
		path := fmt.Sprintf("spec.invariants[%d]", i)
		v.once(path+".name", "invariant", inv.Name, seen)
		if inv.BuiltIn() && inv.Message == "" && inv.MessageExpression == "" {
			v.builtIn(path+".name", inv.Name)
			continue
		}
		v.ruleName(path+".name", inv.Name)
		v.text(path+".message", inv.Message, messageMax)
		_, err := compiler.Compile(expression.Source(inv))
		if wrong := new(expression.Problem); errors.As(err, &wrong) {
			v.ruleProblem(path, inv, wrong)
		}
	}
}

func (v *validator) builtIn(path, name string) {
	if invariantPattern.MatchString(name) {
		return
	}
	meant, hint := suggest(name, builtIn()), ""
	if meant == "" {
		hint = "built-in invariants are S1 to S20 and L1 to L10; one of your own has a name and a rule"
	}
	v.add(path, fmt.Sprintf("%q is no invariant", name), meant, hint)
}

func (v *validator) ruleName(path, name string) {
	switch {
	case invariantPattern.MatchString(strings.ToUpper(name)):
		v.add(path, fmt.Sprintf("%q is the name of a built-in invariant", name), "", "")
	case !ruleNamePattern.MatchString(name) || len(name) > ruleNameMax:
		v.add(path, fmt.Sprintf("%q is no name for a rule", name), "", fmt.Sprintf("names of rules are lower-case words with dashes between them, at most %d letters", ruleNameMax))
	}
}

// ruleProblem notes what is wrong with the text of a rule, and where in it.
func (v *validator) ruleProblem(path string, inv Invariant, wrong *expression.Problem) {
	text := inv.Rule
	if wrong.Field == "messageExpression" {
		text = inv.MessageExpression
	}
	v.add(path+"."+wrong.Field, wrong.What, wrong.Meant, wrong.Hint)
	if n := len(v.found); wrong.Line > 0 && v.found[n-1].Path == path+"."+wrong.Field {
		v.found[n-1].inside = wrong.Offset(text) + 1
	}
}
