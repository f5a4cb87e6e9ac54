package model

import (
	"strings"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// observable is S17 of SPEC.md section 5: each transition counts once per incarnation and records exactly one event with the
// right reason, direction and nodes; no transition, no count; gauges equal the model; an aborted migration is no success.
// Operators page people by these numbers.
//
// The transitions are the oracle's own, read off the changes of belief. They are compared when the incarnation is quiet: no
// operation in flight, no call without an answer, no pass going on. What a crash cuts is never compared.
type observable struct {
	ruling
	books map[*proc]*book
	notes []note // events that the present step recorded
	// passes are those under way, and missed the nodes that earlier ones were told are missing.
	passes map[*proc]*passBook
	missed map[*proc]map[string]int
	spoke  bool // the system shows metrics of these names at all
}

// note is a Kubernetes event that the system recorded.
type note struct {
	proc                               *proc
	reason, kind, object, uid, message string
}

// book is what an incarnation should have counted.
type book struct {
	due      map[string]float64 // by metric
	events   map[string]float64 // recorded, by reason
	took     float64            // seconds that its passes took
	vague    bool               // and that is not known for sure
	least    float64            // seconds that its migrations took,
	most     float64            // to this
	attached float64            // attaches counted by the end of the last step
	dirty    bool               // something has changed since the last comparison
	slack    map[string]float64 // transitions that may have counted there, or elsewhere
	fuzzy    float64            // migrations that ended so near their timeout, or began so long ago, that either result is right
	overdue  float64            // migrations that may have timed out
	void     bool               // it cannot be kept: a rebuild was asked for by hand
}

// The metrics of the Manager.
const (
	attachTotal   = "holdfast_attach_total"
	detachFull    = `holdfast_detach_total{kind="full"}`
	detachPartial = `holdfast_detach_total{kind="partial"}`
	clearedTotal  = "holdfast_stale_cleared_total"
	evictedTotal  = "holdfast_evicted_total"
	conflictTotal = "holdfast_conflict_total"
	activeGauge   = "holdfast_active_migrations"
	trackedGauge  = "holdfast_tracked_attachments"
)

func migrationsTotal(result string) string {
	return `holdfast_migrations_total{result="` + result + `"}`
}

func newObservable(s *state) rule {
	r := &observable{books: make(map[*proc]*book), passes: make(map[*proc]*passBook), missed: make(map[*proc]map[string]int)}
	r.judge(s, "counters", "metrics", "believer")
	r.judge(s, "gauges", "metrics", "believer")
	r.judge(s, "events", "recorder", "metrics", "believer")
	r.judge(s, "passes", "metrics", "believer")
	return r
}

func (r *observable) book(p *proc) *book {
	b := r.books[p]
	if b == nil {
		b = &book{due: make(map[string]float64), slack: make(map[string]float64), events: make(map[string]float64)}
		r.books[p] = b
	}
	return b
}

func (r *observable) step(s *state, e *trace.Event) {
	if p := s.procs[e.Proc]; p != nil {
		r.passStep(s, p, e)
	}
	switch e.Kind {
	case trace.Counter:
		r.spoke = r.spoke || strings.HasPrefix(e.Name, "holdfast_")
		r.book(s.proc(e.Proc)).dirty = true
	case trace.Recorded:
		b := r.book(s.proc(e.Proc))
		b.events[e.Verb]++
		b.dirty = true
		r.notes = append(r.notes, note{s.proc(e.Proc), e.Verb, e.Resource, e.Name, e.UID, e.Message})
	case trace.Return:
		if o := s.ops[e.Op]; o != nil && o.code != "OK" && acquires(o.verb) {
			r.refused(o)
		}
	case trace.Process:
		if e.Verb == "crash" {
			delete(r.books, s.proc(e.Proc))
			delete(r.passes, s.proc(e.Proc))
		}
	}
}

func (r *observable) settle(s *state) {
	for _, n := range r.notes {
		r.wording(s, n) // now that all is believed that they tell of
		r.subject(s, n)
	}
	r.notes = r.notes[:0]
	for _, p := range s.alive {
		r.reattached(s, p)
	}
	for _, c := range s.changes {
		if c.stamp {
			continue
		}
		b := r.book(c.proc)
		b.dirty = true
		if c.after == nil || c.after.state != "held" || (c.before != nil && c.before.state == "held") {
			continue
		}
		switch {
		case c.before == nil && s.restoredHeld(c):
		case !c.proc.rebuilds(s):
			b.due[attachTotal]++
		case s.reserving(c.volume):
			b.slack[attachTotal]++ // an operation's or the rebuild's
		}
	}
	for _, x := range s.removals {
		r.removed(s, x)
	}
	for _, x := range s.moves {
		r.moved(s, x)
	}
	for _, p := range s.alive {
		if b := r.books[p]; b != nil && b.dirty && r.spoke && p.quiet() && !p.rebuilds(s) {
			b.dirty = false
			r.compare(s, p, b)
		}
	}
}

// removed enters what the end of an instance counts.
func (r *observable) removed(s *state, x removal) {
	b := r.book(x.proc)
	switch {
	case x.cause == becauseCleared, x.cause == becauseDirect && x.op.verb == "clearStale":
		b.due[clearedTotal]++
	case x.cause == becauseEvicted:
		b.due[evictedTotal]++
	case x.cause == becauseFinished || x.cause == becauseRebuilt || (x.cause == becauseOwn && !x.live):
		// The end of what somebody began before, and whose result was unknown: it counts as what it was then.
		for _, name := range []string{clearedTotal, evictedTotal, detachFull, detachPartial} {
			b.slack[name]++
		}
	case x.inst.state != "held":
	case x.cause == becauseReleased || x.cause == becauseOwn:
		if len(x.proc.memory(x.volume.handle).instances) == 0 {
			b.due[detachFull]++
		} else {
			b.due[detachPartial]++
		}
	}
}

// refused enters a publish that was refused. A volume that is given up is refused for another reason than a conflict; what
// the other codes say of one is left open, and so is what the Manager's own methods count.
func (r *observable) refused(o *operation) {
	b := r.book(o.proc)
	switch {
	case o.verb != "publish", o.denied, o.code == "AlreadyExists", o.code == "FailedPrecondition" && (o.volume == nil || o.volume.pv.deleting || !o.volume.pv.exists):
		b.slack[conflictTotal]++
	case o.code == "FailedPrecondition":
		b.due[conflictTotal]++
	}
}

// quiet reports whether nothing of an incarnation is under way that the trace knows of.
func (p *proc) quiet() bool {
	return p.flying == 0 && len(p.pending) == 0 && p.pass.begun == p.pass.ended && !p.rebuilding
}

func (r *observable) compare(s *state, p *proc, b *book) {
	b.void = b.void || p.rebuiltByHand
	if b.void {
		return
	}
	for _, name := range []string{attachTotal, detachFull, detachPartial, clearedTotal, evictedTotal, conflictTotal} {
		if got := p.counters[name]; got < b.due[name] || got > b.due[name]+b.slack[name] {
			r.violate(s, "counters", nil, "%s is %v, and %v such transitions happened in incarnation %d", name, got, b.due[name], p.num)
			b.void = true // one error is enough
		}
	}
	r.gauges(s, p, b)
	r.migrations(s, p, b)
	r.durations(s, p, b)
	r.events(s, p, b)
}

func (r *observable) gauges(s *state, p *proc, b *book) {
	if got := p.counters[trackedGauge]; got != float64(p.tracked) {
		r.violate(s, "gauges", nil, "%s is %v, and memory holds %d attachments", trackedGauge, got, p.tracked)
		b.void = true
	}
	if got := p.counters[activeGauge]; got != float64(p.migrating) {
		r.violate(s, "gauges", nil, "%s is %v, and %d migrations are under way", activeGauge, got, p.migrating)
		b.void = true
	}
}

// events compares what was recorded with what was counted.
func (r *observable) events(s *state, p *proc, b *book) {
	for _, x := range []struct {
		reason string
		count  float64
	}{
		{"VolumeAttached", p.counters[attachTotal]},
		{"VolumeDetached", p.counters[detachFull] + p.counters[detachPartial]},
		{"AttachmentConflict", p.counters[conflictTotal]},
		{"StaleAttachmentCleared", p.counters[clearedTotal] + p.counters[evictedTotal]},
		{"MigrationStarted", p.counters[migrationsTotal("started")]},
		{"MigrationCompleted", p.counters[migrationsTotal("completed")]},
		{"MigrationAborted", p.counters[migrationsTotal("aborted")]},
		{"MigrationTimedOut", p.counters[migrationsTotal("timed_out")]},
	} {
		if got := b.events[x.reason]; got != x.count {
			r.violate(s, "events", nil, "%v events %s were recorded, and %v such transitions were counted in incarnation %d", got, x.reason, x.count, p.num)
			b.void = true
		}
	}
}

func (r *observable) end(s *state) {
	if r.spoke {
		return
	}
	for i := range r.parts {
		if r.parts[i].Outcome == Held {
			r.parts[i] = Part{Name: r.parts[i].Name, Outcome: NotJudged, Reason: "the system shows none of the metrics that are defined"}
		}
	}
}
