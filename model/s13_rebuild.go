package model

import (
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// rebuild is S13 of SPEC.md section 5: after a restart memory becomes what the API objects and the record say, by this table
// and nothing else. What a new leader does not know it gives away a second time.
//
//	record names n, VolumeAttachment attached and not being deleted: held
//	record names n, otherwise:                                       uncertain
//	record exists, tombstone included, and does not name n:          nothing
//	no record at all, VolumeAttachment attached:                     held, uid unknown
//	no record at all, VolumeAttachment being deleted:                uncertain
//
// Judged is the first belief after both lists have been answered in a leadership, and only of volumes whose objects have not
// changed since the first of the lists. A volume that an operation from before the leadership still has is judged when that has
// ended: one that hangs must not hold up the rebuild of the others, and nobody else can act on it. Epochs are judged on every
// write of the record: none may repeat.
type rebuild struct {
	ruling
	pending map[*proc]*rebuilding
	owed    []owedRebuild
	highest map[*volume]uint64
}

// owedRebuild is a volume that is to be judged when the operations that had it at the rebuild have ended.
type owedRebuild struct {
	proc   *proc
	volume *volume
	of     *rebuilding
}

// rebuilding is a leadership whose rebuild is to be judged.
type rebuilding struct {
	attachments, claims moment // when the lists were answered by the server
	gotA, gotC          bool
}

func newRebuild(s *state) rule {
	r := &rebuild{pending: make(map[*proc]*rebuilding), highest: make(map[*volume]uint64)}
	r.judge(s, "memory", "believer")
	r.judge(s, "epochs", "persist", "record")
	return r
}

func (r *rebuild) step(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Process:
		r.owed = slices.DeleteFunc(r.owed, func(o owedRebuild) bool { return o.proc.num == e.Proc })
		if e.Verb == "lead" && r.judged("memory") {
			r.pending[s.proc(e.Proc)] = &rebuilding{}
		} else if e.Verb != "start" && e.Proc != 0 {
			delete(r.pending, s.proc(e.Proc))
		}
	case trace.Reply:
		if e.Verb == "list" {
			r.listed(s, e)
		}
	case trace.Return, trace.Counter:
		p := s.procs[e.Proc]
		x := r.pending[p]
		if x == nil {
			return
		}
		ready := e.Kind == trace.Counter && e.Name == passesBegun && !p.loop.byStart || e.Kind == trace.Return && e.Code == "OK" && (e.Verb == "publish" || e.Verb == "unpublish")
		switch {
		case ready && x.gotA && x.gotC && len(s.changes) == 0:
			r.compareAll(s, p, x)
		case ready && x.misled():
			delete(r.pending, p) // it is over; what is listed later is a cache's
		}
	case trace.Change:
		if e.Resource == "persistentvolumes" && e.Volume != "" && r.judged("epochs") {
			r.epochs(s, s.volume(e.Volume))
		}
	}
}

func (r *rebuild) listed(s *state, e *trace.Event) {
	x := r.pending[s.proc(e.Proc)]
	if x == nil || e.Code != "OK" || !live(e.Actor) {
		return
	}
	whole := !torn(e) // else there is nothing to judge by
	asked := s.proc(e.Proc).lists[e.Resource].asked
	switch e.Resource {
	case "volumeattachments":
		x.note(&x.attachments, asked)
		x.gotA = whole
	case "persistentvolumes":
		x.note(&x.claims, asked)
		x.gotC = whole
	}
}

// misled reports whether both lists were answered, and one of them not with the truth.
func (x *rebuilding) misled() bool {
	return x.attachments.step > 0 && x.claims.step > 0 && !(x.gotA && x.gotC)
}

// note keeps the first list of each kind: a cache and the rebuild itself read the same, and which is which does not show.
func (x *rebuilding) note(first *moment, asked moment) {
	if first.step == 0 || asked.step < first.step {
		*first = asked
	}
}

func (r *rebuild) settle(s *state) {
	r.owed = slices.DeleteFunc(r.owed, func(o owedRebuild) bool {
		if o.volume.occupied(o.proc) {
			return false
		}
		r.compare(s, o.proc, o.volume, o.of)
		return true
	})
	for _, c := range s.changes {
		x := r.pending[c.proc]
		switch pass := c.proc.pass; {
		case x == nil || s.point.op != 0 || !x.gotA || !x.gotC:
		case c.proc.loop.byStart && (pass.begun > pass.ended || pass.done.step > x.claims.step):
			delete(r.pending, c.proc) // a loop that Start began may have changed it
		default:
			r.compareAll(s, c.proc, x)
		}
	}
}

// compareAll judges every volume.
func (r *rebuild) compareAll(s *state, p *proc, x *rebuilding) {
	delete(r.pending, p)
	p.ready(s)
	for _, v := range s.order {
		busy := s.ops[s.point.op] != nil && s.ops[s.point.op].volume == v
		if p.faults[v.handle] >= p.led.at && p.hurt[v.handle] { // it tried to write the record, and memory knows why
			continue
		}
		if v.direct || busy {
			continue
		}
		if v.occupied(p) {
			r.owed = append(r.owed, owedRebuild{p, v, x})
			continue
		}
		r.compare(s, p, v, x)
	}
}

// occupied reports whether an operation that began before the leadership may have the volume still.
func (v *volume) occupied(p *proc) bool {
	return slices.ContainsFunc(v.flying, func(o *operation) bool { return o.proc == p && o.begun.step < p.led.step })
}

// compare judges one volume, unless something has touched it since the lists. Nothing tells whose volume a VolumeAttachment is that
// names a PersistentVolume which is gone.
func (r *rebuild) compare(s *state, p *proc, v *volume, x *rebuilding) {
	if v.touched.step > min(x.attachments.step, x.claims.step) || !v.pv.exists || !v.pv.valid && v.pv.raw != "" {
		return
	}
	want := v.afterRebuild()
	m := p.memory(v.handle)
	witness := []int{p.led.step, x.attachments.step, x.claims.step}
	for _, w := range want {
		i := m.match(w)
		switch {
		case i == nil:
			r.violate(s, "memory", witness, "the rebuild lost %s on %s (uid %s, epoch %d), which is to be %s", v.handle, w.Node, or(w.UID, "unknown"), w.Epoch, w.State)
		case i.state != w.State:
			r.violate(s, "memory", witness, "the rebuild took %s on %s (epoch %d) for %s; it is %s", v.handle, w.Node, w.Epoch, i.state, w.State)
		case v.pv.raw != "" && !s.stepped && i.attached != w.Attached.UnixNano():
			r.violate(s, "memory", witness, "the rebuild gave %s on %s another attach time than the record", v.handle, w.Node)
		case v.pv.raw != "" && i.mode != "" && i.mode != v.pv.doc.Mode:
			r.violate(s, "memory", witness, "the rebuild took %s for %s; its record says %s", v.handle, i.mode, v.pv.doc.Mode)
		}
	}
	for _, i := range m.instances {
		if !expected(want, i) && !v.reserves(i.node) {
			r.violate(s, "memory", witness, "the rebuild made up %s on %s (uid %s, epoch %d)", v.handle, i.node, or(i.uid, "unknown"), i.epoch)
		}
	}
	if !s.stepped {
		r.times(s, v, m, want, witness)
	}
}

// times judges the migration's clock and the detach stamp, where the wall clock never jumped.
func (r *rebuild) times(s *state, v *volume, m *memory, want []holding, witness []int) {
	doc, now := v.pv.doc, s.wall()
	if g := doc.Migration; g != nil && len(m.instances) > 1 && all(want, "held") {
		limit, err := time.ParseDuration(g.Timeout)
		age := time.Duration(now - g.Started.UnixNano())
		if i := m.instances[0]; err == nil && age >= 0 && age <= limit && (i.migrating != g.Started.UnixNano() || i.timeout != limit) {
			r.violate(s, "memory", witness, "the rebuild lost the start or the timeout of the migration of %s", v.handle)
		}
	}
	if age := time.Duration(now - doc.Detached.UnixNano()); !doc.Detached.IsZero() && len(want) == 0 && age >= 0 && age < s.setup.Grace && m.stamp != doc.Detached.UnixNano() {
		r.violate(s, "memory", witness, "the rebuild lost the detach stamp of %s, %v old", v.handle, age)
	}
}

// afterRebuild is the table: what memory is to hold, with the state in it.
func (v *volume) afterRebuild() []holding {
	var want []holding
	if v.pv.exists && v.pv.raw != "" {
		for _, h := range v.pv.doc.Instances {
			h.State = "uncertain"
			if _, attached, _ := v.wished(h.Node); attached {
				h.State = "held"
			}
			want = append(want, h)
		}
		return want
	}
	for _, w := range v.wishes {
		h := holding{Node: w.node, State: "uncertain"}
		_, attached, deleting := v.wished(w.node)
		if attached {
			h.State = "held"
		}
		if (attached || deleting) && !containsNode(want, w.node) {
			want = append(want, h)
		}
	}
	return want
}

// match finds the instance that a line of the table means.
func (m *memory) match(w holding) *instance {
	for _, i := range m.instances {
		if i.node == w.Node && sameUID(i.uid, w.UID) && (w.Epoch == 0 || i.epoch == 0 || i.epoch == w.Epoch) {
			return i
		}
	}
	return nil
}

func expected(want []holding, i *instance) bool {
	_, ok := document{Instances: want}.find(i.node, i.uid, i.epoch)
	return ok
}

func containsNode(want []holding, node string) bool {
	for _, w := range want {
		if w.Node == node {
			return true
		}
	}
	return false
}

func all(want []holding, state string) bool {
	for _, w := range want {
		if w.State != state {
			return false
		}
	}
	return true
}

// reserves reports whether a publish on a node is in flight.
func (v *volume) reserves(node string) bool {
	for _, o := range v.flying {
		if acquires(o.verb) && o.node == node {
			return true
		}
	}
	return false
}

// epochs judges a write of the record: what is new must be above everything that the record ever showed.
func (r *rebuild) epochs(s *state, v *volume) {
	if !v.pv.exists {
		delete(r.highest, v) // the tombstone is for its life
		return
	}
	highest := r.highest[v]
	r.highest[v] = max(highest, v.pv.doc.Epoch)
	if s.point.proc == 0 || highest == 0 {
		return
	}
	switch {
	case v.pv.raw == "":
		r.violate(s, "epochs", nil, "the record of %s is gone, and with it its highest epoch %d", v.handle, highest)
	case v.pv.valid && v.pv.doc.Epoch < highest:
		r.violate(s, "epochs", nil, "the highest epoch of %s went back from %d to %d", v.handle, highest, v.pv.doc.Epoch)
	}
	for _, i := range v.pv.doc.Instances {
		if _, known := v.before.find(i.Node, i.UID, i.Epoch); !known && i.Epoch <= highest && i.Epoch > 0 {
			r.violate(s, "epochs", nil, "the reservation of %s for %s repeats epoch %d; %d had been given out", v.handle, i.Node, i.Epoch, highest)
		}
	}
}
