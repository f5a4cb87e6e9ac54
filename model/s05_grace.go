package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// grace is S5 of SPEC.md section 5: the Reconciler never clears inside grace. A node that is missing for less than G is
// protected, exactly G is not. G counts from the node's end, and in each incarnation not from before that incarnation was
// told of it in any way: what a predecessor saw is forgotten with it. A detach stamp protects nothing and shields nobody.
type grace struct {
	ruling
	acted map[*volume]int       // the step of the run loop's last call about a volume
	left  map[*proc][]*instance // those that went while the pass goes on, which knew them still
	guard int                   // the step at which the mass-clear guard last spoke
}

// The counters by which a pass says why it kept what is stale.
const (
	graceDeferred = "holdfast_grace_deferred_total"
	guardTotal    = "holdfast_mass_clear_guard_total"
)

func newGrace(s *state) rule {
	r := &grace{acted: make(map[*volume]int), left: make(map[*proc][]*instance)}
	r.judge(s, "memory", "believer")
	r.judge(s, "boundary", "believer", "metrics")
	return r
}

// step judges the boundary: exactly G is over. A pass that is told so late that a node is missing does something about what
// is there, and a pass that defers something knows an instance whose grace is not over.
func (r *grace) step(s *state, e *trace.Event) {
	if !r.judged("boundary") {
		return
	}
	switch {
	case e.Kind == trace.Call && e.Actor == "run" && e.Volume != "":
		r.acted[s.volume(e.Volume)] = e.Step
	case e.Name == guardTotal:
		r.guard = e.Step
	case e.Name == graceDeferred:
		r.deferred(s, s.proc(e.Proc))
	case e.Name == passesBegun:
		r.left[s.proc(e.Proc)] = nil
	case e.Name == passesEnded:
		r.ended(s, s.proc(e.Proc))
	}
}

// deferred looks for an instance whose grace may not be over.
func (r *grace) deferred(s *state, p *proc) {
	var over *instance
	for _, i := range r.left[p] {
		if read, _ := findRead(p.reads, i.node); read.without(i) && p.mayDefer(i, s.setup.Grace) {
			return
		}
	}
	for _, i := range p.stale(s) {
		if p.mayDefer(i, s.setup.Grace) {
			return
		}
		over = i
	}
	if over != nil {
		r.violate(s, "boundary", []int{over.seen.step}, "a pass deferred something for grace, and %s on %s (epoch %d) and whatever else is stale had been missing for %v or longer",
			over.volume, over.node, over.epoch, s.setup.Grace)
	}
}

// without reports whether the answer says that an instance's node is missing: there is none of its name, or another one.
func (r read) without(i *instance) bool {
	return r.code == "NotFound" || r.code == "OK" && i.uid != "" && r.uid != i.uid
}

// ended looks for an instance whose grace was over in the pass, and about which the pass did nothing, although no fault, no guard,
// no other call on the volume and no Stop stood in the way.
func (r *grace) ended(s *state, p *proc) {
	if !p.leading || !p.loop.running || p.loop.stopping > 0 || p.faultAt >= p.pass.at.at || r.guard >= p.pass.at.step || s.outages > 0 {
		return
	}
	for _, i := range p.stale(s) {
		v := s.volume(i.volume)
		if p.mayDefer(i, s.setup.Grace) || len(v.flying) > 0 || r.acted[v] >= p.pass.at.step || p.quietSince(i.volume, i.node) >= p.pass.at.at {
			continue
		}
		read, _ := findRead(p.reads, i.node)
		r.violate(s, "boundary", []int{read.missing.step, read.told.step}, "a pass was told %v after the first time that %s is missing, grace is %v, and it kept %s (epoch %d)",
			read.told.at-read.missing.at, i.node, s.setup.Grace, i.volume, i.epoch)
	}
}

// stale returns the instances that an incarnation believes on nodes that are missing, or may take for missing.
func (p *proc) stale(s *state) (all []*instance) {
	for _, v := range s.order {
		if m := p.mem[v.handle]; m != nil {
			for _, i := range m.instances {
				read, _ := findRead(p.reads, i.node)
				if s.absent(i.node, i.uid) || i.uid == "" && read.code == "NotFound" { // one that is there again may have been missed
					all = append(all, i)
				}
			}
		}
	}
	return all
}

// mayDefer reports whether an instance's grace may not be over, as far as the loop's own reads of its node in this pass tell.
// An instance that appeared after the pass of the first of them began has a clock of its own, and so has one whose uid is not known.
func (p *proc) mayDefer(i *instance, grace time.Duration) bool {
	read, ok := findRead(p.reads, i.node)
	return !ok || i.uid == "" || read.code != "NotFound" || read.told.step < p.pass.at.step || i.seen.step >= read.pass.step ||
		read.told.at-read.missing.at < grace
}

func (r *grace) settle(s *state) {
	for _, x := range s.removals {
		r.left[x.proc] = append(r.left[x.proc], x.inst)
		since, early := s.insideGrace(x)
		if early {
			r.violate(s, "memory", []int{since.step, x.decided.step}, "the Reconciler cleared %s on %s (epoch %d) %v after it could know that the node is missing; grace is %v",
				x.volume.handle, x.inst.node, x.inst.epoch, x.acted.at-since.at, s.setup.Grace)
		}
	}
}

// seenMissing is since when a node whose uid the instance does not name is missing, as far as the incarnation could know at its
// check: any node of that name ends the grace, but one that came and went without a word of it ends nothing.
func (s *state) seenMissing(x removal, since moment) moment {
	at := x.acted
	if x.checked {
		at = x.check.told
	}
	lives := s.node(x.inst.node).lives
	for k := len(lives) - 1; k > 0 && !x.proc.knew(x.inst.node, lives[k].uid, at); k-- {
		since = lives[k-1].died
	}
	return since
}

// knew reports whether the incarnation was told of a node by then.
func (p *proc) knew(name, uid string, by moment) bool {
	for _, g := range p.signs[name] {
		if g.uid == uid && g.when.step <= by.step {
			return true
		}
	}
	return false
}

// insideGrace reports whether a clear came before the node's grace was over, and since when that counts.
func (s *state) insideGrace(x removal) (since moment, early bool) {
	if x.cause != becauseCleared || x.live {
		return moment{}, false // a clear under a node that exists is S3's business
	}
	since, known := s.missing(x.inst.node, x.inst.uid)
	if !known {
		return moment{}, false
	}
	if x.inst.uid == "" {
		since = s.seenMissing(x, since)
	}
	if told, ok := x.proc.toldMissing(s, x.inst.node, x.inst.uid); ok && told.at > since.at {
		since = told
	}
	return since, x.acted.at-since.at < s.setup.Grace
}
