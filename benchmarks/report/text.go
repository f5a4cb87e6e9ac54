package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-sim/holdfast/benchmarks/cost"
	"github.com/holdfast-sim/holdfast/benchmarks/study"
	simreport "github.com/holdfast-sim/holdfast/sim/report"
)

// WriteText writes tables for people: what each operation costs at each size, and how it grows.
func (d *Document) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d CPUs, %s/%s, %s, holdfast %s, %d rounds\n\n", d.Machine.CPU, d.Machine.CPUs, d.Machine.OS, d.Machine.Arch, d.Machine.Go, d.Machine.Holdfast, d.Rounds)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	units := d.units()
	fmt.Fprintf(t, "OPERATION\tATTACHMENTS\t%s\n", strings.ToUpper(strings.Join(units, "\t")))
	for i, r := range d.Rows {
		if i > 0 && r.beside(d.Rows[i-1]) {
			continue
		}
		fmt.Fprintf(t, "%s\t%s", r.Operation, simreport.Number(float64(r.Attachments)))
		for _, unit := range units {
			fmt.Fprintf(t, "\t%s", d.cell(r, unit))
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "GROWTH\tUNIT\tEXPONENT\tKNEE\tTEN TIMES THE LARGEST")
	for _, g := range d.Growth {
		knee := "-"
		if g.Knee > 0 {
			knee = simreport.Number(float64(g.Knee))
		}
		fmt.Fprintf(t, "%s\t%s\t%.2f [%.2f, %.2f]\t%s\t%s [%s, %s] at %s\n", g.Operation, g.Unit, g.Exponent.Center, g.Exponent.Low, g.Exponent.High, knee,
			value(g.Predicted.Center, g.Unit), value(g.Predicted.Low, g.Unit), value(g.Predicted.High, g.Unit), simreport.Number(float64(g.PredictedAt)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, `
A value is a median, and how far its interval reaches to either side: two order statistics, which assume nothing of the distribution.
Exponents are of attachments^x, with Student's interval over the rounds. A time "`+strings.TrimSpace(Scaled)+`" is divided by that of a bare pass over a
map in the same round, so that the machine's caches are divided out. All intervals are of 95 % confidence.
`)
	return err
}

// cell is what one unit of an operation at a size comes to.
func (d *Document) cell(r Row, unit string) string {
	for _, x := range d.Rows {
		if r.beside(x) && x.Unit == unit {
			return value(x.Median, unit) + spread(x)
		}
	}
	return "-"
}

// spread is how far the interval reaches, in percent; nothing if it is a point.
func spread(r Row) string {
	far := max(float64(r.High)-r.Median, r.Median-float64(r.Low))
	switch {
	case len(r.Warnings) > 0:
		return " ±?"
	case far == 0 || r.Median == 0:
		return ""
	}
	return fmt.Sprintf(" ±%.0f%%", math.Ceil(100*far/r.Median))
}

func value(v float64, unit string) string {
	switch {
	case unit == cost.UnitTime:
		return Nanoseconds(v)
	case unit == cost.UnitBytes && v >= 10_000:
		return fmt.Sprintf("%.1f kB", v/1000)
	case v >= 1000:
		return simreport.Number(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Nanoseconds writes a time in the unit that suits it.
func Nanoseconds(ns float64) string {
	d := time.Duration(ns)
	switch {
	case math.IsInf(ns, 0) || ns > float64(math.MaxInt64):
		return "for ever"
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	}
	return fmt.Sprintf("%.0fns", ns)
}

// WriteChanges writes what became of each row that is not as it was, and says how many are.
func WriteChanges(w io.Writer, changes []study.Change) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "OPERATION\tATTACHMENTS\tUNIT\tOLD\tNEW\tRATIO\tP\t")
	same := 0
	for _, c := range changes {
		word := ""
		switch {
		case c.Missing:
			word = "not measured now"
		case c.Fresh:
			word = "not measured before"
		case c.Worse:
			word = "WORSE"
		case c.P >= Alpha:
			same++
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.3g\t%.2g\t%s\n", c.Name, simreport.Number(float64(c.Size)), c.Unit, value(c.Old.Center, c.Unit), value(c.New.Center, c.Unit), c.Ratio(), c.P, word)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d rows are not told from what they were\n", same)
	return err
}

// Alpha is the chance of a false alarm in a comparison, over all rows together.
const Alpha = 0.05
