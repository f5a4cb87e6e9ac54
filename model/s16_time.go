package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// timeOrder is S16 of SPEC.md section 5: AttachedAt <= MigrationStartedAt <= now, and stamps do not decrease. Within one
// incarnation a jump of the wall clock changes no decision, for those are taken by the monotonic clock; across a restart a
// stamp from the future counts as now. Only the removal of the last node stamps a detach.
//
// Once the wall clock has been stepped, stamps are compared with the largest time that it ever showed, and no longer with each
// other. A detach stamp that outlives the drain after a step was aged by the wall clock.
type timeOrder struct {
	ruling
	due   map[int]string        // what a question is to be answered, by operation
	grace map[int]time.Duration // and the grace that it asks for
}

func newTimeOrder(s *state) rule {
	r := &timeOrder{due: make(map[int]string), grace: make(map[int]time.Duration)}
	r.judge(s, "stamps", "believer")
	r.judge(s, "detaches", "believer", "stamps")
	r.judge(s, "jumps", "believer")
	r.judge(s, "answers", "believer", "direct")
	return r
}

func (r *timeOrder) step(s *state, e *trace.Event) {
	if e.Kind == trace.Op || e.Kind == trace.Return {
		if o := s.ops[e.Op]; o == nil || o.volume == nil || !r.judged("answers") {
		} else if e.Kind == trace.Op {
			r.asked(s, o, e)
		} else {
			r.answered(s, o, e)
		}
		return
	}
	if e.Kind == trace.Change {
		if e.Resource == "persistentvolumes" && e.Volume != "" {
			r.persisted(s, s.volume(e.Volume))
		}
		return
	}
	if e.Kind == trace.Phase {
		if p := s.leader; p != nil && e.Name == "quiesce" && s.stepped && r.judged("jumps") {
			r.outlived(s, p)
		}
		return
	}
	if !r.judged("stamps") || e.State == "gone" {
		return
	}
	who := e.Volume
	if e.Node != "" {
		who += " on " + e.Node
	}
	switch {
	case e.Time > s.wallMax:
		r.violate(s, "stamps", nil, "the stamp of %s is from the future", who)
	case e.Since > s.wallMax:
		r.violate(s, "stamps", nil, "the migration of %s starts in the future", who)
	}
	if e.Since != 0 && !s.stepped {
		r.migration(s, s.proc(e.Proc).memory(e.Volume), e)
	}
}

// migration judges that a migration's source was attached before it began.
func (r *timeOrder) migration(s *state, m *memory, e *trace.Event) {
	first := e.Time
	for _, i := range m.instances {
		first = min(first, i.attached)
	}
	if first > e.Since {
		r.violate(s, "stamps", nil, "the migration of %s began before anybody was attached", e.Volume)
	}
}

func (r *timeOrder) settle(s *state) {
	r.stampFor(s)
	for _, c := range s.changes {
		if c.before == nil && c.after != nil && s.rebuiltIn(c) && s.stepped && max(c.after.attached, c.after.migrating) > s.wallOf(c.proc) {
			r.violate(s, "stamps", nil, "the rebuild takes a stamp of %s on %s from the future, which counts as now", c.volume.handle, c.after.node)
		}
		if !c.stamp && c.before == nil && c.after != nil && !c.proc.rebuilds(s) && c.volume.authors[c.after.epoch] == c.proc.num && c.after.attached != 0 && c.after.attached < c.memory.stamp {
			r.violate(s, "stamps", []int{c.memory.stampAt.step}, "the attach time of %s on %s is before the detach that its stamp tells of", c.volume.handle, c.after.node)
		}
		switch {
		case c.stamp && c.is != 0 && !c.proc.rebuilds(s) && c.memory.held() != nil:
			r.violate(s, "stamps", []int{c.memory.held().seen.step}, "a detach stamp of %s appears while %s has it: only the last removal stamps", c.volume.handle, c.memory.held().node)
		case s.stepped:
		case c.stamp && c.is != 0 && c.is < c.was:
			r.violate(s, "stamps", nil, "the detach stamp of %s went back", c.volume.handle)
		case c.before != nil && c.after != nil && c.after.attached < c.before.attached && c.after.attached != 0:
			r.violate(s, "stamps", []int{c.before.seen.step}, "the attach time of %s on %s went back", c.volume.handle, c.after.node)
		}
	}
	if !s.stepped {
		return
	}
	for _, x := range s.removals {
		if since, early := s.insideGrace(x); early && s.jumped.step > since.step && s.jumped.step <= x.decided.step {
			r.violate(s, "jumps", []int{since.step, s.jumped.step, x.decided.step}, "%s on %s was cleared inside grace after a jump of the wall clock", x.volume.handle, x.inst.node)
		}
	}
}

// held returns an instance that is held, nil if none is.
func (m *memory) held() *instance {
	for _, i := range m.instances {
		if i.state == "held" {
			return i
		}
	}
	return nil
}

// outlived finds detach stamps that should long be forgotten.
func (r *timeOrder) outlived(s *state, p *proc) {
	for _, v := range s.order {
		if m := p.mem[v.handle]; m != nil && m.stamp != 0 && s.now.at-max(m.stampAt.at, p.led.at) > s.setup.Grace+s.setup.Interval+s.passTime(p) {
			r.violate(s, "jumps", []int{m.stampAt.step, s.jumped.step}, "the detach stamp of %s is still remembered %v later, after a jump of the wall clock", v.handle, s.now.at-m.stampAt.at)
		}
	}
}
