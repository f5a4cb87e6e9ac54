// Package report turns the results of runs into what people and programs read: the block of one failure, the table of a
// campaign, and one JSON document. Its functions are pure: the same results give the same text.
//
// A Run is all that is kept of one run, a Summary adds runs up:
//
//	var s report.Summary
//	s.Add(run)
//	report.Table(os.Stdout, &s, false)
package report

import (
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes. A run that crashed after a violation counts once, as violated.
const (
	Held         Outcome = "held"
	Violated     Outcome = "violated"
	Inconclusive Outcome = "inconclusive"
	Crashed      Outcome = "crashed"
	Stalled      Outcome = "stalled"
)

// Finding reports whether an outcome is one that somebody has to look at: all but held and inconclusive.
func (o Outcome) Finding() bool { return o == Violated || o == Crashed || o == Stalled }

// Run is the result of one run.
type Run struct {
	Scenario  string        `json:"scenario"`
	Seed      uint64        `json:"seed"`
	Strategy  string        `json:"strategy"`
	System    string        `json:"system"`
	Outcome   Outcome       `json:"outcome"`
	TraceHash string        `json:"traceHash"`
	Steps     int           `json:"steps"`
	Virtual   time.Duration `json:"virtual"`
	// Busy is the virtual time without idle gaps over a minute.
	Busy time.Duration `json:"busy"`
	// CPU is the processor time that the run took.
	CPU time.Duration `json:"cpu"`
	// Verdict has one result for each invariant, in the oracle's order.
	Verdict model.Verdict  `json:"verdict"`
	Tally   map[string]int `json:"tally"`
	Reach   model.Reach    `json:"reach,omitempty"`
	// Scenes are the abstract states that it went through.
	Scenes []model.Scene `json:"scenes"`
	// Message is what a crash or a stall left behind: the panic's text and stacks.
	Message string `json:"message,omitempty"`
	// Fault marks a run that a bug of the harness ended; it says nothing about the system under test.
	Fault bool `json:"fault,omitempty"`
	// Diverged says where the run left the one that it was to repeat; empty if it did not.
	Diverged string `json:"diverged,omitempty"`
	// Bound is what the theory of PCT promises of the run; nil for another strategy.
	Bound *Bound `json:"bound,omitempty"`
	// Visit is what the run of an exploration met; nil if it was none.
	Visit *explore.Visit `json:"visit,omitempty"`
	// Turns are what the strategy of a run that did not hold took out of order, if that was asked for.
	Turns []scenarios.Turn `json:"turns,omitempty"`

	// Story are the few events that explain the first violation, Last all that came before and around it; see Tell.
	Story, Last []trace.Event `json:"-"`
	// Trace is the path of the saved trace; empty if none was saved.
	Trace string `json:"-"`
	// History is the path of the page that shows the calls which no order explains; empty if none was saved.
	History string `json:"-"`
	// Minimal is what the finding was made small to; nil if it was not.
	Minimal *Minimal `json:"-"`
	// Replay is the command that replays the saved trace, Again the one that runs the same seed anew.
	Replay, Again string `json:"-"`
}

// Tell picks from all events of the run those that the report shows.
func (r *Run) Tell(events []trace.Event) {
	first := r.First()
	r.Story, r.Last = Story(events, first), Last(events, first.Step)
}

// First is the earliest violation, or a result without a step.
func (r *Run) First() model.Result {
	if vs := r.Verdict.Violations(); len(vs) > 0 {
		return vs[0]
	}
	return model.Result{}
}
