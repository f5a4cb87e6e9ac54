package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// failOpen is S7 of SPEC.md section 5: on doubt the Reconciler changes nothing. An error, a timeout, a cache that never
// synced, and an empty list are no proof that a node is gone. The mass-clear guard is the second line: a pass that clears
// k of n attachments, with k at or above a minimum and above a share of n, must have seen a list of nodes that is not empty.
type failOpen struct {
	ruling
	cleared map[passKey]map[*volume]bool
	again   map[*proc]*again
}

// passKey names a pass of an incarnation.
type passKey struct {
	proc  int
	begun float64
}

func newFailOpen(s *state) rule {
	r := &failOpen{cleared: make(map[passKey]map[*volume]bool), again: make(map[*proc]*again)}
	r.judge(s, "reads", "believer")
	r.judge(s, "guard", "believer", "metrics")
	r.judge(s, "again", "retrier", "metrics")
	return r
}

func (r *failOpen) step(s *state, e *trace.Event) { r.retried(s, e) }

func (r *failOpen) settle(s *state) {
	for _, x := range s.removals {
		if x.cause != becauseCleared {
			continue
		}
		r.reads(s, x)
		if r.judged("guard") && x.pass.begun > 0 {
			r.guard(s, x)
		}
	}
}

// reads asks what the loop knew of the node when it cleared.
func (r *failOpen) reads(s *state, x removal) {
	name := x.volume.handle + " on " + x.inst.node
	nodes := x.proc.lists["nodes"]
	switch {
	case x.checked && x.check.failed():
		r.violate(s, "reads", []int{x.check.asked.step, x.check.told.step}, "the Reconciler cleared %s although its last read of that node ended in %s", name, x.check.code)
	case nodes != nil && nodes.cache.tried && !nodes.cache.filled:
		r.violate(s, "reads", []int{x.decided.step}, "the Reconciler cleared %s although no list had filled this incarnation's cache of nodes", name)
	case x.pass.empty && !x.checked && nodes != nil:
		r.violate(s, "reads", []int{nodes.told.step, x.decided.step}, "the Reconciler cleared %s after a list of nodes that was empty", name)
	case x.checked || len(x.proc.reads) > 0:
	case (nodes == nil || nodes.told.step == 0) && !x.proc.watching:
		r.violate(s, "reads", []int{x.decided.step}, "the Reconciler cleared %s although this incarnation never heard of any node: its cache was not synced", name)
	case nodes != nil && nodes.empty && !x.proc.watching:
		r.violate(s, "reads", []int{nodes.told.step, x.decided.step}, "the Reconciler cleared %s on the word of an empty list of nodes", name)
	}
}

// guard counts the volumes that a pass cleared.
func (r *failOpen) guard(s *state, x removal) {
	k := passKey{x.proc.num, x.pass.begun}
	if r.cleared[k] == nil {
		r.cleared[k] = make(map[*volume]bool)
	}
	r.cleared[k][x.volume] = true
	n, all := len(r.cleared[k]), max(x.pass.tracked, 1)
	if s.setup.GuardMin > 0 && n >= s.setup.GuardMin && float64(n) > float64(all)*s.setup.GuardShare && !x.pass.listed {
		r.violate(s, "guard", []int{x.proc.pass.at.step, x.decided.step}, "a pass cleared %d of %d attachments without a list of nodes that was not empty", n, all)
	}
}
