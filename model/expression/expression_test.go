package expression

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// scene is a moment in which every field of the State has a value of its own.
func scene() *State {
	return &State{
		Volumes: []*Volume{
			{Handle: "vm", PV: "pv-vm", Mode: "ReadWriteOnce", Holders: []string{"n1"}, Granted: []string{"n1", "n2"}, Writers: []string{"n2"},
				Recorded: []string{"n1"}, Epoch: 7, DetachedAt: epoch.Add(time.Minute)},
			{Handle: "shared", PV: "pv-shared", Mode: "ReadWriteMany", Holders: []string{"n1", "n2"}, Epoch: 3},
		},
		Nodes: []*Node{
			{Name: "n1", UID: "a", Exists: true, Ready: true, Alive: true, Since: time.Second},
			{Name: "n2", UID: "b", Since: 30 * time.Second},
		},
		Attachments: []*Attachment{
			{Volume: "vm", Node: "n1", UID: "a", Epoch: 7, State: "held", Mode: "ReadWriteOnce", AttachedAt: epoch.Add(time.Second), NodeExists: true, NodeSince: time.Second},
			{Volume: "shared", Node: "n2", UID: "b", Epoch: 3, State: "uncertain", Mode: "ReadWriteMany", AttachedAt: epoch.Add(time.Second),
				MigrationStart: epoch.Add(2 * time.Second), MigrationTimeout: 5 * time.Minute, NodeSince: 30 * time.Second},
		},
		VAs: []*VolumeAttachment{{Name: "va-1", UID: "w", Volume: "vm", Node: "n1", Attached: true, Since: 4 * time.Second}},
		Now: epoch.Add(3 * time.Hour), Elapsed: 3 * time.Minute, Phase: "chaos",
	}
}

var shared = sync.OnceValues(NewCompiler)

func compile(t testing.TB, src Source) (*Program, error) {
	t.Helper()
	c, err := shared()
	require.NoError(t, err)
	return c.Compile(src)
}

func program(t testing.TB, rule string) *Program {
	t.Helper()
	p, err := compile(t, Source{Name: "r", Rule: rule})
	require.NoError(t, err, rule)
	return p
}

// Each variable and each field says what the State says: what follows is true, and its denial is false.
func TestEveryFieldIsSeen(t *testing.T) {
	before := scene()
	before.Volumes[0].Epoch, before.Elapsed, before.Phase, before.VAs = 6, time.Minute, "setup", nil
	for _, rule := range []string{
		`volumes.size() == 2 && volumes[0].handle == "vm" && volumes[1].handle == "shared"`,
		`volumes.named("vm").pv == "pv-vm"`,
		`volumes.named("vm").mode == "ReadWriteOnce"`,
		`volumes.named("vm").holders == ["n1"]`,
		`volumes.named("vm").granted == ["n1", "n2"]`,
		`volumes.named("vm").writers == ["n2"]`,
		`volumes.named("vm").recorded == ["n1"]`,
		`volumes.named("vm").epoch == 7`,
		`volumes.named("vm").detachedAt == timestamp("2026-01-01T00:01:00Z")`,
		`has(volumes[0].detachedAt) && !has(volumes[1].detachedAt)`,
		`nodes.named("n1").uid == "a" && nodes.named("n1").name == "n1"`,
		`nodes.named("n1").exists && !nodes.named("n2").exists`,
		`nodes.named("n1").ready && !nodes.named("n2").ready`,
		`nodes.named("n1").alive && !nodes.named("n2").alive`,
		`nodes.named("n2").since == duration("30s")`,
		`attachments[0].volume == "vm" && attachments[0].node == "n1" && attachments[0].uid == "a"`,
		`attachments[1].epoch == 3 && attachments[1].state == "uncertain" && attachments[1].mode == "ReadWriteMany"`,
		`attachments[0].attachedAt == timestamp("2026-01-01T00:00:01Z")`,
		`attachments[1].migrationStart - attachments[1].attachedAt == duration("1s")`,
		`attachments[1].migrationTimeout == duration("5m") && !has(attachments[0].migrationStart)`,
		`attachments[0].nodeExists && !attachments[1].nodeExists`,
		`elapsed - attachments[1].nodeSince > duration("2m")`,
		`vas[0].name == "va-1" && vas[0].uid == "w" && vas[0].volume == "vm" && vas[0].node == "n1"`,
		`vas.named("va-1").attached && !vas.named("va-1").deleting && vas.named("va-1").since == duration("4s")`,
		`now == timestamp("2026-01-01T03:00:00Z") && now.getHours() == 3`,
		`elapsed == duration("3m")`,
		`phase == "chaos"`,
		`old.volumes.named("vm").epoch == 6 && old.elapsed == duration("1m") && old.phase == "setup" && old.vas.size() == 0`,
		`old.nodes.size() == 2 && old.attachments.size() == 2 && old.now < now + duration("1s")`,
		// What nobody has spoken of is empty, and asks for no care.
		`volumes.named("other").handle == "" && volumes.named("other").holders.size() == 0 && volumes.named("other").epoch == 0`,
		`!nodes.named("other").exists && vas.named("other").node == "" && nodes.named("other").since == duration("0s")`,
		`volumes.filter(v, v.mode == "ReadWriteMany").named("vm").handle == "" && volumes.filter(v, false).named("vm").epoch == 0`,
		// The libraries.
		`sets.contains(volumes.named("vm").granted, volumes.named("vm").writers)`,
		`volumes.map(v, v.handle).join(",") == "vm,shared" && nodes.map(n, n.name).distinct().sort() == ["n1", "n2"]`,
	} {
		holds, err := program(t, rule).Holds(scene(), before)
		require.NoError(t, err, rule)
		require.True(t, holds, rule)
		holds, err = program(t, "!("+rule+")").Holds(scene(), before)
		require.NoError(t, err, rule)
		require.False(t, holds, rule)
	}
}

func TestMistakesSayWhereAndWhatWasMeant(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{`volums.all(v, true)`, `rule:1:1: there is no "volums" (did you mean "volumes"?)`},
		{`volumes.all(v, v.wirters.size() <= 1)`, `rule:1:18: there is no field "wirters" (did you mean "writers"?)`},
		{"volumes.all(v,\n  v.hadle != \"\")", `rule:2:5: there is no field "hadle" (did you mean "handle"?)`},
		{`attachments.all(a, a.migrationstart < now)`, `rule:1:22: there is no field "migrationstart" (did you mean "migrationStart"?)`},
		{`attachments.all(a, a.xyzzy)`, "rule:1:22: there is no field \"xyzzy\"\nhint: docs/your-own-invariants.md lists the fields"},
		{`volumes.al(v, true)`, `rule:1:11: there is no "al" (did you mean "all"?)`},
		{`volumes.length() > 0`, `rule:1:15: there is no "length" (did you mean "size"?)`},
		{`before.volumes.size() > 0`, "rule:1:1: there is no \"before\"\nhint: " + variablesHint},
		{`volumes.size() = 1`, `rule:1:16: not CEL: unexpected '= ' (did you mean "=="?)`},
		{`phase == "a" and now == now`, `rule:1:14: not CEL: unexpected 'and' (did you mean "&&"?)`},
		{`volumes.all(v, v.handle`, `rule:1:24: not CEL: missing ')' at the end`},
		{`volumes.all(v, v.handle ==`, `rule:1:27: not CEL: the text ends too early`},
		{`volumes.all(v, v.handle > 1)`, `rule:1:25: > does not take (string, int)`},
		{`volumes.all(v, v.epoch > 1u)`, `rule:1:24: > does not take (int, uint)`},
		{`elapsed > "2m"`, `rule:1:9: > does not take (duration, string)`},
		{`nodes.named("n1") == 1`, `rule:1:19: == does not take (Node, int)`},
		{`attachments.named("vm") == attachments[0]`, `rule:1:18: named does not take list(Attachment).(string)`},
		{`volumes.size()`, `rule: the expression is int, where bool is wanted`},
		{`volumes`, `rule: the expression is list(Volume), where bool is wanted`},
		{`true`, "rule: the rule asks about nothing\nhint: " + variablesHint},
		{``, "rule: the text is empty\nhint: " + variablesHint},
		{"\n ", "rule: the text is empty\nhint: " + variablesHint},
		{`phase.matches("[")`, "rule: error parsing regexp: missing closing ]: `[`"},
		{strings.Repeat("(", 9000), `rule: the text is longer than 8192 bytes`},
	} {
		_, err := compile(t, Source{Name: "r", Rule: c.rule})
		require.EqualError(t, err, c.want, c.rule)
		wrong := new(Problem)
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "rule", wrong.Field)
	}
}

func TestMistakesInMessages(t *testing.T) {
	rule := `volumes.all(v, v.writers.size() <= 1)`
	_, err := compile(t, Source{Name: "r", Rule: rule, MessageExpression: `"writers: " + volums[0].handle`})
	require.EqualError(t, err, `messageExpression:1:15: there is no "volums" (did you mean "volumes"?)`)
	_, err = compile(t, Source{Name: "r", Rule: rule, MessageExpression: `volumes.size()`})
	require.EqualError(t, err, `messageExpression: the expression is int, where string is wanted`)
	_, err = compile(t, Source{Name: "r", Rule: rule, MessageExpression: `old.phase`})
	require.ErrorContains(t, err, "mentions old, which the rule does not")
}

func TestOffsetCountsLetters(t *testing.T) {
	_, err := compile(t, Source{Name: "r", Rule: "phase == \"ä\" &&\n\tvolums.size() > 0"})
	wrong := new(Problem)
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, []int{2, 2, 17}, []int{wrong.Line, wrong.Column, wrong.Offset("phase == \"ä\" &&\n\tvolums.size() > 0")})
}

// A rule that looks at too much is stopped, at a bound that a rule which looks at each thing once never comes near.
func TestCostIsBounded(t *testing.T) {
	big := scene()
	for i := range 1000 {
		big.Volumes = append(big.Volumes, &Volume{Handle: fmt.Sprint(i)})
	}
	_, err := program(t, `volumes.all(a, volumes.all(b, volumes.all(c, a.handle != "" && b.handle != "" && c.handle != "")))`).Holds(big, nil)
	require.ErrorIs(t, err, ErrCost)
	holds, err := program(t, `volumes.all(v, v.handle != "" && v.writers.size() <= 1)`).Holds(big, nil)
	require.NoError(t, err)
	require.True(t, holds)
	// A search by name costs by the length of its list: a million look-ups are not for free.
	for range 10_000 {
		big.Volumes = append(big.Volumes, &Volume{Handle: "v"})
	}
	_, err = program(t, `volumes.all(v, volumes.named("none").handle == "")`).Holds(big, nil)
	require.ErrorIs(t, err, ErrCost)
}

func TestErrorsOfEvaluationAreErrors(t *testing.T) {
	_, err := program(t, `volumes[7].handle == ""`).Holds(scene(), nil)
	require.ErrorContains(t, err, "index out of bounds: 7")
	require.False(t, errors.Is(err, ErrCost))
	_, err = program(t, `old.phase == ""`).Holds(scene(), nil)
	require.ErrorContains(t, err, "old")
}

func TestWhatARuleMentions(t *testing.T) {
	for _, c := range []struct {
		rule   string
		needs  []string
		fields []string
	}{
		{`volumes.all(v, v.holders.size() <= 2)`, nil, []string{"volumes"}},
		{`volumes.all(v, v.writers.size() <= 2 && v.granted.size() < 3)`, []string{"backend"}, []string{"volumes"}},
		{`volumes.all(v, v.epoch >= 0)`, []string{"record"}, []string{"volumes"}},
		{`volumes.all(v, has(v.detachedAt))`, []string{"believer"}, []string{"volumes"}},
		{`attachments.all(a, a.nodeExists || elapsed < duration("1m"))`, []string{"believer"}, []string{"attachments", "elapsed"}},
		{`old.attachments.size() == 0 || nodes[0].alive`, []string{"backend", "believer"}, []string{"attachments", "nodes", "old"}},
		{`vas.all(x, x.deleting) && phase != "" && now == now`, nil, []string{"vas", "phase", "now"}},
	} {
		p := program(t, c.rule)
		require.Equal(t, c.needs, p.Needs(), c.rule)
		for _, name := range []string{"volumes", "nodes", "attachments", "vas", "now", "elapsed", "phase", "old"} {
			mentioned := strings.Contains(" "+strings.Join(c.fields, " ")+" ", " "+name+" ")
			require.Equal(t, mentioned, p.Mentions(name), "%s mentions %s", c.rule, name)
		}
	}
	p, err := compile(t, Source{Name: "r", Rule: `volumes.size() > 0`, MessageExpression: `nodes[0].name`})
	require.NoError(t, err)
	require.False(t, p.Mentions("nodes"))
	require.True(t, p.Sees("nodes"))
}

// A violation names the thing for which the rule is false.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		src  Source
		want string
	}{
		{Source{Rule: `volumes.all(v, v.granted.size() <= 1)`}, `volume vm, held by n1, granted to n1 and n2, written by n2: it is false that volumes.all(v, v.granted.size() <= 1)`},
		{Source{Rule: `volumes.all(v, v.granted.size() <= 1)`, Message: "two nodes may write"}, `two nodes may write: volume vm, held by n1, granted to n1 and n2, written by n2`},
		{Source{Rule: `volumes.all(v, v.granted.size() <= 1)`, Message: "m", MessageExpression: `"granted: " + volumes[0].granted.join("+")`},
			`granted: n1+n2: volume vm, held by n1, granted to n1 and n2, written by n2`},
		{Source{Rule: `volumes.size() == 2 && attachments.all(a, a.state == "held")`}, "shared on n2 (uid b), believed uncertain: it is false that"},
		{Source{Rule: `phase == "drain" || nodes.all(n, n.exists)`}, "node n2 (uid b): it is false that"},
		{Source{Rule: `!vas.exists(x, x.attached)`}, "VolumeAttachment va-1 of vm on n1: it is false that"},
		{Source{Rule: `volumes.filter(v, v.mode == "ReadWriteMany").all(v, v.holders.all(h, nodes.named(h).exists))`}, "volume shared, held by n1 and n2: it is"},
		{Source{Rule: "volumes.size()\n  == 3"}, "it is false that volumes.size() == 3"},
		{Source{Rule: `volumes.size() == 3`, Message: "no", MessageExpression: `volumes[9].handle`}, "no (messageExpression: evaluate the rule: index out of bounds: 9)"},
		{Source{Rule: `volumes.map(v, v.handle).all(h, h == "vm")`}, "it is false that"},
	} {
		c.src.Name = "r"
		p, err := compile(t, c.src)
		require.NoError(t, err)
		holds, err := p.Holds(scene(), nil)
		require.NoError(t, err)
		require.False(t, holds, c.src.Rule)
		require.Contains(t, p.Explain(scene(), nil).Message, c.want)
	}
}

// Whatever the text, compiling ends in a rule or in a Problem with a place inside the text.
func TestCompileRefusesInPlace(t *testing.T) {
	c, err := NewCompiler()
	require.NoError(t, err)
	words := []string{"volumes", "nodes", "old", ".", "all", "(", ")", "v", ",", "named", "\"x\"", "==", "<", "1", "&&", "!", "[", "]", "\n", " ", "writers", "size", "?", ":", "ä", "'", "\\"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, "words"), "")
		p, err := c.Compile(Source{Name: "r", Rule: text})
		if err == nil {
			_, _ = p.Holds(scene(), scene())
			return
		}
		wrong := new(Problem)
		require.ErrorAs(t, err, &wrong)
		require.NotEmpty(t, wrong.What)
		require.LessOrEqual(t, wrong.Offset(text), len([]rune(text))+1)
	})
}
