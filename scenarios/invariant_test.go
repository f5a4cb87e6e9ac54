package scenarios

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestInvariants_NamesAndRules(t *testing.T) {
	s, err := Parse("x.yaml", strings.NewReader(header+`  invariants:
  - S1
  - L4
  - name: one-writer
    rule: volumes.all(v, v.writers.size() <= 1)
    message: two machines write to one disk
  - name: epochs-grow
    rule: |
      volumes.all(v,
        v.epoch >= old.volumes.named(v.handle).epoch)
    messageExpression: '"epochs: " + volumes.map(v, string(v.epoch)).join(" ")'
`))
	require.NoError(t, err)
	require.Equal(t, []Invariant{
		{Name: "S1"}, {Name: "L4"},
		{Name: "one-writer", Rule: "volumes.all(v, v.writers.size() <= 1)", Message: "two machines write to one disk"},
		{Name: "epochs-grow", Rule: "volumes.all(v,\n  v.epoch >= old.volumes.named(v.handle).epoch)\n",
			MessageExpression: `"epochs: " + volumes.map(v, string(v.epoch)).join(" ")`},
	}, s.Spec.Invariants)
	require.True(t, s.Spec.Invariants[0].BuiltIn())
	require.False(t, s.Spec.Invariants[2].BuiltIn())
	again, err := Parse("y.yaml", strings.NewReader(string(Format(s.Defaults()))))
	require.NoError(t, err)
	require.Equal(t, s.Spec.Invariants, again.Spec.Invariants)
}

// Every mistake is told with its place in the file, however the rule is written there.
func TestInvariants_Refused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`[S21]`, `x.yaml:N:16: "S21" is no invariant (did you mean "S1"?)`},
		{`[l4x]`, `x.yaml:N:16: "l4x" is no invariant (did you mean "L4"?)`},
		{`[everything]`, `x.yaml:N:16: "everything" is no invariant`},
		{`[S1, S1]`, `x.yaml:N:20: there are two with the invariant "S1"`},
		{`[{name: s1, rule: volumes.size() > 0}]`, `x.yaml:N:23: "s1" is the name of a built-in invariant`},
		{`[{name: S1, rule: volumes.size() > 0}]`, `x.yaml:N:23: "S1" is the name of a built-in invariant`},
		{`[{name: My Rule, rule: volumes.size() > 0}]`, `x.yaml:N:23: "My Rule" is no name for a rule`},
		{`[{name: a, rule: volumes.size() > 0}, {name: a, rule: nodes.size() > 0}]`, `x.yaml:N:60: there are two with the invariant "a"`},
		{`[{name: a}]`, `x.yaml:N:16: an entry of invariants needs rule`},
		{`[{name: a, rul: volumes.size() > 0}]`, `x.yaml:N:26: an entry of invariants has no field "rul" (did you mean "rule"?)`},
		{`[{name: a, rule: volums.size() > 0}]`, `x.yaml:N:32: there is no "volums" (did you mean "volumes"?)`},
		{`[{name: a, rule: volumes.size()}]`, `x.yaml:N:32: the expression is int, where bool is wanted`},
		{`[{name: a, rule: "volumes.all(v, v.hadle == \"x\")"}]`, `x.yaml:N:50: there is no field "hadle" (did you mean "handle"?)`},
		{`[{name: a, rule: "phase != \"x\ty\" && volums.size() > 0"}]`, `x.yaml:N:54: there is no "volums" (did you mean "volumes"?)`},
		{`[{name: a, rule: 'phase == ''x'' || volums.size() > 0'}]`, `x.yaml:N:51: there is no "volums" (did you mean "volumes"?)`},
		{`[{name: a, rule: volumes.size() > 0, messageExpression: '"n " + nods[0].name'}]`, `x.yaml:N:79: there is no "nods" (did you mean "nodes"?)`},
		{"\n  - name: a\n    rule: >-\n      volumes.all(v,\n\n        v.wirters.size() <= 1)", `x.yaml:N+5:11: there is no field "wirters" (did you mean "writers"?)`},
		{"\n  - name: a\n    rule: |\n      volumes.all(v,\n        v.wirters.size() <= 1)", `x.yaml:N+4:11: there is no field "wirters" (did you mean "writers"?)`},
		{"\n  - name: a\n    rule: volumes.all(v,\n      v.wirters.size() <= 1)", `x.yaml:N+3:9: there is no field "wirters" (did you mean "writers"?)`},
		{"\n  - name: ä\n    rule: 'phase == \"äöü\" && volums.size() > 0'", `x.yaml:N+2:30: there is no "volums" (did you mean "volumes"?)`},
		{"\n  - name: a\n    rule: |\n      volumes.all(v, v.handle", `x.yaml:N+3:30: not CEL: missing ')' at the end`},
	} {
		text := header + "  invariants: " + c.text + "\n"
		line := strings.Count(header, "\n") + 1
		want := strings.Replace(c.want, "N+", "N", 1)
		if want != c.want {
			more := int(want[strings.Index(want, "N")+1] - '0')
			want = strings.Replace(want, "N"+string(rune('0'+more)), itoa(line+more), 1)
		} else {
			want = strings.Replace(want, "N", itoa(line), 1)
		}
		_, err := Parse("x.yaml", strings.NewReader(text))
		require.Error(t, err, c.text)
		lines := strings.Split(err.Error(), "\n")
		require.Contains(t, lines, want, c.text)
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// A scenario that was made in Go has no lines; its problems say which letter of the rule.
func TestInvariants_RefusedWithoutAText(t *testing.T) {
	s, err := Parse("x.yaml", strings.NewReader(header))
	require.NoError(t, err)
	s.Spec.Invariants = []Invariant{{Name: "a", Rule: "volums.size() > 0"}, {Name: "b", Message: "no rule"}}
	require.EqualError(t, s.Validate(), `spec.invariants[0].rule: letter 1: there is no "volums" (did you mean "volumes"?)
spec.invariants[1].rule: the text is empty
hint: a rule sees volumes, nodes, attachments, vas, now, elapsed, phase, and old for the state before`)
}

// Wherever YAML puts the letters of a value, letterOf finds them.
func TestLetterOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b(c)", "ä.ö", "'", `"`, `\`, "&&", "x'y"}), 1, 9).Draw(t, "words")
		gaps := rapid.SliceOfN(rapid.SampledFrom([]string{" ", "\n", " "}), len(words), len(words)).Draw(t, "gaps")
		var value strings.Builder
		for i, w := range words {
			value.WriteString(w)
			if i+1 < len(words) {
				value.WriteString(gaps[i])
			}
		}
		style := rapid.SampledFrom([]yaml.Style{0, yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle}).Draw(t, "style")
		doc := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "k"}, {Kind: yaml.ScalarNode, Value: value.String(), Style: style, Tag: "!!str"}}}
		text, err := yaml.Marshal(doc)
		require.NoError(t, err)
		var tree yaml.Node
		require.NoError(t, yaml.Unmarshal(text, &tree))
		node := tree.Content[0].Content[1]
		letters := []rune(node.Value)
		n := rapid.IntRange(0, len(letters)-1).Draw(t, "n")
		line, column := letterOf(text, node, n)
		at := []rune(strings.Split(string(text), "\n")[line-1])
		require.LessOrEqual(t, column, len(at)+1)
		if strings.ContainsRune(" \n", letters[n]) {
			return
		}
		got := at[column-1]
		require.Equal(t, string(letters[n]), string(got), "letter %d of %q in\n%s", n, node.Value, text)
	})
}
