package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/cause"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Explanation is a finding that was made small, in words.
type Explanation struct {
	Invariant string `json:"invariant"`
	Title     string `json:"title"`
	// Sentences say what broke, what it takes, and in which order.
	Sentences []string `json:"sentences"`
	// Chain are the events by which what it takes led to the violation.
	Chain []Link `json:"chain"`
	// Scenario is the small one.
	Scenario string `json:"scenario"`
}

// Link is an event of the chain.
type Link struct {
	Step int           `json:"step"`
	At   time.Duration `json:"at"`
	Verb string        `json:"verb"`
	What string        `json:"what"`
	Note string        `json:"note,omitempty"`
	// Core marks what the finding takes, Violated what shows it.
	Core     bool `json:"core,omitempty"`
	Violated bool `json:"violated,omitempty"`
}

// Explain tells why the run of a scenario that was made small, in so many runs, breaks what it breaks. The tape is its trace.
func Explain(r Run, s *scenarios.Scenario, tape io.Reader, runs int, spent bool) (Explanation, error) {
	_, events, err := trace.Read("tape", tape)
	if err != nil && len(events) == 0 {
		return Explanation{}, err
	}
	j, ok := r.Verdict.Lookup(s.Spec.Resolved.Breaks)
	if !ok { // a crash
		j = model.Result{Invariant: string(r.Outcome), Title: "of the system", Message: firstLine(r.Message), Step: r.Steps}
	}
	e := Explanation{Invariant: j.Invariant, Title: j.Title, Scenario: string(scenarios.Format(s))}
	e.Sentences = []string{
		fmt.Sprintf("%s (%s) breaks: %s.", j.Invariant, j.Title, plain(j.Message)),
		takes(s, runs, spent),
		order(s),
	}
	e.Chain = chain(events, s, j)
	return e, nil
}

// takes says what the finding needs.
func takes(s *scenarios.Scenario, runs int, spent bool) string {
	var parts []string
	for _, step := range s.Spec.Timeline {
		parts = append(parts, stepWords(step))
	}
	for _, f := range s.Spec.Faults {
		parts = append(parts, faultWords(f))
	}
	switch {
	case len(parts) == 0:
		return "It takes nothing but a start: no operation and no fault."
	case spent:
		return fmt.Sprintf("It takes %s, or less: the budget of %s ended before all was tried.", list(parts), plural(runs, "run"))
	case len(parts) == 1:
		return fmt.Sprintf("It takes %s, and without that it holds (%s).", parts[0], plural(runs, "run"))
	}
	return fmt.Sprintf("It takes %s; without any one of these it holds (%s).", list(parts), plural(runs, "run"))
}

// order says what has to happen out of order.
func order(s *scenarios.Scenario) string {
	if strategy := s.Spec.Resolved.Strategy; strategy != "" {
		return fmt.Sprintf("It takes the order that %s draws from seed %#x, of which no part was found that does alone.", strategy, s.Spec.Resolved.Seed)
	}
	var parts []string
	for _, t := range s.Spec.Turns {
		parts = append(parts, t.Take+" before "+t.Before)
	}
	if len(parts) == 0 {
		return "It takes no unusual order: it breaks when each actor goes on until it waits."
	}
	return "It takes this order, and with each of these left to its usual place it holds: " + list(parts) + "."
}

func list(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// stepWords tells an operation of the timeline.
func stepWords(s scenarios.Step) string {
	volume, node := s.Names()
	words := s.Action()
	switch {
	case volume != "" && node != "":
		words += " of " + volume + " on " + node
	case volume != "" || node != "":
		words += " of " + volume + node
	}
	return words + " at " + short(time.Duration(s.At))
}

func faultWords(f scenarios.Fault) string {
	at := f.On.Label
	if at == "" {
		at = strings.Join(slices.DeleteFunc([]string{f.On.Verb, f.On.Resource, f.On.Name}, func(w string) bool { return w == "" }), " ")
	}
	if at == "" {
		return "the fault " + string(f.Effect)
	}
	return "the fault " + string(f.Effect) + " at " + at
}

// chain picks the events by which operations, faults and turns led to the violated step.
func chain(events []trace.Event, s *scenarios.Scenario, j model.Result) (links []Link) {
	core, ends := anchors(events, s, j)
	for _, i := range cause.Of(events).Chain(core, ends) {
		ev := events[i]
		verb, what, note := Words(ev)
		links = append(links, Link{
			Step: ev.Step, At: ev.At, Verb: verb, What: what, Note: clip(note, 64),
			Core: slices.Contains(core, i), Violated: slices.Contains(ends, i) && ev.Step == j.Step,
		})
	}
	return links
}

// anchors are the events where the chain begins, and those where it ends: in the violated step, and at its witnesses.
func anchors(events []trace.Event, s *scenarios.Scenario, j model.Result) (core, ends []int) {
	for i, e := range events {
		if e.Step > j.Step {
			break
		}
		turn := slices.ContainsFunc(s.Spec.Turns, func(t scenarios.Turn) bool { return e.Label != "" && t.Take == e.Label })
		switch {
		case e.Kind == trace.Op && e.Actor == "operator", e.Kind == trace.Call && e.Fault != "", turn:
			core = append(core, i)
		}
		if e.Kind.Point() && (e.Step == j.Step || slices.Contains(j.Witnesses, e.Step)) {
			ends = append(ends, i)
		}
	}
	return core, ends
}

// WriteText writes the sentences, and the chain below them.
func (e Explanation) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, s := range e.Sentences {
		fmt.Fprintln(b, s)
	}
	fmt.Fprintf(b, "\nWhat led to what (* is what it takes):\n")
	at, verb := 0, 0
	for _, l := range e.Chain {
		at, verb = max(at, len(short(l.At))), max(verb, len(l.Verb))
	}
	for _, l := range e.Chain {
		mark, arrow := " ", ""
		if l.Core {
			mark = "*"
		}
		if l.Violated {
			arrow = "  <- " + e.Invariant
		}
		line := fmt.Sprintf("%s %6d  %-*s  %-*s  %s", mark, l.Step, at, short(l.At), verb, l.Verb, row(l.What, l.Note))
		fmt.Fprintln(b, strings.TrimRight(line, " ")+arrow)
	}
	fmt.Fprintf(b, "\n%s", e.Scenario)
	return b.Flush()
}
