package chart_test

import (
	"encoding/xml"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/benchmarks/chart"
	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/report"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
)

func document() *report.Document {
	rows := []study.Row{
		{Name: cost.Pass, Size: 100, Unit: cost.UnitTime, Values: []float64{4000, 4100, 3900, 4000, 4050, 4010}},
		{Name: cost.Pass, Size: 1000, Unit: cost.UnitTime, Values: []float64{40000, 41000, 39000, 40000, 40500, 40100}},
		{Name: "Once", Size: 100, Unit: cost.UnitTime, Values: []float64{1, 2, 3, 4, 5, 6}},
		{Name: "Nothing", Size: 100, Unit: cost.UnitTime, Values: make([]float64, 6)},
		{Name: cost.Pass, Size: 100, Unit: cost.UnitCalls, Values: make([]float64, 6)},
	}
	return report.New(rows, report.Machine{})
}

func TestBothForms(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, chart.Save(filepath.Join(dir, "a.svg"), document()))
	require.NoError(t, chart.Save(filepath.Join(dir, "b.png"), document()))

	text, err := os.ReadFile(filepath.Join(dir, "a.svg"))
	require.NoError(t, err)
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
	}
	for _, s := range []string{"Pass, exponent 1.00", "Once", "attachments", "processor time"} {
		require.Contains(t, string(text), s)
	}
	f, err := os.Open(filepath.Join(dir, "b.png"))
	require.NoError(t, err)
	defer f.Close()
	_, err = png.Decode(f)
	require.NoError(t, err)

	numbers, err := os.ReadFile(filepath.Join(dir, "a.csv"))
	require.NoError(t, err)
	require.Contains(t, string(numbers), "Pass,1000,cpu-ns/op,40050,39000,41000\n")
	require.Len(t, strings.Split(string(numbers), "\n"), 1+5+1)
}

func TestOtherForms(t *testing.T) {
	require.ErrorIs(t, chart.Save("x.pdf", document()), chart.ErrForm)
	require.Error(t, chart.Save(filepath.Join(t.TempDir(), "no", "such", "x.svg"), document()))
}
