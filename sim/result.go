package sim

import (
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Outcome is the verdict of a run in one word.
type Outcome = report.Outcome

// The outcomes. A run that crashed or stalled after a violation counts as violated.
const (
	Held         = report.Held
	Violated     = report.Violated
	Inconclusive = report.Inconclusive
	Crashed      = report.Crashed
	Stalled      = report.Stalled
)

// Result is what a run came to.
type Result struct {
	Scenario string
	Seed     uint64
	Strategy string
	Outcome  Outcome
	Verdict  model.Verdict
	// TraceHash is the SHA-256 of everything that an actor saw. Equal hashes are equal runs.
	TraceHash string
	Steps     int
	// Virtual is the virtual time of the run, VirtualBusy the same without idle gaps of more than a minute.
	Virtual, VirtualBusy time.Duration
	// Tally counts what the run met: faults by effect, conflicts, crashes, migrations, ...
	Tally map[string]int
	// Reach counts which calls there were, and which faults met them.
	Reach model.Reach
	// Bound is what the theory of PCT promises of the run; nil for another strategy.
	Bound *sched.Bound
	// Scenes are the abstract states that the run went through.
	Scenes []model.Scene
	// Last are the last 30 events up to the first violation, or up to the end.
	Last []trace.Event
	// Events are all events, if KeepEvents asked for them.
	Events []trace.Event
	// Message says more of a crash (the panic and its stack) or of a stall (who waits for what).
	Message string
	// Diverged says where the run left the one that it was to repeat, a recorded one or a resolved scenario's; empty if it did not.
	Diverged string
	// Turns are what the strategy took out of order, if NoteTurns asked for them: a resolved scenario with these goes the same way.
	Turns []scenarios.Turn
	// Clashes counts points that could not be told apart: what determinism this system costs itself.
	Clashes int
}
