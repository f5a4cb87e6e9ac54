package model

import (
	"slices"
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
	open    []*hope // as they were made; over ones leave with the next tick that looks
	of      map[*volume][]*hope
	touched []*volume
	all     bool
	next    time.Duration // no hope is overdue before
}

// hope is a VolumeAttachment that waits to be attached.
type hope struct {
	wish   *wish
	volume *volume
	over   bool // it was granted, or given up
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
	r := &publishSucceeds{of: make(map[*volume][]*hope)}
	r.judge(s, "calls")
	r.judge(s, "evicts", "believer")
	return r
}

func (r *publishSucceeds) step(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Change:
		if e.Resource == "volumeattachments" && e.Verb == "created" {
			if w := s.wishes[e.Name]; w != nil {
				h := &hope{wish: w, volume: s.volume(w.volume)}
				r.open, r.of[h.volume] = append(r.open, h), append(r.of[h.volume], h)
			}
		}
		if e.Resource == "nodes" && e.Verb != "updated" {
			r.all = true
		}
	case trace.Process, trace.Trouble, trace.Phase:
		r.all = true
	case trace.Op:
		if e.Verb != "publish" || len(r.open) == 0 {
			break
		}
		for _, h := range r.of[s.volume(e.Volume)] {
			if h.wish.node == e.Node {
				h.other, h.wide = e.Mode != h.volume.mode, wider(e.Mode, h.volume.mode)
			}
		}
	case trace.Return:
		if o := s.ops[e.Op]; o != nil && o.verb == "publish" && o.code == "OK" {
			r.drop(o.volume, func(h *hope) bool { return h.wish.node == o.node })
		} else if o != nil {
			r.refused(s, o)
		}
	}
	if e.Volume != "" && len(r.open) > 0 {
		r.touched = append(r.touched, s.volume(e.Volume))
	}
}

// drop ends some of a volume's hopes.
func (r *publishSucceeds) drop(v *volume, gone func(*hope) bool) {
	all := r.of[v]
	if len(all) == 0 {
		return
	}
	kept := all[:0]
	for _, h := range all {
		if h.over = gone(h); !h.over {
			kept = append(kept, h)
		}
	}
	if r.of[v] = kept; len(kept) == 0 {
		delete(r.of, v)
	}
}

func (r *publishSucceeds) settle(s *state) {
	if r.all {
		r.touched = r.touched[:0]
		for _, h := range r.open {
			r.touched = append(r.touched, h.volume)
		}
	}
	for _, v := range r.touched {
		r.drop(v, func(h *hope) bool {
			return h.wish.deleting || h.wish.state == "attached" || s.wishes[h.wish.name] != h.wish
		})
		for _, h := range r.of[v] {
			r.look(s, h)
		}
	}
	r.touched, r.all = r.touched[:0], false
}

// look notes whether something stands in the way of a wish.
func (r *publishSucceeds) look(s *state, h *hope) {
	free := s.leader != nil && s.outages == 0 && s.current(h.wish.node) != nil && !h.volume.direct && !h.wide && !s.blocked(h.volume, h.wish.node, h.other)
	if s.setup.Persist && h.volume.pv.exists && h.volume.pv.deleting {
		free = false
	}
	if free && (!h.free || h.proc != s.leader) {
		h.since, h.proc, h.fault, h.faults = s.now, s.leader, s.leader.fault, s.leader.faultCount
		r.next = min(r.next, s.now.at+publishMax)
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
	r.open = slices.DeleteFunc(r.open, func(h *hope) bool { return h.over })
	for _, h := range r.open {
		if !h.free {
			continue
		}
		if h.proc.faultCount != h.faults {
			h.since, h.fault, h.faults = s.now, h.proc.fault, h.proc.faultCount
		}
		due := h.since.at + publishMax + h.proc.faultBy(s, now) - h.fault
		if due < now {
			r.violate(s, "calls", []int{h.wish.made.step, h.since.step}, "nothing has stood in the way of %s on %s for %v, and no publish has succeeded", h.volume.handle, h.wish.node, now-h.since.at)
			r.drop(h.volume, func(x *hope) bool { return x == h })
			r.next = now
			return
		}
		r.next = min(r.next, due)
	}
}
