// Package lint holds the rules of the house, so that nobody has to remember them: who may import whom, what must be
// documented, how large things may grow, and what the product may not ask of the outside world.
//
// A Rule reads the parsed files of a Module and answers with Findings. The rules work on syntax alone, load nothing but
// the module itself, and need no build, so that they run in every `go test ./...`:
//
//	m, err := lint.Load(os.DirFS("."))
//	for _, r := range lint.Rules() {
//		for _, f := range r.Check(m) {
//			fmt.Println(f) // sim/clock/clock.go:12: Clock has no doc comment [docs]
//		}
//	}
//
// Each rule has a script in testdata: a small module that breaks it in every way that the rule knows, beside code that
// looks alike and is fine. STYLE.md gives the reasons.
package lint
