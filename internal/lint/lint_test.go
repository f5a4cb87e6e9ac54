package lint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/lint"
)

// TestModule holds the rules over the whole module.
func TestModule(t *testing.T) {
	m, err := lint.Load(os.DirFS("../.."))
	require.NoError(t, err)
	for _, r := range lint.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			for _, f := range r.Check(m) {
				t.Errorf("%s", f)
			}
		})
	}
}

// TestRules holds each rule to its script: a module in testdata/<rule>.txtar, and what the rule finds in it.
func TestRules(t *testing.T) {
	for _, r := range lint.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			m, want := script(t, r.Name)
			var got []string
			for _, f := range r.Check(m) {
				got = append(got, f.String())
			}
			require.NotEmpty(t, want, "a rule that finds nothing in its script is no rule")
			require.Equal(t, want, got)
		})
	}
}

// TestEveryScriptHasARule finds scripts that nobody runs.
func TestEveryScriptHasARule(t *testing.T) {
	names := map[string]bool{}
	for _, r := range lint.Rules() {
		require.False(t, names[r.Name], "two rules are called %s", r.Name)
		names[r.Name] = true
	}
	scripts, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	for _, s := range scripts {
		require.True(t, names[strings.TrimSuffix(filepath.Base(s), ".txtar")], "%s belongs to no rule", s)
	}
}

// TestLoadRefuses a folder without a module, and one whose Go files do not parse: a rule that sees nothing must not pass.
func TestLoadRefuses(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no go.mod":      {"a/a.go": {Data: []byte("package a\n")}},
		"no module line": {"go.mod": {Data: []byte("go 1.26\n")}},
		"syntax error":   {"go.mod": {Data: []byte("module m\n")}, "a/a.go": {Data: []byte("package\n")}},
	} {
		_, err := lint.Load(files)
		require.Error(t, err, name)
	}
}

// script reads a rule's module and the lines of its file "want".
func script(t *testing.T, rule string) (*lint.Module, []string) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", rule+".txtar"))
	require.NoError(t, err)
	files := fstest.MapFS{"go.mod": {Data: []byte("module m\n")}}
	var want []string
	for _, f := range archive.Files {
		if f.Name == "want" {
			want = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
			continue
		}
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	m, err := lint.Load(files)
	require.NoError(t, err)
	return m, want
}
