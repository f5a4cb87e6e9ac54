package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/report"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
	simreport "github.com/holdfast-sim/holdfast/sim/report"
)

// made is a study in which a pass takes 40 ns for each attachment, and pairs always 3 µs.
func made() *report.Document {
	var rows []study.Row
	row := func(name string, size int, unit string, at func(round int) float64) {
		r := study.Row{Name: name, Size: size, Unit: unit}
		for i := range 6 {
			r.Values = append(r.Values, at(i))
		}
		rows = append(rows, r)
	}
	for _, n := range []int{100, 1000, 10_000} {
		noise := func(round int) float64 { return 1 + 0.01*float64(round) }
		row(cost.Control, n, cost.UnitTime, func(i int) float64 { return 10 * float64(n) * noise(i) })
		row(cost.Pass, n, cost.UnitTime, func(i int) float64 { return 40 * float64(n) * noise(i) })
		row(cost.Pass, n, cost.UnitCalls, func(int) float64 { return 0 })
		row(cost.TrackUntrack, n, cost.UnitTime, func(i int) float64 { return 3000 * noise(i) })
		row(cost.TrackUntrack, n, cost.UnitBytes, func(int) float64 { return 10_240 })
	}
	return report.New(rows, report.Machine{OS: "linux", Arch: "amd64", CPU: "A Processor", CPUs: 2, Go: "go1.26", Holdfast: "devel"})
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, made().WriteText(&b))
	text := b.String()
	for _, line := range []string{
		"A Processor, 2 CPUs, linux/amd64, go1.26, holdfast devel, 6 rounds",
		"OPERATION     ATTACHMENTS  CPU-NS/OP    CALLS/OP  B/OP",
		"Pass          10,000       410µs ±3%    0         -",
		"TrackUntrack  10,000       3.08µs ±3%   -         10.2 kB",
		"Pass          calls/op             0.00 [0.00, 0.00]     -     0 [0, 0] at 100,000",
	} {
		require.Contains(t, text, line)
	}
	require.Regexp(t, `Pass +cpu-ns/op +1\.00 \[1\.00, 1\.00\] +- +4\.\d+ms`, text)
	require.Regexp(t, `Pass +cpu-ns/op / Control +0\.00`, text)
}

func TestBothFormsAreReadAgain(t *testing.T) {
	d := made()
	for name, write := range map[string]func(*report.Document, *bytes.Buffer) error{
		"json":  func(d *report.Document, b *bytes.Buffer) error { return d.WriteJSON(b) },
		"bench": func(d *report.Document, b *bytes.Buffer) error { return d.WriteBench(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, write(d, &b))
			again, err := report.Read("x", &b)
			require.NoError(t, err)
			require.ElementsMatch(t, d.Measured(), again.Measured())
			require.Equal(t, d.Machine.CPU, again.Machine.CPU)
			require.Equal(t, d.Machine.Holdfast, again.Machine.Holdfast)
		})
	}
}

func TestBenchTextIsWhatBenchstatReads(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, made().WriteBench(&b))
	lines := strings.Split(b.String(), "\n")
	require.Equal(t, "Unit cpu-ns/op better=lower", lines[0])
	require.Contains(t, lines, "goos: linux")
	require.Contains(t, lines, "BenchmarkTrackUntrack/attachments=1000-2 1 3000 cpu-ns/op 10240 B/op")
}

func TestWhatIsNoStudy(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "old: EOF",
		"{":                           "old: unexpected EOF",
		`{"kind":"Report"}`:           "no document of holdfast bench",
		"BenchmarkOther-2 10 5 ns/op": "no line of one",
	} {
		_, err := report.Read("old", strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

func TestAboveLooksAtTimesAsRatios(t *testing.T) {
	require.Empty(t, made().Above(1.1))
	require.NotEmpty(t, made().Above(0.9), "a pass is linear")
	var rows []study.Row
	for _, r := range made().Measured() {
		for i := range r.Values {
			if r.Name == cost.Pass && r.Unit == cost.UnitTime {
				r.Values[i] *= float64(r.Size) // a loop in a loop
			}
		}
		rows = append(rows, r)
	}
	fast := report.New(rows, report.Machine{}).Above(1.1)
	require.Len(t, fast, 1)
	require.Equal(t, cost.Pass, fast[0].Operation)
	require.Equal(t, cost.UnitTime+report.Scaled, fast[0].Unit)
}

func TestWriteChanges(t *testing.T) {
	old := made().Measured()
	fresh := made().Measured()
	for i := range fresh[1].Values {
		fresh[1].Values[i] *= 2
	}
	var b bytes.Buffer
	require.NoError(t, report.WriteChanges(&b, study.Compare(old[:len(old)-1], fresh[:len(fresh)-2], report.Alpha, 0.1)))
	require.Regexp(t, `Pass +100 +cpu-ns/op +4\.1µs +8\.2µs +2 .* WORSE`, b.String())
	require.Regexp(t, `TrackUntrack +10,000 +cpu-ns/op .* not measured now`, b.String())
	require.Contains(t, b.String(), "rows are not told from what they were")
}

func TestNumbersForPeople(t *testing.T) {
	require.Equal(t, "1,234,567", simreport.Number(1234567))
	require.Equal(t, "100", simreport.Number(100))
	for ns, want := range map[float64]string{12: "12ns", 1234: "1.23µs", 5_678_000: "5.68ms", 2.5e9: "2.5s", 1e30: "for ever"} {
		require.Equal(t, want, report.Nanoseconds(ns))
	}
}
