package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// access judges what an answer means for the backend. An OK of publish says that the node has access: none is OK after the
// system itself ended that, for whoever holds a volume without access is a machine that hangs. An error of unpublish after its
// revoke was sent says that nobody knows: the instance is held no longer. And a write that lost to another one is looked at
// before anything is said: on a conflict the decision is taken again. Nor does an OK end by itself: what an operation sent, and
// comes late, ends no access that was granted after it.
type access struct {
	ended    map[[2]string]moment // by volume and node: when the system itself last ended the access
	revoked  map[int]bool         // operations that have asked for a revoke
	outdated map[int]moment       // operations whose last write lost, and that have not looked since
	again    map[int]bool         // operations that have looked after a write that lost
}

func newAccess() *access {
	return &access{ended: make(map[[2]string]moment), revoked: make(map[int]bool), outdated: make(map[int]moment), again: make(map[int]bool)}
}

func (r *atomic) watch(s *state, e *trace.Event) {
	op := operationOf(e)
	switch {
	case e.Kind == trace.World && (e.Verb == "revoke" || e.Verb == "fence") && e.Node != "" && s.point.proc != 0:
		if !s.volume(e.Volume).grantOf(e.Node).open {
			r.access.ended[[2]string{e.Volume, e.Node}] = s.now
		}
	case e.Kind == trace.World && e.Node != "" && (e.Verb == "grant" || e.Verb == "revoke" || e.Verb == "fence"):
		delete(r.access.ended, [2]string{e.Volume, e.Node})
	case e.Kind == trace.Phase && e.Name == "drain" && r.judged("access"):
		r.lasts(s)
	case e.Kind == trace.Call && e.Verb == "revoke" && op != 0:
		r.access.revoked[op] = true
	case e.Kind == trace.Call && e.Resource == "persistentvolumes" && (e.Verb == "get" || e.Verb == "list"):
		if _, lost := r.access.outdated[op]; lost {
			r.access.again[op] = true
		}
		delete(r.access.outdated, op)
	case e.Kind == trace.Reply && e.Resource == "persistentvolumes" && e.Verb == "patch" && op != 0:
		delete(r.access.outdated, op)
		if e.Code == "Conflict" {
			r.access.outdated[op] = s.now
		}
	case e.Kind == trace.Return && op != 0:
		if o := s.ops[op]; o != nil && o.volume != nil {
			r.means(s, o, e)
		}
		delete(r.access.revoked, op)
		delete(r.access.outdated, op)
		delete(r.access.again, op)
	}
}

// lasts judges at rest whether all who were told that they have a volume can write to it still.
func (r *atomic) lasts(s *state) {
	for _, v := range s.order {
		for _, d := range v.deals {
			if g := v.grantOf(d.node); d.held && !g.open && g.when.step > 0 && !s.down[d.node] && !s.absentSince(d.node, d.uid, d.begun.step, s.now.step) {
				r.violate(s, "access", []int{d.ok.step}, "%s was told that it has %s, nobody unpublished it there, and the backend does not let it write", d.node, v.handle)
			}
		}
	}
}

// means judges an answer.
func (r *atomic) means(s *state, o *operation, e *trace.Event) {
	d := o.volume.deal(o.node)
	ended, was := r.access.ended[[2]string{o.volume.handle, o.node}]
	lost, outdated := r.access.outdated[o.num]
	switch {
	case o.verb == "publish" && o.code == "OK" && was && ended.step < o.begun.step && d.held && !s.absent(d.node, d.uid) && r.judged("access"):
		r.violate(s, "access", []int{ended.step, o.begun.step}, "publish of %s on %s was told OK, and its access was ended at step %d and never granted since", o.volume.handle, o.node, ended.step)
	case o.verb == "unpublish" && o.code != "OK" && r.access.revoked[o.num] && r.judged("memory"):
		for _, i := range o.proc.memory(o.volume.handle).instances {
			if i.state == "held" && (o.node == "" || i.node == o.node) && i.seen.step < o.begun.step && o.volume.deal(i.node).ok.step < o.begun.step {
				r.violate(s, "memory", []int{i.seen.step, o.begun.step}, "unpublish of %s on %s ended in %s after its revoke was sent, and it is held still", o.volume.handle, i.node, o.code)
			}
		}
	case outdated && r.owesLook(o) && !e.Late && o.proc.leading && o.led && o.proc.led.step < o.begun.step && s.offers("record"):
		r.violate(s, "memory", []int{o.begun.step, lost.step}, "%s of %s on %s ended in %s after a conflict at step %d, and never looked what is there now", o.verb, o.volume.handle, o.node, o.code, lost.step)
	}
}

// owesLook reports whether an answer after a write that lost is one that nobody can give who has not looked. A method of the
// Manager has no codes: whoever looked after each write that lost, and gave up after the last, says just that he failed.
func (r *atomic) owesLook(o *operation) bool {
	if o.code == "Internal" && byHand(o.verb) {
		return !r.access.again[o.num]
	}
	return o.code == "Unavailable" || !retriable(o.code) && o.code != "OK"
}
