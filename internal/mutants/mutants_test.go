package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/report"
)

func sourceTree(t *testing.T) string {
	t.Helper()
	root, err := FindRoot(".")
	require.NoError(t, err)
	return root
}

// A patch that no longer applies is a test that nobody runs any more.
func TestEveryPatchApplies(t *testing.T) {
	product, err := Product()
	require.NoError(t, err)
	harness, err := Harness()
	require.NoError(t, err)
	require.NotEmpty(t, product)
	require.NotEmpty(t, harness)
	root := os.DirFS(sourceTree(t))
	titles := map[string]string{}
	for _, p := range append(product, harness...) {
		changed, err := p.Apply(root)
		require.NoError(t, err)
		for name, text := range changed {
			_, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
			require.NoError(t, err, p.ID)
		}
		require.Empty(t, titles[p.Title], "%s has the same title", p.ID)
		titles[p.Title] = p.ID
	}
}

// An invariant that breaks for no mutant is one of which nobody knows whether it can.
func TestEveryInvariantIsBrokenByAMutant(t *testing.T) {
	product, err := Product()
	require.NoError(t, err)
	broken := map[string]bool{}
	for _, p := range product {
		for _, name := range p.Breaks {
			broken[name] = true
		}
	}
	for _, i := range model.Invariants() {
		require.True(t, broken[i.Name], i.Name)
	}
}

// A mutant of the harness names a test that exists.
func TestEveryGuardExists(t *testing.T) {
	harness, err := Harness()
	require.NoError(t, err)
	root := sourceTree(t)
	for _, p := range harness {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(p.Package), "*_test.go"))
		require.NoError(t, err)
		found := false
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			found = found || bytes.Contains(text, []byte("\nfunc "+p.Test+"(t *testing.T)"))
		}
		require.True(t, found, "%s: there is no %s in %s", p.ID, p.Test, p.Package)
	}
}

const (
	code = "package attachment\n\nfunc a() int {\n\treturn 1\n}\n\nfunc b() int {\n\treturn 2\n}\n"
	head = "Id: X1\nTitle: b is wrong\nSource: own\nBreaks: S1, L10\n"
	diff = "--- a/attachment/x.go\n+++ b/attachment/x.go\n@@ -7,3 +7,3 @@\n func b() int {\n-\treturn 2\n+\treturn 3\n }\n"
)

func tree(text string) fstest.MapFS {
	return fstest.MapFS{"attachment/x.go": {Data: []byte(text)}}
}

func TestApply(t *testing.T) {
	p, err := Parse("X1.patch", head+"\n"+diff)
	require.NoError(t, err)
	for name, shift := range map[string]string{"in place": "", "further down": "// one line more\n\n"} {
		t.Run(name, func(t *testing.T) {
			changed, err := p.Apply(tree(shift + code))
			require.NoError(t, err)
			want := shift + strings.Replace(code, "return 2", "return 3", 1)
			require.Equal(t, map[string][]byte{"attachment/x.go": []byte(want)}, changed)
		})
	}
}

func TestApplyTakesTwoHunks(t *testing.T) {
	two := "--- a/attachment/x.go\n+++ b/attachment/x.go\n@@ -3,3 +3,4 @@\n func a() int {\n+\t// more\n \treturn 1\n }\n@@ -7,3 +8,3 @@\n func b() int {\n-\treturn 2\n+\treturn 3\n }\n"
	p, err := Parse("X1.patch", head+"\n"+two)
	require.NoError(t, err)
	changed, err := p.Apply(tree("// shifted\n" + code))
	require.NoError(t, err)
	want := "// shifted\n" + strings.NewReplacer("int {\n\treturn 1", "int {\n\t// more\n\treturn 1", "return 2", "return 3").Replace(code)
	require.Equal(t, want, string(changed["attachment/x.go"]))
}

func TestApplyRefusesWhatIsStale(t *testing.T) {
	p, err := Parse("X1.patch", head+"\n"+diff)
	require.NoError(t, err)
	for name, root := range map[string]fstest.MapFS{
		"the removed line is another":  tree(strings.Replace(code, "return 2", "return 4", 1)),
		"the context is another":       tree(strings.Replace(code, "func b() int {", "func b() (n int) {", 1)),
		"white space differs":          tree(strings.Replace(code, "\treturn 2", "        return 2", 1)),
		"the context is in two places": tree(code + "\n" + code[strings.Index(code, "func b"):]),
		"there is no such file":        {"attachment/y.go": {Data: []byte(code)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Apply(root)
			require.ErrorIs(t, err, ErrStale)
			require.ErrorContains(t, err, "X1")
		})
	}
}

func TestParse(t *testing.T) {
	p, err := Parse("some/where/X1.patch", strings.Replace(head, "Breaks", "Race: yes\nBreaks", 1)+"\n"+diff)
	require.NoError(t, err)
	p.files = nil
	require.Equal(t, Patch{ID: "X1", Title: "b is wrong", Source: Own, Breaks: []string{"S1", "L10"}, Race: true}, p)

	p, err = Parse("X1.patch", strings.Replace(head, "Breaks: S1, L10", "Noticed-By: ./sim/sched TestX_one", 1)+"\n"+strings.ReplaceAll(diff, "attachment/", "sim/sched/"))
	require.NoError(t, err)
	require.Equal(t, [2]string{"./sim/sched", "TestX_one"}, [2]string{p.Package, p.Test})
}

func TestParseRefuses(t *testing.T) {
	for want, text := range map[string]string{
		"no empty line":        head + diff,
		"not the name of":      strings.Replace(head, "X1", "X2", 1) + "\n" + diff,
		"no title":             strings.Replace(head, "Title: b is wrong\n", "", 1) + "\n" + diff,
		`"Titel"`:              strings.Replace(head, "Title", "Titel", 1) + "\n" + diff,
		`line "Id: X1"`:        "Id: X1\n" + head + "\n" + diff,
		`"S21" is no`:          strings.Replace(head, "S1", "S21", 1) + "\n" + diff,
		`"S0" is no`:           strings.Replace(head, "S1", "S0", 1) + "\n" + diff,
		"neither field nor":    strings.Replace(head, "own", "nowhere", 1) + "\n" + diff,
		"either Breaks or":     strings.Replace(head, "Breaks: S1, L10\n", "", 1) + "\n" + diff,
		"it is yes, or left":   strings.Replace(head, "Breaks", "Race: no\nBreaks", 1) + "\n" + diff,
		"not a package and":    strings.Replace(head, "Breaks: S1, L10", "Noticed-By: TestX", 1) + "\n" + diff,
		"there is no diff":     head + "\n",
		"parse the diff":       head + "\n" + strings.Replace(diff, "-7,3", "-7,4", 1),
		"to change a file":     head + "\n" + strings.Replace(diff, "b/attachment/x.go", "b/attachment/y.go", 1),
		"from a/x.go to":       head + "\n" + strings.ReplaceAll(diff, "x.go", "x_test.go"),
		"belongs to the other": head + "\n" + strings.ReplaceAll(diff, "attachment/", "sim/"),
	} {
		_, err := Parse("X1.patch", text)
		require.ErrorContains(t, err, want)
	}
}

func TestKillTakesTheFirstViolation(t *testing.T) {
	var r Row
	r.kill(&report.Entry{Scenario: "chaos", Seed: 7, Verdict: report.Violated, Violations: []report.Violation{{Invariant: "S3", Message: "m"}, {Invariant: "L4"}}})
	require.Equal(t, Row{Killer: "S3", All: []string{"S3", "L4"}, Scenario: "chaos", Seed: 7, Message: "m"}, r)
	require.Equal(t, "S3 L4", r.verdict())

	r = Row{}
	r.kill(&report.Entry{Scenario: "chaos", Seed: 1, Verdict: report.Crashed, Message: "panic: x\n"})
	require.Equal(t, Row{Killer: "crashed", Scenario: "chaos", Seed: 1, Message: "panic: x"}, r)
}

func row(id, killer string, cpu time.Duration) Row {
	return Row{Patch: Patch{ID: id, Title: "title of " + id}, Killer: killer, Scenario: "chaos", Seed: 9, Runs: 9, CPU: cpu}
}

func clean() Score {
	return Score{
		Seeds:    400,
		Product:  []Row{row("A", "S1", time.Second), row("B", "L4", 3*time.Second), row("C", "crashed", 2*time.Second)},
		Harness:  []Row{row("E", "TestE", 0)},
		Controls: []Row{row("control", "", 0)},
	}
}

func TestScore(t *testing.T) {
	s := clean()
	require.True(t, s.Clean())
	require.Equal(t, 2*time.Second, s.Median())
	s.Product = s.Product[:2]
	require.Equal(t, 2*time.Second, s.Median(), "of two it is half way between them")
	require.Zero(t, Score{}.Median())

	for name, spoil := range map[string]func(*Score){
		"a survivor":                 func(s *Score) { s.Product[1].Killer = "" },
		"a mutant without an answer": func(s *Score) { s.Product[1].Err = ErrStale },
		"a harness mutant unnoticed": func(s *Score) { s.Harness[0].Killer = "" },
		"a control with a finding":   func(s *Score) { s.Controls[0].Killer = "S1" },
		"a control without answer":   func(s *Score) { s.Controls[0].Err = errBuild },
		"an interruption":            func(s *Score) { s.Interrupted = true },
	} {
		s := clean()
		spoil(&s)
		require.False(t, s.Clean(), name)
	}
}

func TestScoreAsJSON(t *testing.T) {
	s := clean()
	s.Product[1].Killer = ""
	var b bytes.Buffer
	require.NoError(t, s.WriteJSON(&b))
	var d struct {
		Mutants, Killed     int
		MedianSecondsToKill float64
		Survivors           []string
		Harness             struct {
			Mutants, Noticed int
			Survivors        []string
		}
		Results []struct{ ID, KilledBy string }
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &d))
	require.Equal(t, []int{3, 2, 1, 1}, []int{d.Mutants, d.Killed, d.Harness.Mutants, d.Harness.Noticed})
	require.Equal(t, 1.5, d.MedianSecondsToKill)
	require.Equal(t, []string{"B"}, d.Survivors)
	require.Contains(t, b.String(), `"survivors": []`, "no survivors are an empty list")
	require.Equal(t, "S1", d.Results[0].KilledBy)
}

func TestScoreAsTable(t *testing.T) {
	s := clean()
	s.Product[1].Killer = ""
	s.Product[2].Scenario = "node-kept"
	var b bytes.Buffer
	require.NoError(t, s.WriteTable(&b))
	require.Equal(t, `MUTANT  KILLED BY  SEED       RUNS  CPU    RACE  WHAT IT DOES WRONG
A       S1         9          9     1.00s  no    title of A
B       SURVIVED   -          9     3.00s  no    title of B
C       crashed    node-kept  9     2.00s  no    title of C

MUTANT OF THE HARNESS  NOTICED BY  WHAT IT DOES WRONG
E                      TestE       title of E

killed 2 of 3 mutants (66.7%), median 1.50 CPU seconds to the kill
survived: B
noticed 1 of 1 mutants of the harness
control: title of control: no finding in 9 runs
`, b.String())
}

func TestReadTest(t *testing.T) {
	const out = `{"Action":"run","Test":"TestX"}
{"Action":"output","Test":"TestX","Output":"boom\n"}
{"Action":"fail","Test":"TestX/sub"}
not json
{"Action":"%s","Test":"TestX"}
{"Action":"fail"}
`
	for _, action := range []string{"pass", "fail"} {
		said, text := readTest([]byte(strings.Replace(out, "%s", action, 1)))
		require.Equal(t, action, said["TestX"])
		require.Equal(t, "boom\n", text)
	}
	said, _ := readTest([]byte(`{"Action":"build-fail"}`))
	require.Empty(t, said, "a test that did not run has noticed nothing")
}

func TestGuardsOf(t *testing.T) {
	of := func(pkg, test string) Patch { return Patch{Package: pkg, Test: test} }
	require.Equal(t, []guard{{"./a", []string{"TestX", "TestY"}}, {"./b", []string{"TestX"}}},
		guardsOf([]Patch{of("./a", "TestX"), of("./b", "TestX"), of("./a", "TestY"), of("./a", "TestX")}))
}

// A campaign that is over before it began has tried nothing, and leaves nothing.
func TestInterruptedCampaign(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := Campaign{Root: sourceTree(t), Seeds: 1}.Run(ctx, []Patch{{ID: "A"}}, nil)
	require.True(t, s.Interrupted)
	require.ErrorIs(t, s.Product[0].Err, context.Canceled)
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// One mutant goes all the way: applied, built, run, killed; and one that does not apply and one that does not build have no answer.
func TestCampaign(t *testing.T) {
	if testing.Short() {
		t.Skip("it links a program")
	}
	product, err := Product()
	require.NoError(t, err)
	byID := map[string]Patch{}
	for _, p := range product {
		byID[p.ID] = p
	}
	broken, err := Parse("X1.patch", head+"\n"+"--- a/attachment/epoch.go\n+++ b/attachment/epoch.go\n@@ -11 +11 @@\n-\treturn t.m.freshEpoch(0)\n+\treturn nil\n")
	require.NoError(t, err)
	stale, err := Parse("X1.patch", head+"\n"+diff)
	require.NoError(t, err)
	t.Setenv("TMPDIR", t.TempDir())
	s := Campaign{Root: sourceTree(t), Seeds: 20, Workers: 2}.Run(t.Context(), []Patch{byID["R04"], broken, stale}, nil)
	killed := s.Product[0]
	require.True(t, killed.Killed(), "%+v", killed)
	require.Contains(t, killed.All, "S5")
	require.Positive(t, killed.CPU)
	require.Equal(t, int(killed.Seed), killed.Runs)
	require.ErrorIs(t, s.Product[1].Err, errBuild)
	require.ErrorIs(t, s.Product[2].Err, ErrStale)
	require.Equal(t, []string{"X1", "X1"}, survivors(s.Product))
	require.NoError(t, s.Controls[0].Err)
	require.False(t, s.Controls[0].Killed(), "%+v", s.Controls[0])
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestFindRoot(t *testing.T) {
	_, err := FindRoot(t.TempDir())
	require.ErrorContains(t, err, "not in the source tree")
}
