package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Minimal is what a finding was made small to: a scenario that breaks the same.
type Minimal struct {
	// Operations are the lines of its timeline, of OperationsBefore; Faults alike. Turns are what happens out of order.
	Operations, OperationsBefore int
	Faults, FaultsBefore         int
	Turns                        int
	// Schedule is the strategy whose order it needs as it is, for its seed; empty if the turns tell the order.
	Schedule string
	// Runs is how many it took, CPU the processor time of these, Wall how long it was. Spent means that the budget ended them.
	Runs      int
	CPU, Wall time.Duration
	Spent     bool
	// Path is the scenario's file, Again the command that runs it.
	Path, Again string
	// Story are the few events that explain the violation in its run, which is at Step.
	Story []trace.Event
	Step  int
}

// String is what the failure's block says.
func (m *Minimal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %s", m.Operations, plural(m.OperationsBefore, "operation"))
	if m.FaultsBefore > 0 || m.Faults > 0 {
		fmt.Fprintf(&b, ", %s", plural(m.Faults, "fault"))
	}
	switch {
	case m.Schedule != "":
		fmt.Fprintf(&b, ", in the order that %s draws", m.Schedule)
	case m.Turns > 0:
		fmt.Fprintf(&b, ", %s out of order", plural(m.Turns, "turn"))
	}
	fmt.Fprintf(&b, " (shrunk in %.1fs, %s", m.Wall.Seconds(), plural(m.Runs, "run"))
	if m.Spent {
		b.WriteString(", and there is more to try")
	}
	return b.String() + ")"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
