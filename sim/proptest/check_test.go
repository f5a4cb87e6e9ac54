package proptest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/sim/proptest"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Some hundred runs in each test, and many more where somebody asks for them by -rapid.checks.
func TestOurSystemHolds(t *testing.T) {
	for range 5 {
		proptest.Check(t, stock.Builder)
	}
}

// A run that fails is drawn with a dozen steps, some faults and many turns out of order. What is left is what it takes: two
// publishes, one fault, and at most the turns that let one overtake the other.
func TestAFailureShrinksInAllThree(t *testing.T) {
	out := fail(t, t.TempDir(), "TestVictimHasty", "-rapid.checks=5000", "-rapid.nofailfile", "-rapid.seed=1")
	require.Regexp(t, `draw run: 2 steps on the timeline, 1 rules of faults, [012] of \d+ turns out of order, 0 of 16 kinds`, out)
	require.Regexp(t, `- \{at: 5s, publish: \{volume: a, node: node-1\}\}\n\s+- \{at: 5s, publish: \{volume: a, node: node-2\}\}\n\s+faults:\n\s+- \{on: \{verb: list, resource: nodes\}, effect: throttled, chance: 0.1\}\n`, out)
	require.Contains(t, out, "nodes: 2\n")
}

// The flags and files of rapid work as everywhere: a failure leaves a file, later runs try it first, and it can be named.
func TestAFailFileRepeatsTheFinding(t *testing.T) {
	folder := t.TempDir()
	first := fail(t, folder, "TestVictimBuggy", "-rapid.seed=3", "-test.artifacts", "-test.outputdir="+folder)
	finding := regexp.MustCompile(`(?m)^.*failed after \d+ tests: (.*)$`)
	run := regexp.MustCompile(`draw run: (.*trace \w+)\n`)
	require.Regexp(t, finding, first)
	require.Regexp(t, run, first)

	files, err := filepath.Glob(filepath.Join(folder, "testdata", "rapid", "TestVictimBuggy", "*.fail"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Contains(t, string(text), "timeline:", "the file tells the scenario")

	traces, err := filepath.Glob(filepath.Join(folder, "_artifacts", "*", "*", "holdfast.trace"))
	require.NoError(t, err)
	if len(traces) == 0 {
		traces, err = filepath.Glob(filepath.Join(folder, "_artifacts", "*", "holdfast.trace"))
		require.NoError(t, err)
	}
	require.Len(t, traces, 1)
	f, err := os.Open(traces[0])
	require.NoError(t, err)
	defer f.Close()
	header, events, err := trace.Read(traces[0], f)
	require.NoError(t, err)
	require.NotEmpty(t, header.Source)
	require.Contains(t, first, "trace "+trace.Hash(events)[:12], "the trace is that of the simplest run")

	again := fail(t, folder, "TestVictimBuggy", "-rapid.checks=1")
	named := fail(t, t.TempDir(), "TestVictimBuggy", "-rapid.checks=1", "-rapid.nofailfile", "-rapid.failfile="+files[0])
	for _, out := range []string{again, named} {
		require.Equal(t, finding.FindStringSubmatch(first)[1], finding.FindStringSubmatch(out)[1])
		require.Equal(t, run.FindStringSubmatch(first)[1], run.FindStringSubmatch(out)[1])
	}

	seeded := fail(t, t.TempDir(), "TestVictimBuggy", "-rapid.seed=3", "-rapid.nofailfile")
	require.Equal(t, run.FindStringSubmatch(first)[1], run.FindStringSubmatch(seeded)[1], "one seed, one run")
}
