package report

import (
	"encoding/json"
	"io"

	"github.com/holdfast-sim/holdfast/model"
)

// Document is the JSON form of a campaign. Fields may be added; those that are here keep their names and meanings.
type Document struct {
	APIVersion     string           `json:"apiVersion"`
	Kind           string           `json:"kind"`
	Runs           int              `json:"runs"`
	Steps          int              `json:"steps"`
	VirtualSeconds float64          `json:"virtualSeconds"`
	WallSeconds    float64          `json:"wallSeconds"`
	Violated       int              `json:"violated"`
	Inconclusive   int              `json:"inconclusive"`
	Crashed        int              `json:"crashed"`
	Stalled        int              `json:"stalled"`
	Results        []Entry          `json:"results"`
	Faults         int              `json:"harnessFaults,omitempty"` // of the crashed ones, those that a bug of the harness ended
	Interrupted    bool             `json:"interrupted,omitempty"`
	Planned        int              `json:"planned"` // runs that were asked for
	Busy           float64          `json:"virtualSecondsBusy"`
	CPU            float64          `json:"cpuSeconds"`
	StepsPerCPU    float64          `json:"stepsPerCPUSecond"`
	Ratio          float64          `json:"virtualToWall"`
	RatioBusy      float64          `json:"virtualBusyToWall"`
	Invariants     []InvariantEntry `json:"invariants"`
	Tally          map[string]Count `json:"tally"`
	Grid           *faultGrid       `json:"grid,omitempty"`       // which faults met which sites, and which never did
	Confidence     *Confidence      `json:"confidence,omitempty"` // of the runs under PCT
	Marks          []Mark           `json:"marks,omitempty"`      // the named states, and how many runs reached each
	States         *growth          `json:"states,omitempty"`     // how many abstract states were seen, and whether more runs pay
	Account        any              `json:"account,omitempty"`    // what the import of the one recording used and skipped
	Accounts       map[string]any   `json:"accounts,omitempty"`   // of several recordings, by name
	Settings       []string         `json:"settings,omitempty"`
	Graveyard      *Graveyard       `json:"graveyard,omitempty"`
}

// Graveyard counts the runs of earlier findings, which are among all others.
type Graveyard struct {
	Runs     int      `json:"runs"`
	Held     int      `json:"held"`
	Diverged []string `json:"diverged,omitempty"` // of those that held, where they left the way they went once
}

// Entry is one run in a Document.
type Entry struct {
	Scenario       string         `json:"scenario"`
	Seed           uint64         `json:"seed"`
	Strategy       string         `json:"strategy"`
	Verdict        Outcome        `json:"verdict"`
	TraceHash      string         `json:"traceHash"`
	Steps          int            `json:"steps"`
	VirtualSeconds float64        `json:"virtualSeconds"`
	Violations     []Violation    `json:"violations"`
	Repro          string         `json:"repro"`
	System         string         `json:"system"`
	Replay         string         `json:"replay,omitempty"`
	Trace          string         `json:"trace,omitempty"` // the file
	Message        string         `json:"message,omitempty"`
	Diverged       string         `json:"diverged,omitempty"`
	Minimal        *MinimalEntry  `json:"minimal,omitempty"`
	Inconclusive   []string       `json:"inconclusive,omitempty"` // invariants without an answer
	Tally          map[string]int `json:"tally,omitempty"`
}

// MinimalEntry is what a finding was made small to.
type MinimalEntry struct {
	Operations int     `json:"operations"`
	Faults     int     `json:"faults"`
	Turns      int     `json:"turns"`
	Schedule   string  `json:"schedule,omitempty"` // the strategy whose order it needs as it is
	Runs       int     `json:"runs"`
	CPU        float64 `json:"cpuSeconds"`      // of these runs
	Spent      bool    `json:"spent,omitempty"` // the budget ended before there was nothing left to try
	File       string  `json:"file"`
	Repro      string  `json:"repro"`
}

// Violation is one violated invariant in an Entry.
type Violation struct {
	Invariant string `json:"invariant"`
	Step      int    `json:"step"`
	Message   string `json:"message"`
	Witnesses []int  `json:"witnesses,omitempty"`
}

// InvariantEntry counts one invariant's results in a Document.
type InvariantEntry struct {
	Name         string `json:"name"`
	Title        string `json:"title,omitempty"`
	Held         int    `json:"held"`
	Violated     int    `json:"violated"`
	Inconclusive int    `json:"inconclusive"`
	NotJudged    int    `json:"notJudged"`
	Reason       string `json:"reason,omitempty"` // why it was not judged
}

// Listing says which runs a Document lists one by one.
type Listing string

// The listings, in the words of the --results flag.
const (
	ListFailed Listing = "failed" // all but the held ones
	ListAll    Listing = "all"
	ListNone   Listing = "none"
)

// Lists reports whether a run belongs into the list.
func (l Listing) Lists(r Run) bool {
	return l == ListAll || l == ListFailed && r.Outcome != Held
}

// NewDocument makes the document of a summary and those of its runs that are to be listed.
func NewDocument(s *Summary, listed []Run) Document {
	d := Document{
		APIVersion: "holdfast.dev/v1alpha1", Kind: "Report",
		Runs: s.Runs, Steps: s.Steps, VirtualSeconds: s.Virtual.Seconds(), WallSeconds: s.Wall.Seconds(),
		Violated: s.Outcomes[Violated], Inconclusive: s.Outcomes[Inconclusive], Crashed: s.Outcomes[Crashed], Stalled: s.Outcomes[Stalled],
		Results: make([]Entry, 0, len(listed)), Planned: s.Runs, Faults: s.Faults,
		Busy: s.Busy.Seconds(), CPU: s.CPU.Seconds(), StepsPerCPU: s.StepsPerCPUSecond(),
		Ratio: s.Ratio(s.Virtual), RatioBusy: s.Ratio(s.Busy),
		Invariants: make([]InvariantEntry, 0, len(s.Invariants)), Tally: s.Tally,
	}
	for _, v := range s.Invariants {
		d.Invariants = append(d.Invariants, InvariantEntry(v))
	}
	for _, r := range listed {
		d.Results = append(d.Results, entry(r))
	}
	if s.Confidence.Runs > 0 {
		d.Confidence = &s.Confidence
	}
	if len(s.Reach) > 0 {
		g := newGrid(s.Reach)
		d.Grid = &g
	}
	if g := s.States.Growth(); g.Seen > 0 {
		d.States, d.Marks = &g, s.States.Marks()
	}
	if d.Tally == nil {
		d.Tally = map[string]Count{}
	}
	return d
}

func entry(r Run) Entry {
	e := Entry{
		Scenario: r.Scenario, Seed: r.Seed, Strategy: r.Strategy, Verdict: r.Outcome, TraceHash: r.TraceHash, Steps: r.Steps,
		VirtualSeconds: r.Virtual.Seconds(), Violations: []Violation{}, Repro: r.Again, System: r.System, Replay: r.Replay, Trace: r.Trace,
		Message: r.Message, Diverged: r.Diverged, Tally: r.Tally,
	}
	if m := r.Minimal; m != nil {
		e.Minimal = &MinimalEntry{m.Operations, m.Faults, m.Turns, m.Schedule, m.Runs, m.CPU.Seconds(), m.Spent, m.Path, m.Again}
	}
	for _, j := range r.Verdict.Violations() {
		e.Violations = append(e.Violations, Violation{j.Invariant, j.Step, plain(j.Message), j.Witnesses})
	}
	for _, j := range r.Verdict.Results {
		if j.Outcome == model.Inconclusive {
			e.Inconclusive = append(e.Inconclusive, j.Invariant)
		}
	}
	return e
}

// Write writes the document as indented JSON and one line break.
func (d Document) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}
