package mutants

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-sim/holdfast/sim/report"
)

// Score is what came of a campaign.
type Score struct {
	Seeds       int
	Product     []Row
	Harness     []Row
	Controls    []Row // of the unmutated code: one that is killed, or has no answer, makes the score worthless
	Interrupted bool
}

// Clean reports whether every mutant was killed, and the unmutated code came out without a finding.
func (s Score) Clean() bool {
	sound := func(r Row) bool { return r.Err == nil && !r.Killed() }
	return !s.Interrupted && len(s.told()) == 0 && killed(s.Product) == len(s.Product) && killed(s.Harness) == len(s.Harness) &&
		!slices.ContainsFunc(s.Controls, func(r Row) bool { return !sound(r) })
}

// Median is the processor time to the kill of half of the killed mutants of the product, zero if there is none.
func (s Score) Median() time.Duration {
	var times []float64
	for _, r := range s.Product {
		if r.Killed() {
			times = append(times, r.CPU.Seconds())
		}
	}
	return time.Duration(median(times) * float64(time.Second))
}

// small is what half of the findings that were made small came to: the lines of timeline, faults and turns, and the processor seconds
// that it took; n is how many there are.
func (s Score) small() (n int, lines, seconds float64) {
	var all, cpu []float64
	for _, r := range s.Product {
		if m := r.Minimal; m != nil {
			all, cpu = append(all, float64(m.Operations+m.Faults+m.Turns)), append(cpu, m.CPU)
		}
	}
	return len(all), median(all), median(cpu)
}

// median sorts what it is given.
func median(xs []float64) float64 {
	n := len(xs)
	if n == 0 {
		return 0
	}
	slices.Sort(xs)
	return (xs[(n-1)/2] + xs[n/2]) / 2
}

func killed(rows []Row) (n int) {
	for _, r := range rows {
		if r.Killed() {
			n++
		}
	}
	return n
}

// survivors are the ids of those that nothing killed, those among them that gave no answer.
func survivors(rows []Row) []string {
	ids := []string{}
	for _, r := range rows {
		if !r.Killed() {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// WriteTable writes a row for each mutant, and the score.
func (s Score) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(s.Product) > 0 {
		fmt.Fprintln(t, "MUTANT\tKILLED BY\tSEED\tRUNS\tCPU\tRACE\tWHAT IT DOES WRONG")
	}
	for _, r := range s.Product {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.2fs\t%s\t%s\n", r.ID, r.verdict(), r.where(), r.Runs, r.CPU.Seconds(), yes(r.Race), r.Title)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(s.Harness) > 0 {
		fmt.Fprintln(t, "\nMUTANT OF THE HARNESS\tNOTICED BY\tWHAT IT DOES WRONG")
	}
	for _, r := range s.Harness {
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.ID, r.verdict(), r.Title)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n"+s.summary())
	return err
}

// verdict is who killed it: the invariant that was violated first, then those that the same run violated too.
func (r Row) verdict() string {
	switch {
	case r.Err != nil:
		return "no answer: " + firstLine(r.Err.Error())
	case len(r.All) > 1:
		return strings.Join(r.All, " ")
	case r.Killed():
		return r.Killer
	}
	return "SURVIVED"
}

// where is the seed, or the scenario, whose run killed it.
func (r Row) where() string {
	switch {
	case !r.Killed():
		return "-"
	case r.Scenario == chaos:
		return strconv.FormatUint(r.Seed, 10)
	}
	return r.Scenario
}

// chaos is the name of a run whose scenario is drawn from its seed.
const chaos = "chaos"

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// summary is what the table ends with.
func (s Score) summary() string {
	var b strings.Builder
	if n := len(s.Product); n > 0 {
		k := killed(s.Product)
		fmt.Fprintf(&b, "killed %d of %d mutants (%.1f%%), median %.2f CPU seconds to the kill\n", k, n, 100*float64(k)/float64(n), s.Median().Seconds())
		if n, lines, seconds := s.small(); n > 0 {
			fmt.Fprintf(&b, "made small: %d findings, median %g lines of timeline, faults and turns, in %.2f CPU seconds\n", n, lines, seconds)
		}
		if n := len(s.incidents()); n > 0 {
			fmt.Fprintf(&b, "incidents shown: %d of %d\n", n-len(s.told()), n)
		}
		for _, name := range s.told() {
			fmt.Fprintf(&b, "incident not shown: %s\n", name)
		}
		list(&b, "survived", s.Product, func(r Row) bool { return !r.Killed() && r.Err == nil })
		list(&b, "no answer", s.Product, func(r Row) bool { return r.Err != nil })
	}
	if n := len(s.Harness); n > 0 {
		fmt.Fprintf(&b, "noticed %d of %d mutants of the harness\n", killed(s.Harness), n)
		list(&b, "not noticed", s.Harness, func(r Row) bool { return !r.Killed() && r.Err == nil })
		list(&b, "no answer", s.Harness, func(r Row) bool { return r.Err != nil })
	}
	for _, r := range s.Controls {
		switch {
		case r.Err != nil:
			fmt.Fprintf(&b, "control: %s: no answer: %v\n", r.Title, r.Err)
		case r.Killed():
			fmt.Fprintf(&b, "control: %s: %s in %s, seed %d: %s\n", r.Title, r.Killer, r.Scenario, r.Seed, r.Message)
		default:
			fmt.Fprintf(&b, "control: %s: no finding in %d runs\n", r.Title, r.Runs)
		}
	}
	if s.Interrupted {
		b.WriteString("interrupted: what has no answer was not tried\n")
	}
	return b.String()
}

func list(b *strings.Builder, what string, rows []Row, which func(Row) bool) {
	var ids []string
	for _, r := range rows {
		if which(r) {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) > 0 {
		fmt.Fprintf(b, "%s: %s\n", what, strings.Join(ids, " "))
	}
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// document is the JSON form of a score. The first four fields are what others read; all may count on their names.
type document struct {
	Mutants     int           `json:"mutants"`
	Killed      int           `json:"killed"`
	Median      float64       `json:"medianSecondsToKill"`
	Survivors   []string      `json:"survivors"`
	Clean       bool          `json:"clean"`
	Interrupted bool          `json:"interrupted,omitempty"`
	Seeds       int           `json:"seeds"`
	Control     []documentRow `json:"control"`
	Harness     harnessScore  `json:"harness"`
	Results     []documentRow `json:"results"`
}

type harnessScore struct {
	Mutants   int           `json:"mutants"`
	Noticed   int           `json:"noticed"`
	Survivors []string      `json:"survivors"`
	Results   []documentRow `json:"results"`
}

type documentRow struct {
	ID         string               `json:"id"`
	Title      string               `json:"title"`
	Source     Source               `json:"source,omitempty"`
	Breaks     []string             `json:"breaks,omitempty"`
	Killer     string               `json:"killedBy,omitempty"`
	Violated   []string             `json:"violated,omitempty"`
	Scenario   string               `json:"scenario,omitempty"`
	Seed       uint64               `json:"seed,omitempty"`
	Message    string               `json:"message,omitempty"`
	Runs       int                  `json:"runs"`
	CPUSeconds float64              `json:"cpuSeconds"`
	Race       bool                 `json:"race"`
	Incidents  []Incident           `json:"incidents,omitempty"`
	Minimal    *report.MinimalEntry `json:"minimal,omitempty"`
	Error      string               `json:"error,omitempty"`
}

// WriteJSON writes the score as one document.
func (s Score) WriteJSON(w io.Writer) error {
	return writeJSON(w, document{
		Mutants: len(s.Product), Killed: killed(s.Product), Median: s.Median().Seconds(), Survivors: survivors(s.Product),
		Clean: s.Clean(), Interrupted: s.Interrupted, Seeds: s.Seeds,
		Control: rows(s.Controls), Results: rows(s.Product),
		Harness: harnessScore{len(s.Harness), killed(s.Harness), survivors(s.Harness), rows(s.Harness)},
	})
}

func writeJSON(w io.Writer, document any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(document)
}

func rows(all []Row) []documentRow {
	out := make([]documentRow, len(all))
	for i, r := range all {
		out[i] = documentRow{
			ID: r.ID, Title: r.Title, Source: r.Source, Breaks: r.Breaks, Killer: r.Killer, Violated: r.All, Scenario: r.Scenario, Seed: r.Seed,
			Message: r.Message, Runs: r.Runs, CPUSeconds: r.CPU.Seconds(), Race: r.Race, Minimal: r.Minimal, Incidents: r.Incidents,
		}
		if r.Err != nil {
			out[i].Error = r.Err.Error()
		}
	}
	return out
}
