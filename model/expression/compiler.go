package expression

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
)

// The bounds of one evaluation, and of a rule's text. The first is what Kubernetes grants one of its own validation rules; to
// look once at each of 100,000 things is within it.
const (
	costMax = 1_000_000
	textMax = 8192
)

// Compiler turns the text of rules into Programs. Making one costs about a millisecond, and so does a rule.
type Compiler struct {
	env   *cel.Env
	names []string // all that a rule can name, for suggestions
}

// NewCompiler returns a Compiler that knows the fields of State as variables, the State before as old, and CEL's functions on
// strings, lists and sets.
func NewCompiler() (*Compiler, error) {
	byName, err := named()
	if err != nil {
		return nil, fmt.Errorf("declare named: %w", err)
	}
	options := []cel.EnvOption{
		cel.StdLib(), ext.Strings(), ext.Lists(), ext.Sets(),
		ext.NativeTypes(ext.ParseStructTags(true), reflect.TypeFor[State]()),
		cel.EnableMacroCallTracking(), // Explain takes macros apart
		cel.ParserExpressionSizeLimit(textMax),
		cel.Variable("old", celType(reflect.TypeFor[State]())),
		byName,
	}
	c := &Compiler{names: []string{"old", "named"}}
	for _, f := range fieldsOf(reflect.TypeFor[State]()) {
		options = append(options, cel.Variable(f.name, celType(f.of)))
		c.names = append(c.names, f.name)
	}
	env, err := cel.NewCustomEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("make an environment for rules: %w", err)
	}
	c.env = env
	return c, nil
}

// Compile checks a rule and its message. The error is a *Problem if it is about the text.
func (c *Compiler) Compile(src Source) (*Program, error) {
	rule, err := c.check("rule", src.Rule, cel.BoolType)
	if err != nil {
		return nil, err
	}
	p := &Program{source: src, compiler: c, rule: rule, uses: usesOf(rule.NativeRep())}
	if p.uses.empty() {
		return nil, &Problem{Field: "rule", What: "the rule asks about nothing", Hint: variablesHint}
	}
	if p.judge, err = c.program("rule", rule); err != nil {
		return nil, err
	}
	if src.MessageExpression == "" {
		return p, nil
	}
	message, err := c.check("messageExpression", src.MessageExpression, cel.StringType)
	if err != nil {
		return nil, err
	}
	if usesOf(message.NativeRep()).old && !p.uses.old {
		return nil, &Problem{Field: "messageExpression", What: "the message mentions old, which the rule does not",
			Hint: "only a rule that mentions old waits until there is a state before"}
	}
	p.sees = usesOf(message.NativeRep())
	p.message, err = c.program("messageExpression", message)
	return p, err
}

// check parses a text and finds its types. A text may be longer than CEL's own limit only if it is too long for us.
func (c *Compiler) check(field, text string, want *cel.Type) (*cel.Ast, error) {
	if len(text) > textMax {
		return nil, &Problem{Field: field, What: fmt.Sprintf("the text is longer than %d bytes", textMax)}
	}
	ast, issues := c.env.Compile(text)
	if issues.Err() != nil {
		return nil, c.problem(field, text, issues)
	}
	if got := ast.OutputType(); !got.IsExactType(want) {
		return nil, &Problem{Field: field, What: fmt.Sprintf("the expression is %s, where %s is wanted", plainType(got), plainType(want))}
	}
	return ast, nil
}

// program prepares what was checked. What fails here are constants, such as a broken pattern.
func (c *Compiler) program(field string, ast *cel.Ast) (cel.Program, error) {
	p, err := c.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costMax), cel.CostTracking(lookups{}))
	if err != nil {
		return nil, &Problem{Field: field, What: err.Error()}
	}
	return p, nil
}
