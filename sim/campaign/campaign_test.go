package campaign

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// The test binary is its own worker: a variable tells it so.
const workerVariable = "HOLDFAST_TEST_WORKER"

func TestMain(m *testing.M) {
	switch os.Getenv(workerVariable) {
	case "":
		goleak.VerifyTestMain(m) // a campaign waits for its workers, and for what reads from them
	case "dead":
		fmt.Fprintln(os.Stderr, "panic: nothing works here")
		os.Exit(3)
	}
	if err := Serve(os.Stdin, os.Stdout, misbehave); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// misbehave stands for the engine: the scenario's name says what its system does.
func misbehave(job Job, tape io.Writer) report.Run {
	header := trace.Header{Format: trace.FormatVersion, Scenario: job.Scenario, Seed: job.Seed, Strategy: "random"}
	w := trace.NewWriter(tape, header)
	w.Append(trace.Event{Step: 1, At: time.Second, Kind: trace.Op, Verb: "publish", Volume: "v"})
	w.Append(trace.Event{Step: 2, At: 3 * time.Minute, Kind: trace.Return, Verb: "publish", Volume: "v", Code: "OK"})
	run := report.Run{Scenario: job.Scenario, Seed: job.Seed, Strategy: "random", Outcome: report.Held, Steps: 2, TraceHash: w.Hash()}
	if _, err := w.Hash(), w.Err(); err != nil {
		panic(err)
	}
	switch job.Scenario {
	case "panic":
		go func() { panic("the map is on fire") }()
		select {}
	case "exit":
		os.Exit(7)
	case "hang":
		for {
			time.Sleep(time.Hour)
		}
	case "slow":
		for range 6 {
			time.Sleep(100 * time.Millisecond)
			w.Append(trace.Event{Step: 3, Kind: trace.Wake})
		}
	case "caught":
		run.Outcome, run.Message = report.Crashed, "panic: caught by the engine"
	case "late":
		time.Sleep(time.Duration(100-job.Seed) * time.Millisecond)
	case "pid":
		run.TraceHash = fmt.Sprint(os.Getpid())
	case "violated":
		run.Outcome = report.Violated
		run.Verdict.Results = []model.Result{{Invariant: "S1", Outcome: model.Violated, Step: 2}}
	}
	return run
}

// ran runs one job for each name and returns the findings in order.
func ran(t *testing.T, cfg Config, names ...string) []Finding {
	t.Helper()
	var got []Finding
	cfg.Command, cfg.Each = testWorker(t, "yes"), func(f Finding) { got = append(got, f) }
	if cfg.Stall == 0 {
		cfg.Stall = 20 * time.Second
	}
	job := func(i int) Job { return Job{Scenario: names[i], Seed: uint64(i), System: "test"} }
	require.NoError(t, Run(t.Context(), cfg, len(names), job))
	return got
}

func testWorker(t *testing.T, how string) func() *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	t.Cleanup(func() {
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		require.Empty(t, left, "tapes left over")
	})
	t.Setenv("TMPDIR", dir)
	return func() *exec.Cmd {
		c := exec.Command(self)
		c.Env = append(os.Environ(), workerVariable+"="+how, "GOTRACEBACK=single")
		return c
	}
}

func TestRunsComeInTheOrderOfTheJobs(t *testing.T) {
	names := strings.Split(strings.Repeat("late ", 12), " ")[:12]
	for i, f := range ran(t, Config{Workers: 3}, names...) {
		require.Equal(t, i, f.Index)
		require.Equal(t, uint64(i), f.Run.Seed)
		require.Equal(t, report.Held, f.Run.Outcome)
		require.Empty(t, f.Tape)
	}
}

func TestCrashIsAFindingAndTheCampaignGoesOn(t *testing.T) {
	got := ran(t, Config{Workers: 1}, "held", "panic", "held", "exit", "held")
	var outcomes []report.Outcome
	for _, f := range got {
		outcomes = append(outcomes, f.Run.Outcome)
	}
	require.Equal(t, []report.Outcome{"held", "crashed", "held", "crashed", "held"}, outcomes)

	crash := got[1].Run
	require.Contains(t, crash.Message, "panic: the map is on fire")
	require.Contains(t, crash.Message, "goroutine")
	require.Equal(t, 2, crash.Steps)
	require.Equal(t, 3*time.Minute, crash.Virtual)
	require.Equal(t, time.Second, crash.Busy)
	require.Equal(t, got[0].Run.TraceHash, crash.TraceHash, "the tape holds what was written before the crash")
	require.Len(t, crash.Last, 2)

	require.Contains(t, got[3].Run.Message, "exit code 7")
	_, events, err := trace.Read("tape", strings.NewReader(string(got[3].Tape)))
	require.NoError(t, err)
	require.Len(t, events, 2)
}

func TestCrashAfterAViolationCountsAsViolated(t *testing.T) {
	violated := model.Result{Invariant: "S1", Outcome: model.Violated, Step: 1}
	judge := func(_ trace.Header, events []trace.Event) model.Verdict {
		require.Len(t, events, 2)
		return model.Verdict{Results: []model.Result{violated, {Invariant: "S2", Outcome: model.Held}}}
	}
	run := ran(t, Config{Judge: judge}, "panic")[0].Run
	require.Equal(t, report.Violated, run.Outcome)
	require.Equal(t, []model.Result{violated}, run.Verdict.Results, "a run that was cut off has held nothing")
	require.Contains(t, run.Message, "the map is on fire")
}

func TestStallIsAFindingWithStacks(t *testing.T) {
	got := ran(t, Config{Stall: 300 * time.Millisecond}, "hang", "slow")
	require.Equal(t, report.Stalled, got[0].Run.Outcome)
	require.Contains(t, got[0].Run.Message, "misbehave", "the stack says where it hangs")
	require.Equal(t, 2, got[0].Run.Steps)
	require.Equal(t, report.Held, got[1].Run.Outcome, "a run that is slow but moves is no stall")
}

func TestProcessIsReplacedAfterACaughtCrash(t *testing.T) {
	got := ran(t, Config{}, "pid", "pid", "caught", "pid")
	require.Equal(t, got[0].Run.TraceHash, got[1].Run.TraceHash, "one process does many jobs")
	require.NotEqual(t, got[1].Run.TraceHash, got[3].Run.TraceHash, "what a panic left behind must not meet the next run")
	require.NotEmpty(t, got[2].Tape)
}

func TestFailFastEndsWithTheFirstFindingInOrder(t *testing.T) {
	got := ran(t, Config{Workers: 3, FailFast: true}, "late", "late", "violated", "held", "violated", "held")
	require.Len(t, got, 3)
	require.Equal(t, report.Violated, got[2].Run.Outcome)
}

func TestInterruptionKeepsWhatIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var got []Finding
	cfg := Config{Command: testWorker(t, "yes"), Each: func(f Finding) {
		got = append(got, f)
		if len(got) == 3 {
			cancel()
		}
	}}
	err := Run(ctx, cfg, 1_000_000, func(i int) Job { return Job{Scenario: "held", Seed: uint64(i)} })
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, len(got), 3)
	for i, f := range got {
		require.Equal(t, i, f.Index)
	}
}

func TestWorkerThatCannotStartIsAnError(t *testing.T) {
	err := Run(t.Context(), Config{Command: testWorker(t, "dead"), Each: func(Finding) {}}, 1, func(int) Job { return Job{} })
	require.ErrorContains(t, err, "code 3")
	require.ErrorContains(t, err, "nothing works here")

	missing := func() *exec.Cmd { return exec.Command(filepath.Join(t.TempDir(), "missing")) }
	require.ErrorContains(t, Run(t.Context(), Config{Command: missing, Each: func(Finding) {}}, 1, func(int) Job { return Job{} }), "start a worker")
}

func TestAutopsyOfARace(t *testing.T) {
	run := autopsy(Job{}, report.Crashed, raceExit, "noise\n==================\nWARNING: DATA RACE\nRead at 0x1\n", nil, nil)
	require.Equal(t, report.Violated, run.Outcome)
	require.Equal(t, "S20", run.Verdict.Violations()[0].Invariant)
	require.Equal(t, "WARNING: DATA RACE\nRead at 0x1", run.Message)
}

func TestLastWords(t *testing.T) {
	for name, c := range map[string]struct{ talk, want string }{
		"nothing":           {"", ""},
		"only noise":        {"I0101 klog\n", "I0101 klog"},
		"panic after noise": {"I0101 klog panic: not at the start\npanic: boom\n\ngoroutine 1", "panic: boom\n\ngoroutine 1"},
		"first mark wins":   {"fatal error: all asleep\n[signal]\npanic: x", "fatal error: all asleep\n[signal]\npanic: x"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, lastWords(c.talk)) })
	}
	require.Less(t, len(lastWords("panic: "+strings.Repeat("x", 1<<20))), 70<<10)
}

func TestTailKeepsTheEnd(t *testing.T) {
	var w tail
	for i := range 40_000 {
		fmt.Fprintf(&w, "line %d of something that a system says again and again\n", i)
	}
	require.LessOrEqual(t, len(w.String()), 2*talkMax)
	require.True(t, strings.HasSuffix(w.String(), "line 39999 of something that a system says again and again\n"))
}

func TestTapeGrowsAndRewinds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := newTape()
	require.NoError(t, err)
	defer f.Close()
	w, err := openTape(f.Name())
	require.NoError(t, err)
	defer w.close()
	line := []byte(strings.Repeat("x", 1<<20))
	for i := range 9 {
		n, err := w.Write(line)
		require.NoError(t, err)
		require.Equal(t, len(line), n)
		require.Equal(t, int64((i+1)<<20), tapeLength(f))
	}
	require.Len(t, readTape(f), 9<<20)
	w.rewind()
	require.Empty(t, readTape(f))
	fmt.Fprint(w, "again")
	require.Equal(t, "again", string(readTape(f)))
}
