// Package chart draws what a study of costs has found.
//
//	err := chart.Save("cost.svg", doc)   // or cost.png; the numbers are in cost.csv beside it
//
// The chart has both axes logarithmic, so that a power of the number of attachments is a straight line and its exponent the slope:
// for each operation the median processor time with its interval, the line that fits, and the band in which the next value at a size
// lies, up to ten times the largest size that was measured.
package chart

import (
	"encoding/csv"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG

	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/report"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
	simreport "github.com/holdfast-sim/holdfast/sim/report"
)

// The size of a picture.
const (
	width  = 20 * vg.Centimeter
	height = 13 * vg.Centimeter
)

// ErrForm is for a file that is to hold something else than SVG or PNG.
var ErrForm = errors.New("a chart is a file that ends in .svg or .png")

// Check says whether a name is that of a picture.
func Check(name string) error {
	if e := filepath.Ext(name); e != ".svg" && e != ".png" {
		return fmt.Errorf("%s: %w", name, ErrForm)
	}
	return nil
}

// Save draws the processor times of a study, and writes the numbers beside the picture.
func Save(name string, d *report.Document) error {
	if err := Check(name); err != nil {
		return err
	}
	p, err := times(d)
	if err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	return save(name, p, numbers(d))
}

// save writes a picture, and its numbers beside it.
func save(name string, p *plot.Plot, numbers [][]string) error {
	if err := p.Save(width, height, name); err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	f, err := os.Create(strings.TrimSuffix(name, filepath.Ext(name)) + ".csv")
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(f).WriteAll(numbers), f.Close())
}

// times is the chart of all operations.
func times(d *report.Document) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Processor time of an operation"
	p.X.Label.Text, p.Y.Label.Text = "attachments", "processor time"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks(simreport.Number), ticks(report.Nanoseconds)
	p.Legend.Padding = vg.Millimeter
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for i, name := range operations(d) {
		if err := curve(p, name, d.Series(name, cost.UnitTime), ink(i)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// ink is the colour of the i-th line: first soft ones, then the same dark.
func ink(i int) color.Color {
	n := len(plotutil.SoftColors)
	if i < n {
		return plotutil.SoftColors[i]
	}
	return plotutil.DarkColors[i%n]
}

// ticks are those of a logarithmic axis, with labels that people read.
func ticks(label func(float64) string) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		marks := plot.LogTicks{Prec: -1}.Ticks(low, high)
		for i, m := range marks {
			if m.Label != "" {
				marks[i].Label = label(m.Value)
			}
		}
		return marks
	})
}

// operations are those whose times were measured, as they were.
func operations(d *report.Document) (names []string) {
	for _, r := range d.Rows {
		if r.Unit == cost.UnitTime && !slices.Contains(names, r.Operation) {
			names = append(names, r.Operation)
		}
	}
	return names
}

// curve draws one operation. One whose growth cannot be told is drawn without a line.
func curve(p *plot.Plot, name string, rows []study.Row, ink color.Color) error {
	var at points
	for _, r := range rows {
		s := study.Summarize(r)
		if s.Center <= 0 {
			continue // a logarithm has no place for it
		}
		at.XYs = append(at.XYs, plotter.XY{X: float64(r.Size), Y: s.Center})
		at.YErrors = append(at.YErrors, struct{ Low, High float64 }{s.Center - max(s.Low, s.Center/10), s.High - s.Center})
	}
	if len(at.XYs) == 0 {
		return nil
	}
	dots, err := plotter.NewScatter(at)
	if err != nil {
		return err
	}
	bars, err := plotter.NewYErrorBars(at)
	if err != nil {
		return err
	}
	dots.Color, dots.Shape, bars.Color = ink, draw.CircleGlyph{}, ink
	label := name
	if g, err := study.Grow(rows); err == nil {
		if err := fitted(p, g, at.XYs[0].X, ink); err != nil {
			return err
		}
		label = fmt.Sprintf("%s, exponent %.2f", name, g.Exponent.Center)
	}
	p.Add(bars, dots)
	p.Legend.Add(label, dots)
	return nil
}

// points are medians with their intervals.
type points struct {
	plotter.XYs
	plotter.YErrors
}

// fitted draws the line and the band from a size to ten times the largest.
func fitted(p *plot.Plot, g study.Growth, from float64, ink color.Color) error {
	const pieces = 24
	var line, low, high plotter.XYs
	for i := range pieces + 1 {
		x := from * math.Pow(10*float64(g.Largest())/from, float64(i)/pieces)
		v := g.Predict(int(math.Round(x)))
		if !(v.Low > 0) || math.IsInf(v.High, 0) {
			return nil
		}
		line, low, high = append(line, plotter.XY{X: x, Y: v.Center}), append(low, plotter.XY{X: x, Y: v.Low}), append(high, plotter.XY{X: x, Y: v.High})
	}
	slices.Reverse(high)
	band, err := plotter.NewPolygon(append(low, high...))
	if err != nil {
		return err
	}
	r, gr, b, _ := ink.RGBA()
	band.Color = color.NRGBA{R: uint8(r >> 8), G: uint8(gr >> 8), B: uint8(b >> 8), A: 40}
	band.LineStyle.Width = 0
	through, err := plotter.NewLine(line)
	if err != nil {
		return err
	}
	through.Color = ink
	p.Add(band, through)
	return nil
}

// numbers are what is drawn, and all the other rows.
func numbers(d *report.Document) [][]string {
	all := [][]string{{"operation", "attachments", "unit", "median", "low", "high"}}
	text := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, r := range d.Rows {
		all = append(all, []string{r.Operation, strconv.Itoa(r.Attachments), r.Unit, text(r.Median), text(float64(r.Low)), text(float64(r.High))})
	}
	return all
}
