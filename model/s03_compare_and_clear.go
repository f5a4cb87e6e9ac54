package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// clearing is a call of ClearStale: it removes exactly the instance that it names, if that is still the current one, and says
// whether it did.
type clearing struct {
	op    *operation
	uid   string
	epoch uint64
	there bool // it was believed when it was called
	took  bool // and the call took it out
}

func (r *neverClearLive) step(s *state, e *trace.Event) {
	o := s.ops[e.Op]
	if o == nil || o.verb != "clearStale" || o.volume == nil || !r.judged("instance") {
		return
	}
	m := o.proc.memory(o.volume.handle)
	if e.Kind == trace.Op {
		r.calls[o.num] = &clearing{op: o, uid: e.UID, epoch: e.Epoch, there: m.index(o.node, e.UID, e.Epoch) >= 0}
		return
	}
	c := r.calls[o.num]
	delete(r.calls, o.num)
	if c == nil || e.Kind != trace.Return || e.Code != "OK" || e.Message == "" {
		return
	}
	still := m.index(o.node, c.uid, c.epoch) >= 0
	switch said := e.Message == "true"; {
	case said && (still || !c.there && !c.took):
		r.violate(s, "instance", []int{o.begun.step}, "ClearStale of %s on %s (uid %s, epoch %d) says that it cleared it, and it did not", o.volume.handle, o.node, c.uid, c.epoch)
	case !said && (c.there && still || c.took):
		r.violate(s, "instance", []int{o.begun.step}, "ClearStale of %s on %s (uid %s, epoch %d) says that it is not the current instance, and it is", o.volume.handle, o.node, c.uid, c.epoch)
	}
}

// compare judges what a call of ClearStale took out.
func (r *neverClearLive) compare(s *state, x removal) {
	if x.op == nil || x.cause != becauseDirect {
		return
	}
	c := r.calls[x.op.num]
	switch i := x.inst; {
	case c == nil:
	case i.node == c.op.node && i.uid == c.uid && i.epoch == c.epoch:
		c.took = true
	default:
		r.violate(s, "instance", []int{c.op.begun.step, x.decided.step}, "ClearStale of %s on %s (uid %s, epoch %d) cleared %s (uid %s, epoch %d)",
			x.volume.handle, c.op.node, c.uid, c.epoch, i.node, i.uid, i.epoch)
	}
}
