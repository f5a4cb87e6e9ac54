package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// scale is L10 of SPEC.md section 5: a pass makes at most 2 x suspect nodes + 2 x dirty volumes + 4 calls, and one that outlasts
// its interval raises its metric. At thousands of volumes a call per attachment is an outage of the API server.
//
// A node is suspect unless the incarnation's cache surely has it: it was there before the last list that filled the cache, it
// still is, and no read said otherwise. A volume is dirty if anything about it may be in doubt; each instance on a missing
// node is to be fenced and cleared, which are two calls more. A pass in which a fault hit is not judged: what it does again
// it does because of that. (That detaches do not starve attaches is L6's bound; the slope over N is a benchmark's.)
type scale struct {
	ruling
	passes map[*proc]*passCalls
}

// passCalls is what the pass under way has asked for.
type passCalls struct {
	begun    moment
	calls    int
	faults   int
	suspects map[string]bool    // the names of nodes
	stale    map[*instance]bool // each to be fenced and cleared
	orphans  map[orphan]bool    // those that came in while it went on: each to be revoked and taken off
	dirty    map[*volume]bool
	overruns float64
	shaken   bool // a rebuild or the loop's end came between
}

// orphan is an uncertain instance that no VolumeAttachment asks for.
type orphan struct {
	volume, node, uid string
	epoch             uint64
}

// overrunsTotal counts the passes that outlast the interval.
const overrunsTotal = "holdfast_reconcile_overruns_total"

func newScale(s *state) rule {
	r := &scale{passes: make(map[*proc]*passCalls)}
	r.judge(s, "calls", "believer", "metrics")
	r.judge(s, "overruns", "metrics")
	return r
}

func (r *scale) step(s *state, e *trace.Event) {
	p := s.procs[e.Proc]
	if p == nil {
		return
	}
	switch {
	case e.Kind == trace.Process:
		if x := r.passes[p]; x != nil {
			x.shaken = true
		}
	case e.Kind == trace.Call:
		if x := r.passes[p]; x != nil && e.Actor == "run" {
			x.calls++
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

func (r *scale) begin(s *state, p *proc) *passCalls {
	x := &passCalls{begun: s.now, faults: p.faultCount, overruns: p.counters[overrunsTotal], shaken: p.rebuilding || s.outages > 0}
	x.orphans = make(map[orphan]bool)
	x.suspects, x.stale, x.dirty = make(map[string]bool), make(map[*instance]bool), make(map[*volume]bool)
	x.weigh(s, p)
	return x
}

// weigh notes what may be suspect, stale and dirty now.
func (x *passCalls) weigh(s *state, p *proc) {
	for _, v := range s.order {
		m, doubt := p.mem[v.handle], p.hurt[v.handle] || v.pv.writer != p.num && v.pv.changed.step >= p.led.step
		if m == nil {
			continue
		}
		for _, i := range m.instances {
			if !p.surelyCached(s, i.node, i.uid) {
				x.suspects[i.node] = true
			}
			if s.absent(i.node, i.uid) {
				x.stale[i] = true
			}
			doubt = doubt || i.state != "held"
		}
		if doubt {
			x.dirty[v] = true
		}
	}
}

// surelyCached reports whether the incarnation's cache of nodes has a node beyond doubt.
func (p *proc) surelyCached(s *state, name, uid string) bool {
	l, nodes := s.current(name), p.lists["nodes"]
	if l == nil || uid == "" || l.uid != uid || nodes == nil || l.born.step >= nodes.cache.asked.step {
		return false
	}
	read, ok := findRead(p.reads, name)
	return !ok || read.code == "OK" && read.uid == uid
}

// settle notes what a pass learns from a record that another incarnation has written: the controller itself unpublishes what
// nobody asks for, one by one, and that may be done before the pass ends.
func (r *scale) settle(s *state) {
	for _, c := range s.changes {
		if x := r.passes[c.proc]; x != nil && c.after != nil && c.after.state == "uncertain" && s.adopted(c) && c.volume.unwished(c.after.node, c.proc.led.step) {
			x.orphans[orphan{c.after.volume, c.after.node, c.after.uid, c.after.epoch}] = true
		}
	}
}

func (r *scale) ended(s *state, p *proc, x *passCalls) {
	x.weigh(s, p) // and what came meanwhile
	suspects, dirty := len(x.suspects), len(x.dirty)+len(x.stale)+max(0, len(x.orphans)-1)
	limit := 2*suspects + 2*dirty + 4
	if x.calls > limit && !x.shaken && p.faultCount == x.faults && s.outages == 0 {
		r.violate(s, "calls", []int{x.begun.step}, "a pass made %d calls for %d suspect nodes and %d dirty volumes, and %d are enough", x.calls, suspects, dirty, limit)
	}
	if p.pass.begun > p.pass.ended {
		return // another one has begun
	}
	raised, took := p.counters[overrunsTotal]-x.overruns, s.now.at-x.begun.at
	if due := outlasts(took, s.setup.Interval); raised != due {
		r.violate(s, "overruns", []int{x.begun.step}, "a pass took %v, the interval is %v, and %s rose by %v", took, s.setup.Interval, overrunsTotal, raised)
	}
}

// outlasts is 1 for a pass that took longer than its interval.
func outlasts(took, interval time.Duration) float64 {
	if took > interval {
		return 1
	}
	return 0
}
