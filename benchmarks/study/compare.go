package study

import (
	"cmp"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Change is what became of one row.
type Change struct {
	Row
	Old, New Interval
	// P is the chance of such a difference, or a larger one, where there is none, times what Holm's correction makes of it.
	P float64
	// Worse means that the difference is no chance, and above the threshold.
	Worse bool
	// Missing means that the new measurement has no such row, Fresh that the old one has none.
	Missing, Fresh bool
}

// Ratio is new over old; 1 if both are zero.
func (c Change) Ratio() float64 {
	if c.Old.Center == c.New.Center {
		return 1
	}
	return c.New.Center / c.Old.Center
}

// Compare tests each row of two measurements: it is worse if its median has risen by more than the threshold (0.1 is a tenth), and
// chance explains that with less than alpha, over all rows together. The order is that of the new rows; missing ones are last.
func Compare(old, fresh []Row, alpha, threshold float64) []Change {
	var changes []Change
	for _, r := range fresh {
		c := Change{Row: r, New: Summarize(r).Interval, P: 1}
		if i := slices.IndexFunc(old, r.Same); i < 0 {
			c.Fresh = true
		} else {
			c.Old = Summarize(old[i]).Interval
			c.P = benchmath.AssumeNothing.Compare(sample(old[i]), sample(r)).P
		}
		changes = append(changes, c)
	}
	holm(changes)
	for i := range changes {
		c := &changes[i]
		c.Worse = !c.Fresh && c.P < alpha && c.New.Center > c.Old.Center*(1+threshold)
	}
	for _, r := range old {
		if !slices.ContainsFunc(fresh, r.Same) {
			changes = append(changes, Change{Row: r, Old: Summarize(r).Interval, P: 1, Missing: true})
		}
	}
	return changes
}

// Same reports whether two rows are of one operation at one size in one unit.
func (r Row) Same(x Row) bool { return r.Name == x.Name && r.Size == x.Size && r.Unit == x.Unit }

// holm makes the chance of any false alarm among all rows that of one (S. Holm: A Simple Sequentially Rejective Multiple Test
// Procedure, Scandinavian Journal of Statistics 6, 1979).
func holm(changes []Change) {
	var tested []*Change
	for i := range changes {
		if !changes[i].Fresh {
			tested = append(tested, &changes[i])
		}
	}
	slices.SortStableFunc(tested, func(a, b *Change) int { return cmp.Compare(a.P, b.P) })
	least := 0.0
	for i, c := range tested {
		least = max(least, min(1, c.P*float64(len(tested)-i)))
		c.P = least
	}
}
