package report

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"golang.org/x/perf/benchfmt"

	"github.com/holdfast-sim/holdfast/benchmarks/study"
)

// WriteBench writes one line for each round of each operation at each size, in the format of Go's benchmarks, which benchstat reads.
func (d *Document) WriteBench(w io.Writer) error {
	out := benchfmt.NewWriter(w)
	config := []benchfmt.Config{
		{Key: "goos", Value: []byte(d.Machine.OS), File: true}, {Key: "goarch", Value: []byte(d.Machine.Arch), File: true},
		{Key: "cpu", Value: []byte(d.Machine.CPU), File: true}, {Key: "go", Value: []byte(d.Machine.Go), File: true},
		{Key: "holdfast", Value: []byte(d.Machine.Holdfast), File: true},
	}
	for _, unit := range d.units() {
		if err := out.Write(&benchfmt.UnitMetadata{UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: unit, Key: "better"}, OrigUnit: unit, Value: "lower"}); err != nil {
			return err
		}
	}
	for round := range d.Rounds {
		for i, r := range d.Rows {
			if slices.ContainsFunc(d.Rows[:i], r.beside) {
				continue
			}
			line := benchfmt.Result{Config: config, Name: benchfmt.Name(r.name() + "-" + strconv.Itoa(d.Machine.CPUs)), Iters: 1}
			for _, x := range d.Rows[i:] {
				if r.beside(x) && round < len(x.Values) {
					line.Values = append(line.Values, benchfmt.Value{Value: x.Values[round], Unit: x.Unit})
				}
			}
			if err := out.Write(&line); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Document) units() (units []string) {
	for _, r := range d.Rows {
		if !slices.Contains(units, r.Unit) {
			units = append(units, r.Unit)
		}
	}
	return units
}

// beside reports whether two rows are of one operation at one size.
func (r Row) beside(x Row) bool { return r.Operation == x.Operation && r.Attachments == x.Attachments }

func (r Row) name() string { return fmt.Sprintf("%s/attachments=%d", r.Operation, r.Attachments) }

// readText takes the lines whose names are of the form that WriteBench gives them.
func readText(name string, r io.Reader) (*Document, error) {
	form, err := regexp.Compile(`^(.*)/attachments=(\d+)(-\d+)?$`)
	if err != nil {
		return nil, err
	}
	var rows []study.Row
	var m Machine
	in := benchfmt.NewReader(r, name)
	for in.Scan() {
		x, ok := in.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		m = Machine{OS: x.GetConfig("goos"), Arch: x.GetConfig("goarch"), CPU: x.GetConfig("cpu"), Go: x.GetConfig("go"), Holdfast: x.GetConfig("holdfast")}
		parts := form.FindStringSubmatch(string(x.Name))
		if parts == nil {
			continue
		}
		size, _ := strconv.Atoi(parts[2]) // it is of digits
		for _, v := range x.Values {
			rows = take(rows, study.Row{Name: parts[1], Size: size, Unit: written(v)}, v)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: %w, and has no line of one: BenchmarkName/attachments=N 1 VALUE UNIT", name, errKind)
	}
	return New(rows, m), nil
}

// written is the unit as the file has it: benchfmt makes seconds of nanoseconds.
func written(v benchfmt.Value) string {
	if v.OrigUnit != "" {
		return v.OrigUnit
	}
	return v.Unit
}

func take(rows []study.Row, r study.Row, v benchfmt.Value) []study.Row {
	value := v.Value
	if v.OrigUnit != "" {
		value = v.OrigValue
	}
	i := slices.IndexFunc(rows, r.Same)
	if i < 0 {
		i, rows = len(rows), append(rows, r)
	}
	rows[i].Values = append(rows[i].Values, value)
	return rows
}
