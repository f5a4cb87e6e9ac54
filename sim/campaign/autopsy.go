package campaign

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// raceExit is the exit code of a process whose race detector has spoken.
const raceExit = 66

// autopsy makes a run of what a dead worker left behind. What it had violated before it died counts: such a run is violated.
func autopsy(job Job, outcome report.Outcome, code int, talk string, tape []byte, judge func(trace.Header, []trace.Event) model.Verdict) report.Run {
	run := report.Run{Scenario: job.Scenario, Seed: job.Seed, Strategy: job.Strategy, System: job.System, Outcome: outcome, Message: lastWords(talk)}
	header, events, err := trace.Read("tape", bytes.NewReader(tape))
	if err == nil {
		run.Strategy, run.TraceHash = header.Strategy, trace.Hash(events)
		if judge != nil {
			// A run that was cut off has held nothing, and whether it would have is not known: only violations count.
			run.Verdict.Results = judge(header, events).Violations()
		}
	}
	if n := len(events); n > 0 {
		run.Steps, run.Virtual, run.Busy = events[n-1].Step, events[n-1].At, Busy(events)
	}
	switch {
	case code == raceExit && strings.Contains(talk, raceWords):
		run.Verdict.Results = append(run.Verdict.Results, race(run))
	case outcome == report.Crashed && !strings.Contains(run.Message, "panic: ") && !strings.Contains(run.Message, "fatal error: "):
		run.Message = strings.TrimSpace(fmt.Sprintf("the process ended with %s\n%s", ending(code), run.Message))
	case outcome == report.Stalled:
		run.Message = strings.TrimSpace("no step came, and this is what the goroutines wait for\n" + run.Message)
	}
	if len(run.Verdict.Violations()) > 0 {
		run.Outcome = report.Violated
	}
	run.Tell(events)
	return run
}

// race is the violation that the race detector reports.
func race(run report.Run) model.Result {
	return model.Result{
		Invariant: "S20", Title: title("S20"), Outcome: model.Violated, Step: run.Steps, At: run.Virtual,
		Message: "the race detector reports a data race", Witnesses: []int{run.Steps},
	}
}

// title is an invariant's, in the oracle's words.
func title(name string) string {
	for _, inv := range model.Invariants() {
		if inv.Name == name {
			return inv.Title
		}
	}
	return ""
}

func ending(code int) string {
	if code < 0 {
		return "a signal"
	}
	return fmt.Sprintf("exit code %d", code)
}

// Busy is the virtual time of events without idle gaps over a minute.
func Busy(events []trace.Event) time.Duration {
	sum, last := time.Duration(0), time.Duration(0)
	for _, e := range events {
		if gap := e.At - last; gap <= time.Minute {
			sum += gap
		}
		last = e.At
	}
	return sum
}

// tell completes a run that came to an answer with the events that explain it.
func tell(run *report.Run, tape []byte) {
	if _, events, err := trace.Read("tape", bytes.NewReader(tape)); err == nil {
		run.Tell(events)
	}
}
