// Package expression judges the state of a run by rules that users write in CEL, the expression language of Kubernetes' own
// validation rules.
//
// A rule is an expression that is true as long as all is well. It sees a State: what the storage backend, the API server and
// the system under test say at one moment. Its fields are typed, so that a misspelt one is an error before anything runs.
//
// The smallest use:
//
//	c, err := expression.NewCompiler()
//	p, err := c.Compile(expression.Source{Name: "one-writer", Rule: "volumes.all(v, v.writers.size() <= 1)"})
//	answer, err := p.Judge(now, before)
//
// The nouns are few. A Source is the text of a rule, a Program is a rule that compiled, a State is what it is asked about, and
// an Answer is whether it holds, and for what it does not.
package expression
