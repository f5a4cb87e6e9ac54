package chart

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"github.com/holdfast-sim/holdfast/benchmarks/capacity"
	simreport "github.com/holdfast-sim/holdfast/sim/report"
)

// SaveCapacity draws what a study of capacity has found, as two pictures with the numbers beside them: of cost.svg, cost-latency.svg is the
// share of publishes that were done after so long, at each rate, and cost-backlog.svg how many waited when, beside the prediction.
func SaveCapacity(name string, a capacity.Answer) error {
	if err := Check(name); err != nil {
		return err
	}
	latency, err := latencies(a.Trials)
	if err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	backlog, err := backlogs(a)
	if err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	end := filepath.Ext(name)
	base := strings.TrimSuffix(name, end)
	if err := save(base+"-latency"+end, latency, latencyNumbers(a.Trials)); err != nil {
		return err
	}
	return save(base+"-backlog"+end, backlog, backlogNumbers(a))
}

func rateName(rate float64) string { return simreport.Number(math.Round(rate)) + " a minute" }

// latencies is the empirical distribution of what publishes take, one curve for each rate.
func latencies(trials []capacity.Trial) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "How soon volumes are attached"
	p.X.Label.Text, p.Y.Label.Text = "seconds from the VolumeAttachment to its status", "share of publishes"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks(decimal)
	p.Y.Min, p.Y.Max = 0, 1
	p.Legend.Padding = vg.Millimeter
	p.Add(plotter.NewGrid())
	trials = slices.SortedFunc(slices.Values(trials), func(a, b capacity.Trial) int { return cmp.Compare(a.Rate, b.Rate) })
	for i, t := range trials {
		var xys plotter.XYs
		for _, s := range shares(t.Waits) {
			xys = append(xys, plotter.XY{X: max(s.after, time.Millisecond).Seconds(), Y: s.share}) // a logarithm has no place for 0
		}
		if err := line(p, rateName(t.Rate), xys, i, plotter.PostStep, false); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// share is how many of all publishes were done after so long.
type share struct {
	after time.Duration
	share float64
}

// shares are those of sorted waits, at most two hundred.
func shares(waits []time.Duration) (all []share) {
	const most = 200
	every := max(1, len(waits)/most)
	for i := 0; i < len(waits); i += every {
		all = append(all, share{waits[i], float64(i+1) / float64(len(waits))})
	}
	if n := len(waits); n > 0 && (n-1)%every != 0 {
		all = append(all, share{waits[n-1], 1})
	}
	return all
}

func line(p *plot.Plot, name string, xys plotter.XYs, i int, style plotter.StepKind, dashed bool) error {
	if len(xys) == 0 {
		return nil
	}
	l, err := plotter.NewLine(xys)
	if err != nil {
		return err
	}
	l.Color, l.StepStyle = ink(i), style
	if dashed {
		l.Dashes = plotutil.Dashes(1)
	}
	p.Add(l)
	p.Legend.Add(name, l)
	return nil
}

// backlogs is how many volumes wait over time, at the rates about the capacity, and above it beside the prediction.
func backlogs(a capacity.Answer) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Volumes that wait to be attached"
	p.X.Label.Text, p.Y.Label.Text = "minutes since the first could be asked for", "volumes"
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Millimeter
	p.Add(plotter.NewGrid())
	i := 0
	for _, t := range a.Trials {
		if t.Rate != a.Kept && t.Rate != a.Missed {
			continue
		}
		if err := line(p, rateName(t.Rate), waiting(t), i, plotter.NoStep, false); err != nil {
			return nil, err
		}
		i++
	}
	if o := a.Overload; o != nil {
		predicted := plotter.XYs{{}, {X: o.Trial.Backlog[len(o.Trial.Backlog)-1].At.Minutes(), Y: o.Predicted}}
		if err := errors.Join(line(p, rateName(o.Trial.Rate), waiting(o.Trial), i, plotter.NoStep, false), line(p, "as predicted", predicted, i, plotter.NoStep, true)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func waiting(t capacity.Trial) (xys plotter.XYs) {
	for _, x := range t.Backlog {
		xys = append(xys, plotter.XY{X: x.At.Minutes(), Y: float64(x.Waiting)})
	}
	return xys
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func latencyNumbers(trials []capacity.Trial) [][]string {
	all := [][]string{{"startsPerMinute", "seconds", "share"}}
	for _, t := range trials {
		for _, s := range shares(t.Waits) {
			all = append(all, []string{decimal(t.Rate), decimal(s.after.Seconds()), decimal(s.share)})
		}
	}
	return all
}

func backlogNumbers(a capacity.Answer) [][]string {
	all := [][]string{{"startsPerMinute", "seconds", "waiting"}}
	trials := a.Trials
	if a.Overload != nil {
		trials = append(trials[:len(trials):len(trials)], a.Overload.Trial)
	}
	for _, t := range trials {
		for _, x := range t.Backlog {
			all = append(all, []string{decimal(t.Rate), decimal(x.At.Seconds()), strconv.Itoa(x.Waiting)})
		}
	}
	return all
}
