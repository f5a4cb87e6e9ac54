package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// What a pass counts is judged at its end, against the answers that it got: what it kept on doubt, what it put off for grace,
// and what the mass-clear guard withheld. Each attachment counts, and nothing counts that was not so. A pass in which leadership,
// the loop or its memory changed is not judged.

// failOpenTotal counts what a pass kept on doubt.
const failOpenTotal = "holdfast_fail_open_total"

// The histogram of passes.
const (
	passSeconds      = "holdfast_reconcile_duration_seconds"
	migrationSeconds = "holdfast_migration_duration_seconds"
)

// passBook is what the pass under way was told.
type passBook struct {
	begun  moment
	ends   int // stops and cancels of the loop before
	was    map[string]float64
	known  map[string][]*instance // by node, at its begin
	told   map[string]read        // the last answer about each node
	asked  map[string]bool        // nodes that were asked about
	acted  map[string]bool        // volumes that something was done about
	lists  int                    // of nodes, asked for
	bare   bool                   // one failed, or was empty
	shaken bool
}

func (r *observable) passStep(s *state, p *proc, e *trace.Event) {
	x := r.passes[p]
	if e.Kind == trace.Reply && e.Verb == "get" && e.Resource == "nodes" && e.Actor == "run" {
		r.remember(s, p, e)
	}
	switch {
	case e.Name == passesBegun && e.Kind == trace.Counter:
		if x != nil {
			r.book(p).vague = true // two at once, or one that was never counted as ended
		}
		r.passes[p] = newPassBook(s, p)
	case e.Name == passesEnded && e.Kind == trace.Counter:
		delete(r.passes, p)
		r.passEnded(s, p, x)
	case x == nil || e.Kind == trace.Counter:
	case e.Kind == trace.Process:
		x.shaken = true
	case e.Actor == "run" && e.Kind == trace.Call && e.Volume != "":
		x.acted[e.Volume] = true
	case e.Actor == "run" && e.Kind == trace.Call && e.Resource == "persistentvolumes":
		if v := s.recordedOn(e.Name); v != nil {
			x.acted[v.handle] = true
		}
	case e.Actor != "run" || e.Resource != "nodes":
	case e.Kind == trace.Call && e.Verb == "get":
		x.asked[nodeNamed(e)] = true
	case e.Kind == trace.Call && e.Verb == "list":
		x.lists++
	case e.Kind == trace.Reply && e.Verb == "get":
		if last, ok := findRead(p.reads, nodeNamed(e)); ok {
			x.told[last.node] = last
		}
	case e.Kind == trace.Reply && e.Verb == "list":
		x.bare = x.bare || e.Code != "OK" || e.Count == 0
	}
}

func newPassBook(s *state, p *proc) *passBook {
	x := &passBook{
		begun: s.now, ends: p.loop.ends, was: make(map[string]float64), known: make(map[string][]*instance),
		told: make(map[string]read), asked: make(map[string]bool), acted: make(map[string]bool), shaken: p.rebuilding || !p.leading,
	}
	for _, name := range []string{failOpenTotal, graceDeferred, guardTotal} {
		x.was[name] = p.counters[name]
	}
	for _, v := range s.order {
		if m := p.mem[v.handle]; m != nil {
			for _, i := range m.instances {
				x.known[i.node] = append(x.known[i.node], i)
			}
		}
	}
	return x
}

func (r *observable) passEnded(s *state, p *proc, x *passBook) {
	b := r.book(p)
	if p.pass.ended > p.pass.begun {
		r.violate(s, "passes", []int{p.pass.at.step}, "%v passes have ended, and %v have begun in incarnation %d", p.pass.ended, p.pass.begun, p.num)
		b.void = true
		return
	}
	if x == nil || p.pass.begun > p.pass.ended {
		b.vague = true
		return
	}
	b.took += (s.now.at - x.begun.at).Seconds()
	if !x.shaken && p.loop.ends == x.ends {
		r.doubts(s, p, x)
		r.putOff(s, p, x)
		r.guards(s, p, x)
	}
}

// remember notes since when a clock may run for a node.
func (r *observable) remember(s *state, p *proc, e *trace.Event) {
	if r.missed[p] == nil {
		r.missed[p] = make(map[string]int)
	}
	last, ok := findRead(p.reads, nodeNamed(e))
	var left []*instance
	if x := r.passes[p]; x != nil {
		left = x.known[last.node] // the pass knows them still
	}
	if _, known := r.missed[p][last.node]; ok && !known && !last.failed() && s.absentFor(p, last, left) {
		r.missed[p][last.node] = s.now.step
	}
}

// absentFor reports whether an answer says of any instance on the node, or of one that was there, that its node is missing.
func (s *state) absentFor(p *proc, last read, left []*instance) bool {
	for _, i := range left {
		if last.without(i) {
			return true
		}
	}
	for _, m := range p.mem {
		for _, i := range m.instances {
			if i.node == last.node && (last.code == "NotFound" || i.uid != "" && i.uid != last.uid) {
				return true
			}
		}
	}
	return last.code == "NotFound"
}

// rose is by how much a counter rose in the pass.
func (x *passBook) rose(p *proc, name string) int { return int(p.counters[name] - x.was[name]) }

// doubts judges what was kept on doubt: a node of which nobody could tell, or that a live read found and the cache did not,
// or all, if the cache was never filled.
func (r *observable) doubts(s *state, p *proc, x *passBook) {
	least, most := 0, 0
	for n := range x.asked {
		told, ok := x.told[n]
		switch {
		case ok && told.code == "NotFound":
		case ok && told.failed() && len(x.known[n]) > 0:
			least += len(x.known[n])
			fallthrough
		default:
			most += len(x.known[n])
		}
	}
	nodes := p.lists["nodes"]
	if nodes == nil || nodes.cache.told.step <= max(p.loop.since.step, p.led.step) || nodes.cache.told.step > x.begun.step {
		most = p.pass.tracked
	}
	if rose := x.rose(p, failOpenTotal); rose < least || rose > most {
		r.violate(s, "passes", []int{x.begun.step}, "%s rose by %d in a pass that could be in doubt about %d to %d attachments", failOpenTotal, rose, least, most)
	}
}

// putOff judges what waits for grace: at least what the pass was the first to be told is missing.
func (r *observable) putOff(s *state, p *proc, x *passBook) {
	least, most := 0, 0
	for n, told := range x.told {
		for _, i := range x.known[n] {
			if told.code != "NotFound" && (told.failed() || i.uid != "" && i.uid == told.uid) {
				continue
			}
			most++
			first := told.code == "NotFound" && told.missing.step >= x.begun.step && r.missed[p][n] >= x.begun.step && i.uid != ""
			kept := !x.acted[i.volume] && p.memory(i.volume).index(i.node, i.uid, i.epoch) >= 0
			if first && kept && s.setup.Grace > 0 {
				least++
			}
		}
	}
	if rose := x.rose(p, graceDeferred); rose < least || rose > most {
		r.violate(s, "passes", []int{x.begun.step}, "%s rose by %d in a pass that had %d to %d attachments to put off", graceDeferred, rose, least, most)
	}
}

// guards judges the alert of the mass-clear guard: it speaks once, if much would be cleared and no list bears that out.
func (r *observable) guards(s *state, p *proc, x *passBook) {
	missing, due := 0, 0
	all := 0
	for n, instances := range x.known {
		all += len(instances)
		for _, i := range instances {
			told, ok := x.told[n]
			if !ok || told.code != "NotFound" && (told.failed() || told.uid == i.uid) {
				continue
			}
			missing++
			if !p.mayDefer(i, s.setup.Grace) {
				due++
			}
		}
	}
	least, most := 0, 0
	if s.setup.GuardMin > 0 && missing >= s.setup.GuardMin && x.lists > 0 {
		most = 1
	}
	if x.bare && s.setup.GuardMin > 0 && due >= s.setup.GuardMin && float64(due) > s.setup.GuardShare*float64(all) {
		least = 1
	}
	if rose := x.rose(p, guardTotal); rose < least || rose > most {
		r.violate(s, "passes", []int{x.begun.step}, "%s rose by %d in a pass with %d attachments on nodes that are missing, %d of them beyond grace, after %d lists of nodes",
			guardTotal, rose, missing, due, x.lists)
	}
}

// durations compares the histograms with what the trace measures.
func (r *observable) durations(s *state, p *proc, b *book) {
	if got := p.counters[passSeconds+"_count"]; got != p.pass.ended {
		r.violate(s, "passes", nil, "%s has %v passes, and %v have ended in incarnation %d", passSeconds, got, p.pass.ended, p.num)
		b.void = true
	}
	if got := p.counters[passSeconds+"_sum"]; !b.vague && !within(got, b.took, b.took) {
		r.violate(s, "passes", nil, "%s comes to %v s, and the passes of incarnation %d took %v s", passSeconds, got, p.num, b.took)
		b.void = true
	}
	ended := p.counters[migrationsTotal("completed")] + p.counters[migrationsTotal("aborted")]
	if got := p.counters[migrationSeconds+"_count"]; got != ended {
		r.violate(s, "counters", nil, "%s has %v migrations, and %v were completed or aborted in incarnation %d", migrationSeconds, got, ended, p.num)
		b.void = true
	}
	if got := p.counters[migrationSeconds+"_sum"]; b.fuzzy == 0 && !within(got, b.least, b.most) {
		r.violate(s, "counters", nil, "%s comes to %v s, and the migrations of incarnation %d took %v to %v s", migrationSeconds, got, p.num, b.least, b.most)
		b.void = true
	}
}

// within compares seconds that were added up in different orders.
func within(got, least, most float64) bool {
	slack := 1e-6 * (1 + most)
	return got >= least-slack && got <= most+slack
}
