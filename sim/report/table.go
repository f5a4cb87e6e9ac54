package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Table writes the end of a campaign: how much was run and how fast, the verdict of each invariant, what occurred, and which faults
// were tried where: the whole grid, or the sites that lack least.
func Table(w io.Writer, s *Summary, whole bool) error {
	var b bytes.Buffer
	speed(&b, s)
	invariants(&b, s)
	tally(&b, s)
	grid(&b, s, whole)
	confidence(&b, s)
	states(&b, s)
	fmt.Fprintln(&b, Conclusion(s))
	_, err := b.WriteTo(w)
	return err
}

// Verdicts writes the part of a table that says what was judged: the verdict of each invariant, and the conclusion.
func Verdicts(w io.Writer, s *Summary) error {
	var b bytes.Buffer
	invariants(&b, s)
	fmt.Fprintln(&b, Conclusion(s))
	_, err := b.WriteTo(w)
	return err
}

func speed(b *bytes.Buffer, s *Summary) {
	t := columns(b)
	fmt.Fprintln(t, "RUNS\tSTEPS\tSTEPS/CPU-SECOND\tVIRTUAL\tWALL\tVIRTUAL : WALL\tWITHOUT IDLE GAPS")
	fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1fs\t%s\t%s\n\n", Number(float64(s.Runs)), Number(float64(s.Steps)), Number(s.StepsPerCPUSecond()),
		long(s.Virtual), s.Wall.Seconds(), Number(s.Ratio(s.Virtual)), Number(s.Ratio(s.Busy)))
	t.Flush()
}

// invariants lists them all, and below the table why some were not judged.
func invariants(b *bytes.Buffer, s *Summary) {
	if len(s.Invariants) == 0 {
		return
	}
	t := columns(b)
	fmt.Fprintln(t, "INVARIANT\tHELD\tVIOLATED\tINCONCLUSIVE\tNOT JUDGED\tMEANING")
	for _, v := range s.Invariants {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Name, count(v.Held), count(v.Violated), count(v.Inconclusive), count(v.NotJudged), v.Title)
	}
	t.Flush()
	for _, line := range unjudged(s.Invariants) {
		fmt.Fprintln(b, line)
	}
	fmt.Fprintln(b)
}

// unjudged says why invariants were not judged, those with one reason together, in the order of the first of each.
func unjudged(all []Invariant) (lines []string) {
	names := make(map[string][]string)
	var reasons []string
	for _, v := range all {
		if v.NotJudged == 0 || v.Reason == "" {
			continue
		}
		if names[v.Reason] == nil {
			reasons = append(reasons, v.Reason)
		}
		names[v.Reason] = append(names[v.Reason], v.Name)
	}
	for _, reason := range reasons {
		lines = append(lines, fmt.Sprintf("%s not judged: %s", strings.Join(names[reason], ", "), reason))
	}
	return lines
}

func tally(b *bytes.Buffer, s *Summary) {
	if len(s.Tally) == 0 {
		return
	}
	t := columns(b)
	fmt.Fprintln(t, "OCCURRED\tTIMES\tRUNS")
	for _, name := range slices.Sorted(maps.Keys(s.Tally)) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", name, count(s.Tally[name].Times), count(s.Tally[name].Runs))
	}
	t.Flush()
	fmt.Fprintln(b)
}

// columns aligns what is written to it, three spaces apart, until it is flushed; a buffer takes it without an error.
func columns(b *bytes.Buffer) *tabwriter.Writer { return tabwriter.NewWriter(b, 0, 8, 3, ' ', 0) }

// Conclusion is the last line of a report.
func Conclusion(s *Summary) string {
	var parts []string
	for _, o := range []Outcome{Violated, Crashed, Stalled, Inconclusive} {
		if n := s.Outcomes[o]; n > 0 {
			parts = append(parts, Number(float64(n))+" "+string(o))
		}
	}
	switch {
	case s.Findings() > 0:
		return fmt.Sprintf("FAIL  %s: %s", runs(s.Runs), strings.Join(parts, ", "))
	case len(parts) > 0:
		return fmt.Sprintf("OPEN  %s, nothing found, but %s", runs(s.Runs), strings.Join(parts, ", "))
	}
	return fmt.Sprintf("HELD  %s, nothing found", runs(s.Runs))
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return Number(float64(n)) + " runs"
}

// count writes zero as a dot, so that the eye finds what is not zero.
func count(n int) string {
	if n == 0 {
		return "."
	}
	return Number(float64(n))
}

// Number writes digits in groups of three; numbers under ten keep one decimal unless they are whole.
func Number(x float64) string {
	if math.Abs(x) < 10 && x != math.Trunc(x) {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	s := strconv.FormatInt(int64(math.Round(x)), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
