package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// workerVerb is the hidden verb that makes this program a worker.
const workerVerb = "worker"

// workerCommand starts this program once more, under the name that it was started with.
func workerCommand() (func() *exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, &failure{code: exitHarness, err: fmt.Errorf("find this program's own file: %w", err)}
	}
	return func() *exec.Cmd {
		c := workerOf(path)
		c.Args[0] = os.Args[0]
		return c
	}, nil
}

// workerOf starts another build of this program as a worker.
func workerOf(path string) *exec.Cmd { return exec.Command(path, workerVerb) }

// newWorker makes the hidden verb.
func newWorker(known catalog) *cobra.Command {
	var profile string
	c := &cobra.Command{
		Use: workerVerb, Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			end, err := startProfile(profile)
			if err != nil {
				return err
			}
			serve(known, end)
			return nil
		},
	}
	c.Flags().StringVar(&profile, profileFlag, "", "file for a CPU profile")
	return c
}

const profileFlag = "cpuprofile"

// startProfile begins a CPU profile if there is a file for it, and returns what ends it.
func startProfile(file string) (end func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("start the profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

// serve does jobs until stdin ends; it does not return. Bubbles of virtual time open only below a testing.T, and outside of
// go test there is one way to get one: a test main whose only test is this program and ends in os.Exit. It parses os.Args, so
// they are taken away. testing.RunTests alone would run nothing here.
func serve(known catalog, end func()) {
	testing.Init()
	os.Args = os.Args[:1]
	answers := os.Stdout
	os.Stdout = os.Stderr // a system that prints must not speak into the answers
	program := func(t *testing.T) {
		w := &runner{t: t, known: known}
		err := campaign.Serve(os.Stdin, answers, w.run)
		end()
		if err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
			os.Exit(exitHarness)
		}
		os.Exit(exitHeld)
	}
	everything := func(string, string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{{Name: "holdfast", F: program}}, nil, nil)
}

// runner does the jobs of one worker.
type runner struct {
	t     *testing.T
	known catalog
	// text and parsed are the last scenario: a campaign runs one under many seeds.
	text   string
	parsed *scenarios.Scenario
	last   *known // the last run that was perturbed
	// visited are the states that this worker was told of, and told is the batch that did so last. A worker serves one exploration.
	visited *explore.Seen
	told    int
}

// seen are the states that an exploration has visited, as far as this worker was told. A worker that had no job in a batch was not.
func (w *runner) seen(x *campaign.Exploration) *explore.Seen {
	if w.visited == nil {
		w.visited = explore.NewSeen()
	}
	if x.Batch > w.told {
		w.told = x.Batch
		w.visited.Add(x.Fresh...)
	}
	return w.visited
}

// run does one job. The parent has parsed the scenario and looked the system up before, and the engine catches what the
// system does: what fails here is a fault of ours.
func (w *runner) run(job campaign.Job, tape io.Writer) (run report.Run) {
	run = report.Run{Scenario: job.Scenario, Seed: job.Seed, Strategy: job.Strategy, System: job.System}
	defer func() {
		if p := recover(); p != nil {
			run.Outcome, run.Fault = report.Crashed, true
			run.Message = fmt.Sprintf("a fault of the harness: %v\n%s", p, debug.Stack())
		}
	}()
	s, err := w.scenario(job)
	seed := job.Seed
	if job.Strategy == perturbation && err == nil {
		s, seed, err = w.perturbed(job)
	}
	opts := []sim.Option{sim.Seed(seed), sim.SystemName(job.System), sim.TraceTo(tape)}
	if job.Strategy != "" && job.Strategy != perturbation {
		opts = append(opts, sim.Strategy(job.Strategy))
	}
	var walk *explore.Walk
	if x := job.Explore; x != nil {
		walk = explore.NewWalk(x.Scope, x.Item, w.seen(x))
		opts = append(opts, sim.Guide(walk, x.Effects))
	}
	if job.Turns {
		opts = append(opts, sim.NoteTurns())
	}
	if job.Replay != "" && err == nil {
		var recorded []trace.Event
		_, recorded, err = readTrace(job.Replay)
		opts = append(opts, sim.Replay(recorded))
	}
	if err != nil {
		panic(err)
	}
	r := sim.Run(w.t, w.known[job.System], s, opts...)
	if job.Strategy == "recheck" {
		w.recheck(s, job, r)
	}
	if walk != nil {
		v := walk.Visit()
		run.Visit = &v
	}
	run.Strategy, run.Outcome, run.TraceHash, run.Verdict, run.Tally = r.Strategy, r.Outcome, r.TraceHash, r.Verdict, r.Tally
	if job.Strategy == perturbation {
		run.Strategy = perturbation
	}
	run.Scenes = r.Scenes
	run.Steps, run.Virtual, run.Busy, run.Message, run.Diverged = r.Steps, r.Virtual, r.VirtualBusy, r.Message, r.Diverged
	run.Reach = r.Reach
	if walk != nil && walk.Visit().Cut && r.Outcome == sim.Inconclusive {
		run.Message = "" // it was ended, and left nothing behind
	}
	if r.Bound != nil {
		b := report.Bound(*r.Bound)
		run.Bound = &b
	}
	if r.Outcome != sim.Held {
		run.Turns = r.Turns
	}
	return run
}

// recheck runs the same once more, and says where the two runs differ.
func (w *runner) recheck(s *scenarios.Scenario, job campaign.Job, first *sim.Result) {
	again := sim.Run(w.t, w.known[job.System], s, sim.Seed(job.Seed), sim.SystemName(job.System), sim.Strategy(job.Strategy), sim.KeepEvents())
	if again.TraceHash == first.TraceHash {
		return
	}
	third := sim.Run(w.t, w.known[job.System], s, sim.Seed(job.Seed), sim.SystemName(job.System), sim.Strategy(job.Strategy), sim.KeepEvents())
	panic("the run is not deterministic: " + difference(again.Events, third.Events))
}

// difference is the first event in which two runs differ, if they do.
func difference(a, b []trace.Event) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("event %d is %+v, and %+v the next time", i, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("%d events, and %d the next time", len(a), len(b))
	}
	return "once; two more runs were equal"
}

func (w *runner) scenario(job campaign.Job) (*scenarios.Scenario, error) {
	if job.Source == "" {
		return scenarios.Chaos(choice.Seeded(job.Seed), scenarios.Profile{Favour: leads(job.Aim)}), nil
	}
	if job.Source != w.text || w.parsed == nil {
		s, err := scenarios.Parse(job.Scenario, strings.NewReader(job.Source))
		if err != nil {
			return nil, err
		}
		w.text, w.parsed = job.Source, s
	}
	return w.parsed, nil
}
