package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// publishSucceeds is L6 of SPEC.md section 5: once the blocking holder is gone, some retry of publish succeeds within 5 min and
// two call timeouts. The 5 min are the sidecar's longest backoff. A volume that is refused for ever is an outage that no
// restart of the pod can mend.
//
// A holder blocks while callers may still have the volume there, its node exists, and the system (if it tells) knows of it. What
// is only in the system's memory, and was unpublished, is no excuse. A wish is judged while its node exists, the volume's
// objects are whole, a process leads, and no fault is on; each fault lets the time start again.
type publishSucceeds struct {
	ruling
	open    []*hope
	touched []*volume
	all     bool
	next    time.Duration
}

// hope is a VolumeAttachment that waits to be attached.
type hope struct {
	wish   *wish
	volume *volume
	free   bool
	other  bool   // it asks for another access mode than the volume's
	wide   bool   // it asks for more nodes than the volume allows, and is never to succeed
	since  moment // nothing stands in its way since then
	fault  time.Duration
	proc   *proc
	faults int
}

// publishMax is the longest backoff, two calls that time out, and a tenth of the backoff for jitter.
const publishMax = 5*time.Minute + 2*15*time.Second + 30*time.Second

func newPublishSucceeds(s *state) rule {
	r := &publishSucceeds{}
	r.judge(s, "calls")
	r.judge(s, "evicts", "believer")
	return r
}

func (r *publishSucceeds) step(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Change:
		if e.Resource == "volumeattachments" && e.Verb == "created" {
			if w := s.wishes[e.Name]; w != nil {
				r.open = append(r.open, &hope{wish: w, volume: s.volume(w.volume)})
			}
		}
		if e.Resource == "nodes" && e.Verb != "updated" {
			r.all = true
		}
	case trace.Process, trace.Trouble, trace.Phase:
		r.all = true
	case trace.Op:
		for _, h := range r.open {
			if e.Verb == "publish" && h.wish.volume == e.Volume && h.wish.node == e.Node {
				h.other = e.Mode != h.volume.mode
				h.wide = wider(e.Mode, h.volume.mode)
			}
		}
	case trace.Return:
		if o := s.ops[e.Op]; o != nil && o.verb == "publish" && o.code == "OK" {
			r.drop(func(h *hope) bool { return h.volume == o.volume && h.wish.node == o.node })
		} else if o != nil {
			r.refused(s, o)
		}
	}
	if e.Volume != "" && len(r.open) > 0 {
		r.touched = append(r.touched, s.volume(e.Volume))
	}
}

func (r *publishSucceeds) drop(gone func(*hope) bool) {
	kept := r.open[:0]
	for _, h := range r.open {
		if !gone(h) {
			kept = append(kept, h)
		}
	}
	r.open = kept
}

func (r *publishSucceeds) settle(s *state) {
	if len(r.open) > 0 && (r.all || len(r.touched) > 0) {
		r.drop(func(h *hope) bool {
			return h.wish.deleting || h.wish.state == "attached" || s.wishes[h.wish.name] != h.wish
		})
		for _, h := range r.open {
			if r.all || contains(r.touched, h.volume) {
				r.look(s, h)
			}
		}
	}
	r.touched, r.all = r.touched[:0], false
}

func contains(all []*volume, v *volume) bool {
	for _, x := range all {
		if x == v {
			return true
		}
	}
	return false
}

// look notes whether something stands in the way of a wish.
func (r *publishSucceeds) look(s *state, h *hope) {
	free := s.leader != nil && s.outages == 0 && s.current(h.wish.node) != nil && !h.volume.direct && !h.wide && !s.blocked(h.volume, h.wish.node, h.other)
	if s.setup.Persist && h.volume.pv.exists && h.volume.pv.deleting {
		free = false
	}
	if free && (!h.free || h.proc != s.leader) {
		h.since, h.proc, h.fault, h.faults = s.now, s.leader, s.leader.fault, s.leader.faultCount
		r.next = 0
	}
	h.free = free
}

// wider reports whether one mode is for more nodes than another one.
func wider(mode, than string) bool {
	return manyNode(mode) && !manyNode(than)
}

// blocked reports whether other nodes have a right to a volume that keeps a node from it. One that asks for another mode shares it
// with nobody.
func (s *state) blocked(v *volume, node string, otherMode bool) bool {
	others := 0
	for _, d := range v.deals {
		if d.node == node || !d.owed {
			continue
		}
		known := true
		if s.offers("believer") && s.leader != nil {
			known = s.leader.memory(v.handle).names(d.node)
		}
		if known && (!s.absent(d.node, d.uid) || !v.single()) {
			others++
		}
	}
	limit := s.holdersMax(v.mode)
	return otherMode && others > 0 || limit > 0 && others >= limit
}

func (m *memory) names(node string) bool {
	for _, i := range m.instances {
		if i.node == node {
			return true
		}
	}
	return false
}

func (r *publishSucceeds) tick(s *state, now time.Duration) {
	if len(r.open) == 0 || now <= r.next {
		return
	}
	r.next = now + publishMax
	for i, h := range r.open {
		if !h.free {
			continue
		}
		if h.proc.faultCount != h.faults {
			h.since, h.fault, h.faults = s.now, h.proc.fault, h.proc.faultCount
		}
		due := h.since.at + publishMax + h.proc.faultBy(s, now) - h.fault
		if due < now {
			r.violate(s, "calls", []int{h.wish.made.step, h.since.step}, "nothing has stood in the way of %s on %s for %v, and no publish has succeeded", h.volume.handle, h.wish.node, now-h.since.at)
			r.open = append(r.open[:i:i], r.open[i+1:]...)
			return
		}
		r.next = min(r.next, due)
	}
}
