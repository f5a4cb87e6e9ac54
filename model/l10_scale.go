package model

import (
	"maps"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// scale is L10 of SPEC.md section 5: a pass makes at most 2 x suspect nodes + 2 x dirty volumes + 4 calls, and one that outlasts
// its interval raises its metric. At thousands of volumes a call per attachment is an outage of the API server.
//
// Of that, nodes are read only if they are suspect, and a pass in which nothing is in doubt calls nobody (section 3).
//
// A node is suspect unless the incarnation's cache surely has it: it was there before the last list that filled the cache, it
// still is, and no read said otherwise. A volume is dirty if anything about it may be in doubt; each instance on a missing
// node is to be fenced and cleared, which are two calls more. A pass in which a fault hit is not judged: what it does again
// it does because of that. (That detaches do not starve attaches is L6's bound; the slope over N is a benchmark's.)
type scale struct {
	ruling
	passes map[*proc]*passCalls
	failed map[*proc]map[*volume]bool // by an operation since the last write: its request may never have been sent, and who knows
}

// passCalls is what the pass under way has asked for.
type passCalls struct {
	begun    moment
	calls    int
	read     map[string]moment // the nodes that were read live, and when first
	faults   int
	found    []*instance        // in memory when it began, which may have ended since
	suspects map[string]bool    // the names of nodes
	stale    map[*instance]bool // each to be fenced and cleared
	dirty    map[*volume]bool
	unsure   bool // others may have put on record what memory does not know, or a failed operation has
	overruns float64
	shaken   bool // a rebuild or the loop's end came between
}

// overrunsTotal counts the passes that outlast the interval.
const overrunsTotal = "holdfast_reconcile_overruns_total"

func newScale(s *state) rule {
	r := &scale{passes: make(map[*proc]*passCalls), failed: make(map[*proc]map[*volume]bool)}
	r.judge(s, "calls", "believer", "metrics")
	r.judge(s, "steady", "believer", "metrics")
	r.judge(s, "overruns", "metrics")
	return r
}

func (r *scale) step(s *state, e *trace.Event) {
	p := s.procs[e.Proc]
	if p == nil {
		return
	}
	switch {
	case e.Kind == trace.Return:
		if o := s.ops[e.Op]; o != nil && o.volume != nil && o.code != "OK" {
			r.fails(p)[o.volume] = true
		}
	case e.Kind == trace.Reply:
		if v := s.written(e); v != nil && e.Verb == "patch" && e.Code == "OK" {
			delete(r.fails(p), v)
		}
	case e.Kind == trace.Process:
		if x := r.passes[p]; x != nil {
			x.shaken = true
		}
	case e.Kind == trace.Call:
		if x := r.passes[p]; x != nil && e.Actor == "run" {
			x.called(s, p, e)
		}
	case e.Name == passesBegun:
		r.passes[p] = r.begin(s, p)
	case e.Name == passesEnded:
		if x := r.passes[p]; x != nil {
			delete(r.passes, p)
			r.ended(s, p, x)
		}
	}
}

func (r *scale) fails(p *proc) map[*volume]bool {
	if r.failed[p] == nil {
		r.failed[p] = make(map[*volume]bool)
	}
	return r.failed[p]
}

func (r *scale) begin(s *state, p *proc) *passCalls {
	x := &passCalls{begun: s.now, faults: p.faultCount, overruns: p.counters[overrunsTotal], shaken: p.rebuilding || s.outages > 0}
	x.read, x.suspects = make(map[string]moment), make(map[string]bool)
	x.stale, x.dirty = make(map[*instance]bool), make(map[*volume]bool)
	for _, m := range p.mem {
		x.found = append(x.found, m.instances...)
	}
	r.weigh(s, p, x)
	return x
}

// called notes a call of the pass. What it found when it began it may look at when that has ended, and its node has gone.
func (x *passCalls) called(s *state, p *proc, e *trace.Event) {
	x.calls++
	if e.Resource != "nodes" || e.Verb != "get" {
		return
	}
	if _, again := x.read[e.Name]; !again {
		x.read[e.Name] = s.now
	}
	if slices.ContainsFunc(x.found, func(i *instance) bool { return i.node == e.Name && !p.surelyCached(s, i.node, i.uid) }) {
		x.suspects[e.Name] = true
	}
}

// weigh notes what may be suspect, stale, dirty and otherwise in doubt now.
func (r *scale) weigh(s *state, p *proc, x *passCalls) {
	x.unsure = x.unsure || len(r.failed[p]) > 0
	cut := s.unanswered(p)
	for _, v := range s.order {
		if at, ok := cut[v.pv.name]; ok && at >= v.pv.changed.step {
			x.dirty[v] = true
		}
		m, doubt := p.mem[v.handle], p.hurt[v.handle] || v.pv.writer != p.num && v.pv.changed.step >= p.led.step
		if m == nil {
			x.unsure = x.unsure || doubt
			continue
		}
		for _, i := range m.instances {
			if !p.surelyCached(s, i.node, i.uid) {
				x.suspects[i.node] = true
			}
			if s.absent(i.node, i.uid) {
				x.stale[i] = true
			}
			_, named := v.pv.doc.find(i.node, i.uid, i.epoch)
			doubt = doubt || i.state != "held" || v.pv.exists && !named  // its record went with an earlier PersistentVolume
			doubt = doubt || !v.direct && v.unwished(i.node, s.now.step) // the controller unpublishes it
			doubt = doubt || v.deal(i.node).reasked(i)
		}
		if doubt {
			x.dirty[v] = true
		}
	}
}

// reasked reports whether an instance came so soon after an unpublish that it may be thought to be what that one was to end: the
// API server tells the second in which a VolumeAttachment was deleted.
func (d *dealing) reasked(i *instance) bool {
	return d.end.step > 0 && i.seen.at-d.end.at <= 2*time.Second
}

// unanswered returns the step of the incarnation's last write to each PersistentVolume whose answer it does not have: it is on its
// way, or its caller was stopped.
func (s *state) unanswered(p *proc) map[string]int {
	cut := make(map[string]int)
	for _, c := range s.calls {
		if c.proc == p && c.resource == "persistentvolumes" && c.verb == "patch" {
			cut[c.name] = max(cut[c.name], c.begun.step)
		}
	}
	return cut
}

// surelyCached reports whether the incarnation's cache of nodes has a node beyond doubt.
func (p *proc) surelyCached(s *state, name, uid string) bool {
	l, nodes := s.current(name), p.lists["nodes"]
	if l == nil || uid == "" || l.uid != uid || nodes == nil || nodes.cache.torn || l.born.step >= nodes.cache.asked.step {
		return false
	}
	read, ok := findRead(p.reads, name)
	return !ok || read.code == "OK" && read.uid == uid
}

func (r *scale) ended(s *state, p *proc, x *passCalls) {
	r.weigh(s, p, x) // and what came meanwhile
	suspects, dirty := len(x.suspects), len(x.dirty)+len(x.stale)
	limit := 2*suspects + 2*dirty + 4
	if !x.shaken && p.faultCount == x.faults && s.outages == 0 {
		if x.calls > limit {
			r.violate(s, "calls", []int{x.begun.step}, "a pass made %d calls for %d suspect nodes and %d dirty volumes, and %d are enough", x.calls, suspects, dirty, limit)
		}
		torn := p.listing("persistentvolumes").cache.torn || p.listing("volumeattachments").cache.torn
		r.steady(s, x, suspects+dirty == 0 && !x.unsure && !torn)
	}
	if p.pass.begun > p.pass.ended {
		return // another one has begun
	}
	raised, took := p.counters[overrunsTotal]-x.overruns, s.now.at-x.begun.at
	if due := outlasts(took, s.setup.Interval); raised != due {
		r.violate(s, "overruns", []int{x.begun.step}, "a pass took %v, the interval is %v, and %s rose by %v", took, s.setup.Interval, overrunsTotal, raised)
	}
}

// steady judges what nothing called for.
func (r *scale) steady(s *state, x *passCalls, rests bool) {
	for _, name := range slices.Sorted(maps.Keys(x.read)) {
		if !x.suspects[name] {
			r.violate(s, "steady", []int{x.begun.step, x.read[name].step}, "a pass read the node %s live, which its cache has beyond doubt", name)
		}
	}
	if rests && x.calls > 0 {
		r.violate(s, "steady", []int{x.begun.step}, "a pass made %d calls although nothing was in doubt", x.calls)
	}
}

// outlasts is 1 for a pass that took longer than its interval.
func outlasts(took, interval time.Duration) float64 {
	if took > interval {
		return 1
	}
	return 0
}
