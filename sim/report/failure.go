package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Failure writes the block of one run that did not hold: at most fourteen lines or so. Its first line is made for grep, its
// last lines for copy and paste.
func Failure(w io.Writer, r Run) error {
	b := bufio.NewWriter(w)
	vs, first := r.Verdict.Violations(), r.First()
	headline(b, r, first)
	for i, v := range vs {
		if i == 2 {
			fmt.Fprintf(b, "  and %d more: %s\n", len(vs)-2, names(vs[2:]))
			break
		}
		fmt.Fprintf(b, "  %s %s: %s\n", v.Invariant, v.Title, clip(plain(v.Message), 200))
	}
	if r.Message != "" {
		fmt.Fprintf(b, "  %s: %s\n", r.Outcome, clip(firstLine(r.Message), 200))
	}
	if r.Outcome == Inconclusive {
		for _, line := range open(r) {
			fmt.Fprintf(b, "  no answer for %s\n", line)
		}
	}
	if m := r.Minimal; m != nil {
		fmt.Fprintf(b, "  minimal: %s\n", m)
		events(b, m.Story, m.Step, first.Invariant)
	} else {
		events(b, r.Story, first.Step, first.Invariant)
	}
	if r.Diverged != "" {
		fmt.Fprintf(b, "  diverged: %s\n", r.Diverged)
	}
	if r.History != "" {
		fmt.Fprintf(b, "  history:  %s\n", r.History)
	}
	if r.Replay != "" {
		fmt.Fprintf(b, "  replay:   %s\n", r.Replay)
	}
	if r.Minimal != nil {
		fmt.Fprintf(b, "  small:    %s\n", r.Minimal.Again)
	}
	if r.Again != "" {
		fmt.Fprintf(b, "  again:    %s\n", r.Again)
	}
	return b.Flush()
}

// Details writes what the block on the terminal has no room for: all that was kept of the events, every violation in full,
// and the stacks of a crash.
func Details(w io.Writer, r Run) error {
	if err := Failure(w, r); err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	for _, v := range r.Verdict.Violations() {
		fmt.Fprintf(b, "\n%s %s, step %d, witnesses %v\n  %s\n", v.Invariant, v.Title, v.Step, v.Witnesses, plain(v.Message))
	}
	if len(r.Last) > 0 {
		fmt.Fprintf(b, "\nThe last %d events:\n", len(r.Last))
	}
	for _, e := range r.Last {
		verb, object, note := Words(e)
		fmt.Fprintf(b, "  %6d  %-14s %-10s %s\n", e.Step, Clock(e.At), verb, row(object, note))
	}
	if r.Message != "" {
		fmt.Fprintf(b, "\nWhat the process left behind:\n%s\n", r.Message)
	}
	return b.Flush()
}

func headline(b *bufio.Writer, r Run, first model.Result) {
	word := "FAIL"
	if r.Outcome == Inconclusive {
		word = "OPEN"
	}
	fmt.Fprintf(b, "%s %s seed=%#x", word, r.Scenario, r.Seed)
	step, at := r.Steps, r.Virtual
	if first.Step > 0 {
		step, at = first.Step, first.At
	}
	fmt.Fprintf(b, " step=%d t=%s", step, short(at))
	if r.Outcome != Violated {
		fmt.Fprintf(b, " %s", r.Outcome)
	}
	fmt.Fprintln(b)
}

// events writes the story, and an arrow at the step that broke the invariant.
func events(b *bufio.Writer, story []trace.Event, step int, invariant string) {
	type line struct{ at, verb, object, note string }
	lines := make([]line, 0, len(story))
	var atWidth, verbWidth int
	for _, e := range story {
		verb, object, note := Words(e)
		l := line{short(e.At), verb, object, clip(note, 64)}
		atWidth, verbWidth = max(atWidth, len(l.at)), max(verbWidth, len(l.verb))
		lines = append(lines, l)
	}
	last := -1
	for i, e := range story {
		if e.Step == step && step > 0 {
			last = i
		}
	}
	for i, l := range lines {
		text := fmt.Sprintf("     %-*s  %-*s  %s", atWidth, l.at, verbWidth, l.verb, row(l.object, l.note))
		if i == last {
			text = strings.TrimRight(text, " ") + "  <- " + invariant
		}
		fmt.Fprintln(b, text)
	}
}

func row(object, note string) string {
	if note == "" {
		return object
	}
	return fmt.Sprintf("%-32s  %s", object, note)
}

func names(js []model.Result) string {
	ns := make([]string, 0, len(js))
	for _, j := range js {
		ns = append(ns, j.Invariant)
	}
	return strings.Join(ns, ", ")
}

// open lists the invariants without an answer, those with one reason together, in the order of the first of each.
func open(r Run) (lines []string) {
	var reasons []string
	byReason := make(map[string][]string)
	for _, j := range r.Verdict.Results {
		if j.Outcome != model.Inconclusive {
			continue
		}
		if byReason[j.Reason] == nil {
			reasons = append(reasons, j.Reason)
		}
		byReason[j.Reason] = append(byReason[j.Reason], j.Invariant)
	}
	for _, reason := range reasons {
		line := strings.Join(byReason[reason], ", ")
		if reason != "" {
			line += ": " + reason
		}
		lines = append(lines, line)
	}
	return lines
}

// plain leaves out of a message the uid of an instance that never had one.
func plain(message string) string {
	return strings.NewReplacer(" (uid )", "", "(uid , ", "(").Replace(message)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// clip shortens a text to n runes.
func clip(s string, n int) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
