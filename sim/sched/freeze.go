package sched

import "github.com/holdfast-sim/holdfast/sim/trace"

// Freeze makes a process stand still, as one does whose machine swaps, is migrated, or gets no CPU: it sees no answer, no event
// and no timer, and sends nothing. What it sent before takes effect. Goroutines that wait for something other than a point, a
// timer of package time for one, still run up to their next one.
func (l *Loop) Freeze(proc int) {
	if l.frozen == nil {
		l.frozen = make(map[int]bool)
	}
	l.frozen[proc] = true
	for _, waiting := range [][]*Point{l.ready, l.future} {
		for _, p := range waiting {
			p.Outside = p.Outside || p.Proc == proc && p.Kind == trace.Call
		}
	}
}

// Thaw lets it go on as if nothing had been, and reports whether it stood still.
func (l *Loop) Thaw(proc int) bool {
	was := l.frozen[proc]
	delete(l.frozen, proc)
	return was
}

// Frozen reports whether a process stands still.
func (l *Loop) Frozen(proc int) bool { return l.frozen[proc] }

// held reports whether a point cannot happen for now.
func (l *Loop) held(p *Point) bool {
	return len(l.frozen) > 0 && !p.Outside && l.frozen[p.Proc] || p.Held != nil && p.Held()
}
