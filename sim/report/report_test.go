package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// nodeSameName is the story of a run: a node is deleted and created again, and the reconciler acts on what it saw before.
func nodeSameName() []trace.Event {
	s := time.Second
	return []trace.Event{
		{Step: 1, Kind: trace.Process, Verb: "start", Proc: 1},
		{Step: 2, At: 0, Kind: trace.Op, Verb: "publish", Volume: "vm-disk", Node: "node-1", Op: 1},
		{Step: 3, At: 0, Kind: trace.Call, Verb: "grant", Resource: "backend", Volume: "vm-disk", Node: "node-1", Epoch: 1, Proc: 1, Actor: "op-1"},
		{Step: 4, At: s, Kind: trace.Op, Verb: "publish", Volume: "other", Node: "node-3", Op: 2},
		{Step: 5, At: 120 * s, Kind: trace.Op, Verb: "deleteNode", Node: "node-1"},
		{Step: 6, At: 121 * s, Kind: trace.Op, Verb: "createNode", Node: "node-1", UID: "b"},
		{Step: 7, At: 122 * s, Kind: trace.Op, Verb: "publish", Volume: "vm-disk", Node: "node-1", Op: 3},
		{Step: 8, At: 123 * s, Kind: trace.Return, Verb: "publish", Volume: "other", Node: "node-3", Op: 2, Code: "OK"},
		{Step: 9, At: 155 * s, Kind: trace.Reply, Verb: "get", Resource: "nodes", Name: "node-1", Proc: 1, Actor: "run"},
		{Step: 9, At: 155 * s, Kind: trace.Belief, Volume: "vm-disk", Node: "node-1", UID: "b", Epoch: 2, State: "gone", Proc: 1},
		{Step: 10, At: 156 * s, Kind: trace.Op, Verb: "unpublish", Volume: "vm-disk", Node: "node-1", Op: 4},
	}
}

func violatedRun() Run {
	r := Run{
		Scenario: "node-same-name", Seed: 0x2a, Strategy: "random", System: "holdfast", Outcome: Violated, TraceHash: "3f9c", Steps: 10, Virtual: 156 * time.Second,
		Busy: 36 * time.Second, CPU: 10 * time.Millisecond, Tally: map[string]int{"nodes deleted": 1, "conflicts": 0},
		Replay: "holdfast replay holdfast-out/node-same-name-0x2a.trace", Again: "holdfast run node-same-name --seed 0x2a",
	}
	r.Verdict.Results = []model.Result{
		{Invariant: "S1", Title: "single writer", Outcome: model.Held},
		{Invariant: "S3", Title: "never clear live", Outcome: model.Violated, Step: 9, At: 155 * time.Second, Witnesses: []int{5, 6, 9},
			Message: "the Reconciler cleared vm-disk on node-1 (uid b, epoch 2) while that node exists"},
		{Invariant: "L9", Title: "bounded memory", Outcome: model.NotJudged, Reason: "the system does not offer: stats"},
	}
	r.Tell(nodeSameName())
	return r
}

func heldRun() Run {
	r := Run{Scenario: "chaos", Seed: 1, Strategy: "random", Outcome: Held, TraceHash: "aa", Steps: 99_990, Virtual: 90 * time.Hour, Busy: time.Hour, CPU: time.Second, Tally: map[string]int{"nodes deleted": 3, "conflicts": 1}}
	r.Verdict.Results = []model.Result{
		{Invariant: "S1", Title: "single writer", Outcome: model.Held},
		{Invariant: "S3", Title: "never clear live", Outcome: model.Inconclusive, Reason: "out of steps"},
		{Invariant: "L9", Title: "bounded memory", Outcome: model.NotJudged, Reason: "the system does not offer: stats"},
	}
	return r
}

func TestFailureBlock(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Failure(&b, violatedRun()))
	require.Equal(t, `FAIL node-same-name seed=0x2a step=9 t=2m35s
  S3 never clear live: the Reconciler cleared vm-disk on node-1 (uid b, epoch 2) while that node exists
     0s     start    process 1
     0s     publish  vm-disk -> node-1
     2m00s  delete   node-1
     2m01s  create   node-1                            uid b
     2m02s  publish  vm-disk -> node-1
     2m35s  reply    get nodes node-1                  to run of process 1
     2m35s  forget   vm-disk on node-1                 uid b, epoch 2  <- S3
  replay:   holdfast replay holdfast-out/node-same-name-0x2a.trace
  again:    holdfast run node-same-name --seed 0x2a
`, b.String())
}

func TestFailureBlockOfACrash(t *testing.T) {
	r := violatedRun()
	r.Outcome, r.Verdict.Results, r.Replay = Crashed, nil, ""
	r.Message = "panic: assignment to entry in nil map\n\ngoroutine 7 [running]:\n"
	r.Tell(nodeSameName())
	var b bytes.Buffer
	require.NoError(t, Failure(&b, r))
	require.Equal(t, `FAIL node-same-name seed=0x2a step=10 t=2m36s crashed
  crashed: panic: assignment to entry in nil map
     1s     publish    other -> node-3
     2m00s  delete     node-1
     2m01s  create     node-1                            uid b
     2m02s  publish    vm-disk -> node-1
     2m03s  answer     publish other -> node-3: OK
     2m35s  forget     vm-disk on node-1                 uid b, epoch 2
     2m36s  unpublish  vm-disk -> node-1
  again:    holdfast run node-same-name --seed 0x2a
`, b.String())
}

func TestFailureBlockIsShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Run{Scenario: "s", Outcome: rapid.SampledFrom([]Outcome{Violated, Crashed, Stalled}).Draw(t, "outcome"), Replay: "r", Again: "a"}
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		var events []trace.Event
		for i := range steps {
			events = append(events, trace.Event{Step: i + 1, At: time.Duration(i) * time.Second, Kind: rapid.SampledFrom([]trace.Kind{
				trace.Op, trace.Call, trace.Reply, trace.Deliver, trace.Wake, trace.Return, trace.Process, trace.Belief, trace.World, trace.Trouble,
			}).Draw(t, "kind"), Volume: rapid.SampledFrom([]string{"", "v", "w"}).Draw(t, "volume"), Node: "n", Verb: "publish"})
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "violations") {
			step := rapid.IntRange(1, steps).Draw(t, "step")
			r.Verdict.Results = append(r.Verdict.Results, model.Result{
				Invariant: fmt.Sprint("S", i), Outcome: model.Violated, Step: step, Message: strings.Repeat("a long\nmessage ", 40),
				Witnesses: append(rapid.SliceOf(rapid.IntRange(1, step)).Draw(t, "witnesses"), step),
			})
		}
		if rapid.Bool().Draw(t, "message") {
			r.Message = strings.Repeat("panic: x\n", 100)
		}
		r.Tell(events)
		var b bytes.Buffer
		require.NoError(t, Failure(&b, r))
		require.LessOrEqual(t, strings.Count(b.String(), "\n"), 14)
		require.LessOrEqual(t, len(r.Last), lastMax)
		for i := 1; i < len(r.Story); i++ {
			require.LessOrEqual(t, r.Story[i-1].Step, r.Story[i].Step, "a story goes forward")
		}
		if r.First().Step > 0 && len(r.Story) > 0 {
			require.LessOrEqual(t, r.Story[len(r.Story)-1].Step, r.First().Step, "a story ends with the violation")
		}
	})
}

func TestTable(t *testing.T) {
	var s Summary
	s.Add(heldRun())
	s.Add(violatedRun())
	s.Wall = 2 * time.Second
	var b bytes.Buffer
	require.NoError(t, Table(&b, &s, false))
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	require.Equal(t, `RUNS   STEPS     STEPS/CPU-SECOND   VIRTUAL   WALL   VIRTUAL : WALL   WITHOUT IDLE GAPS
2      100,000   99,010             3d18h     2.0s   162,078          1,818

INVARIANT   HELD   VIOLATED   INCONCLUSIVE   NOT JUDGED   MEANING
S1          2      .          .              .            single writer
S3          .      1          1              .            never clear live
L9          .      .          .              2            bounded memory
L9 not judged: the system does not offer: stats

OCCURRED        TIMES   RUNS
conflicts       1       1
nodes deleted   4       2

FAIL  2 runs: 1 violated
`, strings.Join(lines, "\n")+"\n")
}

func TestConclusion(t *testing.T) {
	run := func(outcomes ...Outcome) *Summary {
		s := new(Summary)
		for _, o := range outcomes {
			s.Add(Run{Outcome: o})
		}
		return s
	}
	require.Equal(t, "HELD  1 run, nothing found", Conclusion(run(Held)))
	require.Equal(t, "OPEN  2 runs, nothing found, but 1 inconclusive", Conclusion(run(Held, Inconclusive)))
	require.Equal(t, "FAIL  4 runs: 1 violated, 1 crashed, 1 stalled, 1 inconclusive", Conclusion(run(Violated, Crashed, Stalled, Inconclusive)))
}

func TestDocument(t *testing.T) {
	var s Summary
	s.Add(violatedRun())
	s.Wall = 500 * time.Millisecond
	var b bytes.Buffer
	require.NoError(t, NewDocument(&s, []Run{violatedRun()}).Write(&b))
	require.JSONEq(t, `{
		"apiVersion": "holdfast.dev/v1alpha1", "kind": "Report", "runs": 1, "steps": 10, "virtualSeconds": 156, "wallSeconds": 0.5,
		"violated": 1, "inconclusive": 0, "crashed": 0, "stalled": 0, "planned": 1,
		"virtualSecondsBusy": 36, "cpuSeconds": 0.01, "stepsPerCPUSecond": 1000, "virtualToWall": 312, "virtualBusyToWall": 72,
		"invariants": [
			{"name": "S1", "title": "single writer", "held": 1, "violated": 0, "inconclusive": 0, "notJudged": 0},
			{"name": "S3", "title": "never clear live", "held": 0, "violated": 1, "inconclusive": 0, "notJudged": 0},
			{"name": "L9", "title": "bounded memory", "held": 0, "violated": 0, "inconclusive": 0, "notJudged": 1, "reason": "the system does not offer: stats"}
		],
		"tally": {"conflicts": {"times": 0, "runs": 0}, "nodes deleted": {"times": 1, "runs": 1}},
		"results": [{
			"scenario": "node-same-name", "seed": 42, "strategy": "random", "system": "holdfast", "verdict": "violated", "traceHash": "3f9c", "steps": 10, "virtualSeconds": 156,
			"violations": [{"invariant": "S3", "step": 9, "message": "the Reconciler cleared vm-disk on node-1 (uid b, epoch 2) while that node exists", "witnesses": [5, 6, 9]}],
			"repro": "holdfast run node-same-name --seed 0x2a", "replay": "holdfast replay holdfast-out/node-same-name-0x2a.trace",
			"tally": {"conflicts": 0, "nodes deleted": 1}
		}]
	}`, b.String())
}

func TestEmptyDocumentHasListsAndNoNulls(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, NewDocument(new(Summary), nil).Write(&b))
	require.NotContains(t, b.String(), "null")
	require.True(t, json.Valid(b.Bytes()))
}

func TestListing(t *testing.T) {
	for _, c := range []struct {
		listing         Listing
		held, violated  bool
		inconclusiveToo bool
	}{{ListFailed, false, true, true}, {ListAll, true, true, true}, {ListNone, false, false, false}} {
		require.Equal(t, c.held, c.listing.Lists(Run{Outcome: Held}))
		require.Equal(t, c.violated, c.listing.Lists(Run{Outcome: Violated}))
		require.Equal(t, c.inconclusiveToo, c.listing.Lists(Run{Outcome: Inconclusive}))
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 45 * time.Second: "45s", 121 * time.Second: "2m01s", time.Hour + 5*time.Second: "1h00m05s",
		30*time.Second - 1: "29.999999999s", 2*time.Minute + 500*time.Millisecond: "2m00.5s", -time.Second: "-1s",
	} {
		require.Equal(t, want, Clock(d))
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234567 * time.Microsecond: "1.234s", 30*time.Second - 1: "29.999999999s", 30*time.Second + 1: "30.000000001s", 2 * time.Minute: "2m00s",
	} {
		require.Equal(t, want, short(d))
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 3: "3", 2.5: "2.5", 999: "999", 1000: "1,000", 1234567.8: "1,234,568"} {
		require.Equal(t, want, Number(x))
	}
}

func TestWords(t *testing.T) {
	for want, e := range map[string]trace.Event{
		"unpublish | vm -> every node | ":                                               {Kind: trace.Op, Verb: "unpublish", Volume: "vm"},
		"answer | publish vm -> n: Unavailable | too late for the caller, busy":         {Kind: trace.Return, Verb: "publish", Volume: "vm", Node: "n", Code: "Unavailable", Late: true, Message: "busy"},
		"patch | persistentvolumes pv-vm | op-3 of process 2, Conflict, fault conflict": {Kind: trace.Call, Verb: "patch", Resource: "persistentvolumes", Name: "pv-vm", Proc: 2, Actor: "op-3", Code: "Conflict", Fault: "conflict"},
		"grant | vm -> n | op-1 of process 1":                                           {Kind: trace.Call, Verb: "grant", Resource: "backend", Volume: "vm", Node: "n", Proc: 1, Actor: "op-1", Code: "OK"},
		"see | nodes n deleted | cache of process 1, uid a":                             {Kind: trace.Deliver, Verb: "DELETED", Resource: "nodes", Name: "n", UID: "a", Proc: 1},
		"crash | process 1 | ":                                                          {Kind: trace.Process, Verb: "crash", Proc: 1},
		"machine | of n is down | uid a":                                                {Kind: trace.World, Verb: "machineDown", Node: "n", UID: "a"},
		"backend | fence vm -> n | epoch 4":                                             {Kind: trace.World, Verb: "fence", Volume: "vm", Node: "n", Epoch: 4},
		"believe | vm on n held | uid a, epoch 4":                                       {Kind: trace.Belief, Volume: "vm", Node: "n", UID: "a", Epoch: 4, State: "held"},
		"believe | vm has a new detach stamp | ":                                        {Kind: trace.Belief, Volume: "vm", Time: 5},
		"outage | begins | 25s":                                                         {Kind: trace.Trouble, Verb: "outageBegin", Limit: 25 * time.Second},
		"lag | nodes ends | ":                                                           {Kind: trace.Trouble, Verb: "lagEnd", Resource: "nodes"},
		"clockStep |  | -1h00m00s":                                                      {Kind: trace.Trouble, Verb: "clockStep", Limit: -time.Hour},
		"counter | holdfast_attach_total = 3 | ":                                        {Kind: trace.Counter, Name: "holdfast_attach_total", Value: 3},
		"event | VolumeAttached on claim-vm | volume vm attached":                       {Kind: trace.Recorded, Name: "claim-vm", Verb: "VolumeAttached", Message: "volume vm attached"},
		"object | nodes n created | uid a":                                              {Kind: trace.Change, Verb: "created", Resource: "nodes", Name: "n", UID: "a"},
		"kill | machine of n | ":                                                        {Kind: trace.Op, Verb: "killMachine", Node: "n"},
		"phase | heal | ":                                                               {Kind: trace.Phase, Name: "heal"},
		"wake | deadline | ":                                                            {Kind: trace.Wake, Name: "deadline"},
		"probe | goroutines | Left":                                                     {Kind: trace.Probe, Name: "goroutines", Code: "Left"},
	} {
		verb, object, note := Words(e)
		require.Equal(t, want, verb+" | "+object+" | "+note)
	}
}

func TestDetails(t *testing.T) {
	r := violatedRun()
	r.Message = "panic: boom\n\ngoroutine 1 [running]:"
	var b bytes.Buffer
	require.NoError(t, Details(&b, r))
	require.Contains(t, b.String(), "S3 never clear live, step 9, witnesses [5 6 9]")
	require.Contains(t, b.String(), "The last 11 events:\n       1  0s")
	require.Contains(t, b.String(), "goroutine 1 [running]:")
}

func TestOpenBlockGroupsByReason(t *testing.T) {
	r := violatedRun()
	r.Outcome, r.Replay = Inconclusive, ""
	r.Verdict.Results = []model.Result{
		{Invariant: "S1", Outcome: model.Held},
		{Invariant: "L1", Outcome: model.Inconclusive, Reason: "out of steps"},
		{Invariant: "L2", Outcome: model.Inconclusive, Reason: "a call still hangs"},
		{Invariant: "L3", Outcome: model.Inconclusive, Reason: "out of steps"},
	}
	r.Tell(nil)
	var b bytes.Buffer
	require.NoError(t, Failure(&b, r))
	require.Equal(t, `OPEN node-same-name seed=0x2a step=10 t=2m36s inconclusive
  no answer for L1, L3: out of steps
  no answer for L2: a call still hangs
  again:    holdfast run node-same-name --seed 0x2a
`, b.String())
}

func TestMessagesLeaveOutAnEmptyUID(t *testing.T) {
	r := violatedRun()
	r.Verdict.Results[1].Message = "cleared vm-disk on node-1 (uid , epoch 2), and node-2 (uid ) too, not (uid b)"
	var b bytes.Buffer
	require.NoError(t, Details(&b, r))
	want := "cleared vm-disk on node-1 (epoch 2), and node-2 too, not (uid b)\n"
	require.Equal(t, 2, strings.Count(b.String(), want))
	var s Summary
	s.Add(r)
	require.Equal(t, strings.TrimSpace(want), NewDocument(&s, []Run{r}).Results[0].Violations[0].Message)
}

func TestSetReadySaysWhat(t *testing.T) {
	for state, want := range map[string]string{"ready": "node-1 ready", "notReady": "node-1 not ready", "": "node-1"} {
		_, object, _ := Words(trace.Event{Kind: trace.Op, Verb: "setReady", Node: "node-1", State: state})
		require.Equal(t, want, object)
	}
}
