package incident

import (
	"slices"
	"time"
)

const (
	strayMin = 60 * 24 * time.Hour  // the silence that no log has within it: what lies beyond was written by a clock that was wrong
	spanMax  = 365 * 24 * time.Hour // the longest time that a scenario can last
)

// cutStrays skips what is stamped far away from the rest, because one wrong clock would stretch the run over years: of the
// stretches between silences of strayMin, the one with the most events is the log.
func (l *log) cutStrays() {
	kept := l.stretch()
	fate := func(at time.Time) verdict {
		switch {
		case at.Before(kept.from) || at.After(kept.until):
			return skipped("stamped more than 60 days before or after the others")
		case at.Sub(kept.from) > spanMax:
			return skipped("stamped more than a year after the first")
		}
		return used()
	}
	l.records = slices.DeleteFunc(l.records, func(r *record) bool {
		v := fate(r.at)
		if v.kind == isSkipped {
			l.tally.count(r.line, v)
		}
		return v.kind == isSkipped
	})
	l.active = slices.DeleteFunc(l.active, func(s span) bool { return fate(s.until).kind == isSkipped })
	l.watches = slices.DeleteFunc(l.watches, func(w watchLine) bool { return fate(w.at).kind == isSkipped })
	l.mentions = slices.DeleteFunc(l.mentions, func(m mention) bool { return fate(m.at).kind == isSkipped })
}

// stretch is the time of the log without its strays.
func (l *log) stretch() (kept span) {
	times := make([]time.Time, len(l.active))
	for i, a := range l.active {
		times[i] = a.until
	}
	slices.SortFunc(times, time.Time.Compare)
	most, begin := 0, 0
	for i := range times {
		if last := i == len(times)-1; !last && times[i+1].Sub(times[i]) <= strayMin {
			continue
		}
		if n := i + 1 - begin; n > most {
			most, kept = n, span{times[begin], times[i]}
		}
		begin = i + 1
	}
	return kept
}
