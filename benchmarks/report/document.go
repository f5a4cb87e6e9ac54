// Package report tells what a study of costs has found: as tables, as one JSON document, and as text that benchstat reads.
//
//	d := report.New(rows, machine)
//	err := d.WriteText(os.Stdout)
//	old, err := report.Read("old.json", file) // either form that holds the values: JSON, or benchmark text
package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
	"github.com/holdfast-sim/holdfast/scenarios"
)

// Kind is that of a document, of the apiVersion that all of Holdfast's have.
const Kind = "Bench"

// Machine is where a study was made. Counts are the same everywhere; times are of one machine.
type Machine struct {
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	CPU      string `json:"cpu,omitempty"`
	CPUs     int    `json:"cpus"`
	Go       string `json:"go"`
	Holdfast string `json:"holdfast"`
}

// ThisMachine describes the one that runs this program, which is of the given version.
func ThisMachine(version string) Machine {
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: processor(), CPUs: runtime.NumCPU(), Go: runtime.Version(), Holdfast: version}
}

// processor is its name where the system tells it in a file.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Document is what a study has found.
type Document struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Machine    Machine  `json:"machine"`
	Rounds     int      `json:"rounds"`
	Rows       []Row    `json:"rows"`
	Growth     []Growth `json:"growth"`
}

// Row is one operation at one size in one unit: its values in the order of the rounds, and their median with its interval.
type Row struct {
	Operation   string    `json:"operation"`
	Attachments int       `json:"attachments"`
	Unit        string    `json:"unit"`
	Median      float64   `json:"median"`
	Low         Bound     `json:"low"`
	High        Bound     `json:"high"`
	Warnings    []string  `json:"warnings,omitempty"`
	Values      []float64 `json:"values"`
}

func (r Row) row() study.Row {
	return study.Row{Name: r.Operation, Size: r.Attachments, Unit: r.Unit, Values: r.Values}
}

// Growth is how one operation grows in one unit: as attachments^Exponent.
type Growth struct {
	Operation string   `json:"operation"`
	Unit      string   `json:"unit"`
	Exponent  Interval `json:"exponent"`
	// Knee is the number of attachments from which it grows faster; 0 is none.
	Knee int `json:"knee,omitempty"`
	// Predicted is where a value at PredictedAt attachments, ten times the largest that was measured, would lie.
	PredictedAt int      `json:"predictedAt"`
	Predicted   Interval `json:"predicted"`
}

// Interval is a value, and where it lies with 95 % confidence.
type Interval struct {
	Center float64 `json:"center"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Bound is an end of an interval. Of few values there is none: it is infinite, which is null in JSON.
type Bound float64

// MarshalJSON implements json.Marshaler.
func (b Bound) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(b), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(b))
}

// Scaled is the ending of the unit of a time that was divided by that of the Control.
const Scaled = " / " + cost.Control

// New makes the document of rows that were measured on a machine.
func New(rows []study.Row, machine Machine) *Document {
	d := &Document{APIVersion: scenarios.APIVersion, Kind: Kind, Machine: machine}
	var series [][]study.Row
	for _, r := range rows {
		d.Rounds = max(d.Rounds, len(r.Values))
		s := study.Summarize(r)
		d.Rows = append(d.Rows, Row{r.Name, r.Size, r.Unit, s.Center, Bound(s.Low), Bound(s.High), s.Warnings, r.Values})
		i := slices.IndexFunc(series, func(x []study.Row) bool { return x[0].Name == r.Name && x[0].Unit == r.Unit })
		if i < 0 {
			i, series = len(series), append(series, nil)
		}
		series[i] = append(series[i], r)
	}
	for _, s := range series {
		d.grow(s)
	}
	return d
}

// grow adds how a series grows, and for a time how its ratio to the control's does.
func (d *Document) grow(s []study.Row) {
	d.add(s, s[0].Unit)
	if s[0].Unit != cost.UnitTime || s[0].Name == cost.Control {
		return
	}
	if ratio, err := study.Ratio(s[0].Name, s, d.Series(cost.Control, cost.UnitTime)); err == nil {
		d.add(ratio, cost.UnitTime+Scaled)
	}
}

// add leaves out what has no exponent: one size only, or zeros beside others.
func (d *Document) add(s []study.Row, unit string) {
	g, err := study.Grow(s)
	if err != nil {
		return
	}
	at := 10 * g.Largest()
	d.Growth = append(d.Growth, Growth{s[0].Name, unit, Interval(g.Exponent), g.Knee, at, Interval(g.Predict(at))})
}

// Series returns the rows of one operation in one unit, by size as they were measured.
func (d *Document) Series(operation, unit string) (rows []study.Row) {
	for _, r := range d.Rows {
		if r.Operation == operation && r.Unit == unit {
			rows = append(rows, r.row())
		}
	}
	return rows
}

// Measured returns all rows.
func (d *Document) Measured() (rows []study.Row) {
	for _, r := range d.Rows {
		rows = append(rows, r.row())
	}
	return rows
}

// Above returns what grows faster than attachments^limit without doubt: the interval's lower end is above. Of times it looks at the
// ratio to the control, which grows by one less: on any machine, time alone grows faster than the work, for caches end. Of List, which
// sorts, it looks at the counts.
func (d *Document) Above(limit float64) (fast []Growth) {
	for _, g := range d.Growth {
		ratio, by := strings.HasSuffix(g.Unit, Scaled), limit
		if ratio {
			by = limit - 1
		}
		switch {
		case g.Unit == cost.UnitTime, g.Operation == cost.Control, g.Operation == cost.Copying, ratio && g.Operation == cost.List:
		case g.Exponent.Low > by:
			fast = append(fast, g)
		}
	}
	return fast
}

// WriteJSON writes the document.
func (d *Document) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

var errKind = errors.New("this is no document of holdfast bench")

// Read reads a document from JSON, or the values of one from benchmark text. name is told in errors.
func Read(name string, r io.Reader) (*Document, error) {
	in := bufio.NewReader(r)
	first, err := in.Peek(1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if first[0] != '{' {
		return readText(name, in)
	}
	d := new(Document)
	if err := json.NewDecoder(in).Decode(d); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if d.Kind != Kind || d.APIVersion != scenarios.APIVersion {
		return nil, fmt.Errorf("%s: %w: it is %q of %q", name, errKind, d.Kind, d.APIVersion)
	}
	return d, nil
}
