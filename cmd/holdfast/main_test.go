package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-sim/holdfast/examples/buggy"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/shrink"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"holdfast": testMain})
}

// testMain is main with some systems more.
func testMain() {
	known := systems()
	maps.Copy(known, badSystems())
	os.Exit(execute(known, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// moods is what a system remembers from one run to the next, as none should.
var moods atomic.Int64

// badSystems do to their process what no engine can survive.
func badSystems() catalog {
	publish := func(do func()) sim.Builder {
		return func(sim.Env) (sim.System, error) { return badSystem{do}, nil }
	}
	return catalog{
		"test-panics": publish(func() {
			go func() { panic("index out of thin air") }()
			select {}
		}),
		"test-exits": publish(func() { os.Exit(3) }),
		"test-spins": publish(func() {
			for {
			}
		}),
		"test-unbuildable": func(sim.Env) (sim.System, error) { return nil, errors.New("no disk left") },
		"test-moody":       publish(func() { time.Sleep(time.Duration(moods.Add(1)) * time.Millisecond) }),
		"test-prints":      publish(func() { os.Stdout.WriteString("I speak out of turn\n") }),
	}
}

type badSystem struct{ publish func() }

func (s badSystem) Publish(context.Context, sim.PublishRequest) error {
	s.publish()
	return errors.New("no")
}
func (badSystem) Unpublish(context.Context, string, string) error { return nil }
func (badSystem) Run(ctx context.Context) error                   { <-ctx.Done(); return nil }

func TestScripts(t *testing.T) {
	recordings, err := filepath.Abs("../../scenarios/incident/testdata")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "longline": longLine},
		Setup: func(e *testscript.Env) error {
			e.Setenv("RECORDINGS", recordings)
			return nil
		},
	})
}

// exits runs a command and looks at its exit code: exits 2 holdfast run nonsense.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got, exit := 0, new(exec.ExitError)
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want := args[0]; strconv.Itoa(got) != want {
		ts.Fatalf("exit code %d, want %s", got, want)
	}
}

// longLine writes a file of one line, so many MiB long: longline 20 file [beginning].
func longLine(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := strings.Join(args[2:], " ") + strings.Repeat("x", size<<20)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o666))
}

// command is the program as a process of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("holdfast")
	require.NoError(t, err, "testscript.Main puts it there")
	c := exec.Command(path, args...)
	c.Dir = t.TempDir()
	return c
}

func document(t *testing.T, args ...string) (report.Document, int) {
	t.Helper()
	c := command(t, append(args, "-o", "json")...)
	out, err := c.Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	var d report.Document
	dec := json.NewDecoder(strings.NewReader(string(out)))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&d), "%s", out)
	require.False(t, dec.More(), "one document")
	return d, c.ProcessState.ExitCode()
}

func TestResultsDoNotDependOnWorkers(t *testing.T) {
	one, code := document(t, "run", "--seeds", "1-12", "--results", "all", "--workers", "1")
	require.Equal(t, exitHeld, code)
	three, _ := document(t, "run", "--seeds", "1-12", "--results", "all", "--workers", "3")
	require.Len(t, one.Results, 12)
	require.Equal(t, one.Results, three.Results)
	hashes := make(map[string]bool)
	for i, r := range one.Results {
		require.Equal(t, uint64(i+1), r.Seed)
		hashes[r.TraceHash] = true
	}
	require.Len(t, hashes, 12, "another seed is another run")
}

// TestDefaultCampaign holds the default campaign to what its silence is worth: every kind of trouble has to have come often.
func TestDefaultCampaign(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole campaign")
	}
	d, code := document(t, "run")
	require.GreaterOrEqual(t, d.Runs, 200)
	refused, often := 0, 50
	for name, c := range d.Tally {
		if strings.HasPrefix(name, "publishes refused/") {
			refused += c.Times
		}
	}
	require.GreaterOrEqual(t, refused, often, "publishes refused")
	kinds := []string{"conflicts", "crashes in mid-pass", "node deletions with volumes attached", "migrations in flight at a fault", "stale entries cleared"}
	for _, e := range fault.Effects() {
		kinds = append(kinds, "fault/"+string(e))
	}
	for _, kind := range kinds {
		require.GreaterOrEqual(t, d.Tally[kind].Times, often, kind)
	}
	for _, r := range d.Results {
		t.Errorf("%s seed %#x: %s %v", r.Scenario, r.Seed, r.Verdict, r.Violations)
	}
	require.Equal(t, exitHeld, code)
}

func TestExampleIsFoundBrokenFromPlainSeeds(t *testing.T) {
	d, code := document(t, "run", "--system", "example-buggy", "--seeds", "1-40")
	require.Equal(t, exitFound, code)
	require.Positive(t, d.Violated)
	require.Equal(t, d.Violated, len(d.Results)-d.Inconclusive-d.Crashed-d.Stalled)
	require.NotEmpty(t, d.Results[0].Violations)
	require.Contains(t, d.Results[0].Repro, "--system example-buggy")
}

func TestInterruptKeepsWhatIsDone(t *testing.T) {
	c := command(t, "run", "--seeds", "1-100000", "--results", "all")
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), "held chaos seed=0x1 ")
	require.NoError(t, c.Process.Signal(os.Interrupt))
	var last []string
	for lines.Scan() {
		last = append(last, lines.Text())
	}
	require.Error(t, c.Wait())
	require.Equal(t, exitInterrupted, c.ProcessState.ExitCode())
	require.Contains(t, strings.Join(last, "\n"), "interrupted after ")
	require.Contains(t, strings.Join(last, "\n"), "of 100000 runs")
}

func flagName(flag string) string { return "--" + flag }

func TestParseSpan(t *testing.T) {
	for _, c := range []struct {
		seed, seeds string
		want        span
	}{
		{"42", "", span{42, 42}}, {"0x2a", "", span{42, 42}}, {"0X2A", "", span{42, 42}}, {"010", "", span{10, 10}},
		{"18446744073709551615", "", span{1<<64 - 1, 1<<64 - 1}}, {"", "1-200", span{1, 200}}, {"", "0x10-0x1f", span{16, 31}},
		{"", "7", span{7, 7}}, {"", "1 - 3", span{1, 3}},
	} {
		got, given, err := parseSpan(c.seed, c.seeds, flagName)
		require.NoError(t, err)
		require.True(t, given)
		require.Equal(t, c.want, got)
	}
	for _, bad := range [][2]string{{"x", ""}, {"-1", ""}, {"1.5", ""}, {"18446744073709551616", ""}, {"", "5-1"}, {"", "1-"}, {"", "-5"}, {"", "1-2-3"}, {"", "0-9999999999"}} {
		_, _, err := parseSpan(bad[0], bad[1], flagName)
		require.Error(t, err, "%v", bad)
	}
	_, given, err := parseSpan("", "", flagName)
	require.NoError(t, err)
	require.False(t, given)
}

func TestSelectionNumbersRunsBySourceThenSeed(t *testing.T) {
	s := selection{{source{name: "a"}, span{5, 6}}, {source{name: "b"}, span{1<<64 - 2, 1<<64 - 1}}}
	require.Equal(t, 4, s.count())
	var got []string
	var seeds []uint64
	for i := range s.count() {
		src, seed := s.at(i)
		got, seeds = append(got, src.name), append(seeds, seed)
	}
	require.Equal(t, []string{"a", "a", "b", "b"}, got)
	require.Equal(t, []uint64{5, 6, 1<<64 - 2, 1<<64 - 1}, seeds)
}

func TestQuoteArg(t *testing.T) {
	for word, want := range map[string]string{"a/b-1.yaml": "a/b-1.yaml", "": "''", "two words": "'two words'", "it's": `'it'\''s'`, "$HOME": "'$HOME'"} {
		require.Equal(t, want, quoteArg(word))
		out, err := exec.Command("sh", "-c", "printf %s "+want).Output()
		require.NoError(t, err)
		require.Equal(t, word, string(out))
	}
}

func TestSavedFindingsAreBoundedAndNamedApart(t *testing.T) {
	f := findings{dir: filepath.Join(t.TempDir(), "out")}
	for i := range savedMax + 5 {
		r := report.Run{Scenario: "../odd name", Seed: uint64(i / 2), Outcome: report.Violated}
		require.NoError(t, f.save(&r, []byte("tape")))
		require.Equal(t, i < savedMax, r.Trace != "")
	}
	files, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.Len(t, files, 2*savedMax)
	require.Equal(t, "odd-name-0x0-2.trace", files[0].Name())
}

func TestProgressOffTerminalIsALineNowAndThen(t *testing.T) {
	defer goleak.VerifyNone(t) // end waits for the one that draws
	var out strings.Builder
	p := newProgress(&out, 10)
	p.add(false, nil)
	said := false
	p.add(true, func() { said = true })
	p.line()
	p.end()
	require.True(t, said)
	require.Equal(t, "2 of 10 runs, 1 found, 0s\n", out.String())
	require.WithinDuration(t, time.Now(), p.begun, time.Minute)
}

func TestProgressOnTerminalRewritesOneLine(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, tty: true, total: 2, begun: time.Now(), stop: make(chan struct{})}
	p.add(false, nil)
	p.line()
	p.add(true, func() { out.WriteString("FAIL\n") })
	p.end()
	bar := "\r[============            ] 1 of 2 runs, 0 found, 0s"
	require.Equal(t, bar+"\r"+strings.Repeat(" ", len(bar)-1)+"\rFAIL\n", out.String())
}

func TestSamenessOfNothingIsNotTheSame(t *testing.T) {
	require.Equal(t, "for there was nothing to replay", sameness(report.Run{}, nil))
	require.Equal(t, "for the harness failed", sameness(report.Run{Fault: true, Steps: 3}, nil))
}

// The README shows a real run, and a generator that changes would make it a fairy tale.
func TestTheReadmesFailureIsReal(t *testing.T) {
	const seed = 0x41
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var recorded, text bytes.Buffer
	r := sim.Run(t, buggy.New, scenarios.Chaos(choice.Seeded(seed)), sim.Seed(seed), sim.TraceTo(&recorded))
	_, events, err := trace.Read("x.trace", &recorded)
	require.NoError(t, err)
	run := report.Run{Scenario: r.Scenario, Seed: r.Seed, Outcome: r.Outcome, Verdict: r.Verdict}
	run.Tell(events)
	run.Minimal = readmesMinimal(t, seed, run)
	require.NoError(t, report.Failure(&text, run))
	for line := range strings.Lines(text.String()) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " (shrunk in ") // how long it took is another matter each time
		if !strings.HasPrefix(line, "small: ") {
			require.Contains(t, string(readme), line)
		}
	}
}

// readmesMinimal makes the README's failure small, in this process.
func readmesMinimal(t *testing.T, seed uint64, run report.Run) *report.Minimal {
	s := scenarios.Chaos(choice.Seeded(seed)).Defaults()
	s.Spec.Resolved = &scenarios.Resolved{Seed: seed, Strategy: "random", Breaks: run.First().Invariant}
	found, err := shrink.Minimize(t.Context(), shrink.Config{Breaks: run.First().Invariant, Run: func(_ context.Context, candidates []*scenarios.Scenario) (trials []shrink.Trial, err error) {
		for _, c := range candidates {
			var tape bytes.Buffer
			r := sim.Run(t, buggy.New, c, sim.TraceTo(&tape), sim.NoteTurns())
			trials = append(trials, shrink.Trial{Run: report.Run{Outcome: r.Outcome, Verdict: r.Verdict, Turns: r.Turns}, Tape: tape.Bytes()})
		}
		return trials, nil
	}}, s)
	require.NoError(t, err)
	return small{Result: found, found: s}.minimal("x.min.yaml")
}
