package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// migrationTimeout is L5 of SPEC.md section 5: a migration past its timeout gives exactly one metric and event per incarnation
// within one interval. Nobody is evicted by it; it is how an operator learns that a volume has been open on two nodes for too long.
type migrationTimeout struct {
	ruling
	running []*moving
	late    map[*proc]float64 // migrations that must have been counted
}

func newMigrationTimeout(s *state) rule {
	r := &migrationTimeout{late: make(map[*proc]float64)}
	r.judge(s, "metric", "believer", "metrics")
	r.judge(s, "clock", "believer")
	return r
}

func (r *migrationTimeout) step(s *state, e *trace.Event) {
	if e.Verb == "crash" {
		r.drop(func(m *moving) bool { return m.proc.cut })
	}
}

func (r *migrationTimeout) settle(s *state) {
	for _, x := range s.moves {
		r.clock(s, x)
		switch {
		case x.ended:
			was := len(r.running)
			r.drop(func(m *moving) bool { return m == x.moving })
			if len(r.running) < was && s.now.at-x.start() >= x.timeout {
				r.late[x.proc]++ // it ended as timed out; one that was late already is counted
			}
		case !x.restored || x.known:
			r.running = append(r.running, x.moving)
		}
	}
}

// The bounds of a migration's timeout, and what it is if nobody asks for another one (SPEC.md section 4).
const (
	migrationMin     = 30 * time.Second
	migrationMax     = time.Hour
	migrationDefault = 5 * time.Minute
)

// clock judges that a migration which begins has the timeout that its volume asks for, within the bounds.
func (r *migrationTimeout) clock(s *state, x move) {
	if x.ended || !s.claims || x.volume.direct || x.restored {
		return
	}
	due := x.volume.timeout
	if due == 0 {
		due = migrationDefault
	}
	if due = min(max(due, migrationMin), migrationMax); x.timeout != due {
		r.violate(s, "clock", []int{x.seen.step}, "the migration of %s may take %v; its volume asks for %v, which comes to %v", x.volume.handle, x.timeout, x.volume.timeout, due)
	}
}

func (r *migrationTimeout) drop(gone func(*moving) bool) {
	kept := r.running[:0]
	for _, m := range r.running {
		if !gone(m) {
			kept = append(kept, m)
		}
	}
	r.running = kept
}

func (r *migrationTimeout) tick(s *state, now time.Duration) {
	for i, m := range r.running {
		p := m.proc
		start := max(m.start()+m.timeout, p.loop.since.at, p.led.at)
		if m.restored {
			start = max(start, m.seen.at) // before, its rebuild did not succeed
		}
		if !p.loop.running || !p.loop.proven || !p.leading || start+s.setup.Interval+s.passTime(p)+p.faultBy(s, now)-m.fault >= now {
			continue
		}
		r.running = append(r.running[:i:i], r.running[i+1:]...)
		r.late[p]++
		if got := p.counters[migrationsTotal("timed_out")]; got < r.late[p] {
			r.violate(s, "metric", []int{m.seen.step}, "the migration of %s is %v past its timeout of %v, and %s is %v", m.volume.handle, now-m.start()-m.timeout, m.timeout, migrationsTotal("timed_out"), got)
		}
		return
	}
}
