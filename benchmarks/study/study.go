// Package study turns repeated measurements into statements that hold on a machine that is never quiet.
//
// A measurement is a Row: one operation at one size in one unit, with a value of each round. Rounds are interleaved by whoever
// measures: each visits all operations and sizes, so that a slow minute of the machine hits all alike.
//
//	s := study.Summarize(row)              // the median, and where it lies with 95 % confidence
//	g, err := study.Grow(rowsOfOneUnit)    // the exponent of growth, and where it lies
//	changes := study.Compare(old, new, 0.05, 0.10)
//
// Which interval, and why. Of a median: the interval between two order statistics, which assumes nothing of the distribution; times
// are skewed and have outliers (golang.org/x/perf/benchmath, as benchstat does it). Of an exponent: Student's t over the exponents
// of the rounds, one regression for each, because rounds are independent of each other and the sizes within a round are not.
// Of a difference: Mann and Whitney's U test, with Holm's correction, for of many rows some always look changed.
package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Confidence is that of every interval.
const Confidence = 0.95

// RoundsMin is how many rounds an interval of a median needs at the least.
const RoundsMin = 6

// Row is one operation at one size in one unit.
type Row struct {
	// Name is the operation with what it is done under, as Go's benchmarks have it: Pass/stale=0.01.
	Name string
	// Size is the number of attachments.
	Size int
	// Unit is that of the values: ns/op, allocs/op, calls/op and so on. Smaller is better.
	Unit string
	// Values has one of each round, in their order.
	Values []float64
}

// Rounds does all trials once in each round, so that a minute in which the machine is slow hits all alike, and calls each, if it is not nil,
// after every one. Its error is ctx's or that of a trial.
func Rounds(ctx context.Context, rounds int, trials []func() error, each func(done, of int)) error {
	for done := range rounds * len(trials) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := trials[done%len(trials)](); err != nil {
			return err
		}
		if each != nil {
			each(done+1, rounds*len(trials))
		}
	}
	return nil
}

// Interval is a value and where it lies with the package's Confidence.
type Interval struct{ Center, Low, High float64 }

// Summary is what the values of a row say.
type Summary struct {
	Interval
	// Warnings limit the statement: too few rounds, for one.
	Warnings []string
}

// Summarize returns the median of a row, and an interval of order statistics around it.
func Summarize(r Row) Summary {
	s := benchmath.AssumeNothing.Summary(sample(r), Confidence)
	return Summary{Interval: Interval{s.Center, s.Lo, s.Hi}, Warnings: texts(s.Warnings)}
}

func sample(r Row) *benchmath.Sample {
	t := benchmath.DefaultThresholds
	return benchmath.NewSample(slices.Clone(r.Values), &t)
}

func texts(errs []error) (all []string) {
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

// Growth says how a value grows with the size: as size^Exponent.
type Growth struct {
	Exponent Interval
	// Knee is the size from which the value grows faster than before, 0 if there is none: there the exponents on both sides differ by
	// more than KneeMin with the package's Confidence.
	Knee int

	rows  []Row
	fits  []line // of each round
	zeros bool
}

// KneeMin is the least change of the exponent that counts as a knee.
const KneeMin = 0.25

var errGrow = errors.New("no growth can be told")

// Grow fits rows of one operation and unit, at different sizes and with equally many rounds, to a power of the size. A value that is
// zero at every size grows with exponent 0.
func Grow(rows []Row) (Growth, error) {
	rows = slices.SortedFunc(slices.Values(rows), func(a, b Row) int { return cmp.Compare(a.Size, b.Size) })
	if len(rows) < 2 {
		return Growth{}, fmt.Errorf("%w from %d sizes", errGrow, len(rows))
	}
	rounds := len(rows[0].Values)
	for _, r := range rows {
		if len(r.Values) != rounds {
			return Growth{}, fmt.Errorf("%w: %s has %d rounds at size %d and %d at size %d", errGrow, r.Name, rounds, rows[0].Size, len(r.Values), r.Size)
		}
	}
	switch {
	case rounds < 2:
		return Growth{}, fmt.Errorf("%w from %d rounds", errGrow, rounds)
	case rows[0].Size < 1:
		return Growth{}, fmt.Errorf("%w from a size of %d", errGrow, rows[0].Size)
	}
	g := Growth{rows: rows}
	if g.zeros = all(rows, func(v float64) bool { return v == 0 }); g.zeros {
		return g, nil
	}
	if !all(rows, func(v float64) bool { return v > 0 }) {
		return Growth{}, fmt.Errorf("%w: %s has %s that are zero, or less, and others that are not", errGrow, rows[0].Name, rows[0].Unit)
	}
	var exponents []float64
	for i := range rounds {
		l := fit(rows, i)
		g.fits = append(g.fits, l)
		exponents = append(exponents, l.slope)
	}
	g.Exponent = mean(exponents, 0)
	g.Knee = knee(rows, rounds)
	return g, nil
}

func all(rows []Row, is func(float64) bool) bool {
	return !slices.ContainsFunc(rows, func(r Row) bool { return slices.ContainsFunc(r.Values, func(v float64) bool { return !is(v) }) })
}

// line is log(value) = intercept + slope*log(size).
type line struct{ intercept, slope float64 }

func fit(rows []Row, round int) line {
	var x, y []float64
	for _, r := range rows {
		x, y = append(x, math.Log(float64(r.Size))), append(y, math.Log(r.Values[round]))
	}
	a, b := stat.LinearRegression(x, y, nil, false)
	return line{a, b}
}

// mean is Student's interval of the mean of values, or, with one more, of the next value.
func mean(values []float64, more float64) Interval {
	n := float64(len(values))
	m, s := stat.MeanStdDev(values, nil)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(1 - (1-Confidence)/2)
	half := t * s * math.Sqrt(more+1/n)
	return Interval{m, m - half, m + half}
}

// knee finds the first size at which the exponent rises.
func knee(rows []Row, rounds int) int {
	for i := 1; i+1 < len(rows); i++ {
		var rise []float64
		for k := range rounds {
			rise = append(rise, fit(rows[i:i+2], k).slope-fit(rows[i-1:i+1], k).slope)
		}
		if mean(rise, 0).Low > KneeMin {
			return rows[i].Size
		}
	}
	return 0
}

// Predict says where the next value at a size lies if growth goes on as it was measured: the further away, and the more rounds
// disagree, the wider.
func (g Growth) Predict(size int) Interval {
	if g.zeros {
		return Interval{}
	}
	var logs []float64
	for _, l := range g.fits {
		logs = append(logs, l.intercept+l.slope*math.Log(float64(size)))
	}
	i := mean(logs, 1)
	return Interval{math.Exp(i.Center), math.Exp(i.Low), math.Exp(i.High)}
}

// Largest is the largest size that was measured.
func (g Growth) Largest() int { return g.rows[len(g.rows)-1].Size }

// Ratio divides rows by rows of the same sizes, round by round: what is left when both have had the same machine.
func Ratio(name string, rows, by []Row) ([]Row, error) {
	var out []Row
	for _, r := range rows {
		n := slices.IndexFunc(by, func(x Row) bool { return x.Size == r.Size && len(x.Values) == len(r.Values) })
		if n < 0 {
			return nil, fmt.Errorf("no ratio of %s at size %d: the other has no equally many values there", r.Name, r.Size)
		}
		q := Row{Name: name, Size: r.Size, Unit: "ratio"}
		for i, v := range r.Values {
			q.Values = append(q.Values, v/by[n].Values[i])
		}
		out = append(out, q)
	}
	return out, nil
}
