package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// grace is S5 of SPEC.md section 5: the Reconciler never clears inside grace. A node that is missing for less than G is
// protected, exactly G is not. G counts from the node's end, and in each incarnation not from before that incarnation was
// told of it in any way: what a predecessor saw is forgotten with it. A detach stamp protects nothing and shields nobody.
type grace struct{ ruling }

// graceDeferred counts what a pass kept because grace was not over.
const graceDeferred = "holdfast_grace_deferred_total"

func newGrace(s *state) rule {
	r := &grace{}
	r.judge(s, "memory", "believer")
	r.judge(s, "boundary", "believer", "metrics")
	return r
}

// step judges the boundary: a pass that defers something must know an instance whose grace is not over, and exactly G is over.
func (r *grace) step(s *state, e *trace.Event) {
	if e.Name != graceDeferred || !r.judged("boundary") {
		return
	}
	p := s.proc(e.Proc)
	var over *instance
	for _, v := range s.order {
		m := p.mem[v.handle]
		if m == nil {
			continue
		}
		for _, i := range m.instances {
			switch {
			case !s.absent(i.node, i.uid):
			case p.mayDefer(i, s.setup.Grace):
				return
			default:
				over = i
			}
		}
	}
	if over != nil {
		r.violate(s, "boundary", []int{over.seen.step}, "a pass deferred something for grace, and %s on %s (epoch %d) and whatever else is stale had been missing for %v or longer",
			over.volume, over.node, over.epoch, s.setup.Grace)
	}
}

// mayDefer reports whether an instance's grace may not be over, as far as the loop's own reads of its node in this pass tell.
// An instance that appeared later than the first of them has a clock of its own, and so has one whose uid is not known.
func (p *proc) mayDefer(i *instance, grace time.Duration) bool {
	read, ok := findRead(p.reads, i.node)
	return !ok || i.uid == "" || read.code != "NotFound" || read.told.step < p.pass.at.step || i.seen.step > read.missing.step ||
		read.told.at-read.missing.at < grace
}

func (r *grace) settle(s *state) {
	for _, x := range s.removals {
		since, early := s.insideGrace(x)
		if early {
			r.violate(s, "memory", []int{since.step, x.decided.step}, "the Reconciler cleared %s on %s (epoch %d) %v after it could know that the node is missing; grace is %v",
				x.volume.handle, x.inst.node, x.inst.epoch, x.decided.at-since.at, s.setup.Grace)
		}
	}
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
	if told, ok := x.proc.toldMissing(s, x.inst.node, x.inst.uid); ok && told.at > since.at {
		since = told
	}
	return since, x.decided.at-since.at < s.setup.Grace
}
