package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// agreement is L7 of SPEC.md section 5: after faults stop, memory, record and API objects agree within I + G + T, and stay so. It is
// what lets an operator walk away after an incident.
//
// Asked at the end of convergence, which lasts that long, and again at quiescence. A VolumeAttachment whose instance was
// cleared or evicted stays attached until its wish ends: it is left out. When its wish has ended, some retry of its unpublish has
// to succeed as one of a publish has to (L6), or its finalizer stays for ever.
type agreement struct{ ruling }

func newAgreement(s *state) rule {
	r := &agreement{}
	r.judge(s, "finalizers")
	r.judge(s, "objects", "believer")
	r.judge(s, "record", "believer", "persist", "record")
	return r
}

func (r *agreement) step(s *state, e *trace.Event) {
	p := s.leader
	if (e.Name != "drain" && e.Name != "quiesce") || p == nil {
		return
	}
	r.finalizers(s, e.Name)
	if !r.judged("objects") {
		return
	}
	window := s.setup.Interval + s.setup.Grace + s.passTime(p)
	for _, v := range s.order {
		if v.direct || len(v.flying) > 0 {
			continue
		}
		r.objects(s, p, v, window, e.Name)
		if r.judged("record") && v.pv.exists && v.pv.valid && s.keepsRecords() {
			r.record(s, p, v, e.Name)
		}
	}
}

// finalizers judges the VolumeAttachments that are being deleted.
func (r *agreement) finalizers(s *state, when string) {
	for _, v := range s.order {
		for _, w := range v.wishes {
			if since := max(w.since.at, s.began["heal"].at); w.deleting && s.now.at-since >= publishMax {
				r.violate(s, "finalizers", []int{w.made.step, w.since.step}, "the VolumeAttachment of %s on %s is being deleted for %v, and no unpublish has succeeded, at %s", v.handle, w.node, s.now.at-since, when)
			}
		}
	}
}

func (r *agreement) objects(s *state, p *proc, v *volume, window time.Duration, when string) {
	m := p.memory(v.handle)
	// A VolumeAttachment names the PersistentVolume, and without that nobody can tell the volume any more.
	nameless := !v.pv.exists && p.led.step > v.pv.changed.step
	for _, w := range v.wishes {
		if nameless {
			break
		}
		if w.state == "attached" && !w.deleting && !w.shed && s.current(w.node) != nil && s.now.at-w.since.at >= window && !m.names(w.node) {
			r.violate(s, "objects", []int{w.made.step, w.since.step}, "%s is attached to %s by its VolumeAttachment, and memory does not know it, at %s", v.handle, w.node, when)
		}
	}
	for _, i := range m.instances {
		if any, _, _ := v.wished(i.node); !any && !s.absent(i.node, i.uid) && s.now.at-max(v.touched.at, i.seen.at) >= window {
			r.violate(s, "objects", []int{i.seen.step, v.touched.step}, "memory has %s on %s (%s, epoch %d), which no VolumeAttachment asks for, at %s", v.handle, i.node, i.state, i.epoch, when)
		}
	}
}

func (r *agreement) record(s *state, p *proc, v *volume, when string) {
	m := p.memory(v.handle)
	same := len(m.instances) == len(v.pv.doc.Instances)
	for _, h := range v.pv.doc.Instances {
		same = same && m.match(h) != nil
	}
	if !same {
		r.violate(s, "record", []int{v.pv.changed.step}, "memory has %d instances of %s and its record has %d, or they are not the same, at %s", len(m.instances), v.handle, len(v.pv.doc.Instances), when)
	}
}

// keepsRecords reports whether the system was ever seen to write a record.
func (s *state) keepsRecords() bool { return s.records > 0 }
