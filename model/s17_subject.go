package model

import "slices"

// subject judges the object that an event is recorded on: the claim that the volume's PersistentVolume is bound to, or that
// itself if it is bound to none. There people look for what happened to their disk.
func (r *observable) subject(s *state, n note) {
	v := s.aboutVolume(n)
	if v == nil || !s.claims || !v.pv.exists || v.pv.lost || v.pv.raw != "" && !v.pv.valid || !r.judged("events") {
		return
	}
	kind, name := "PersistentVolumeClaim", v.claim
	if v.claim == "" {
		kind, name = "PersistentVolume", v.pv.name
	}
	switch uid := s.claimUIDs[n.object]; {
	case n.kind != kind || n.object != name:
		r.violate(s, "events", nil, "the event %s of %s is recorded on %s %s; it belongs on %s %s", n.reason, v.handle, n.kind, n.object, kind, name)
	case v.claim != "" && uid != "" && n.uid != uid: // kubectl describe looks for the uid
		r.violate(s, "events", nil, "the event %s of %s is recorded on claim %s with uid %q; it is %q", n.reason, v.handle, n.object, n.uid, uid)
	}
}

// names compares the nodes in the message with those that the step was about. A message that names no node is as it is.
func (r *observable) names(s *state, v *volume, n note, words []string) {
	about := s.nodesOf(v, n)
	if on := after(words, "on"); n.reason == "AttachmentConflict" && s.nodes[on] != nil && len(about) > 0 && !slices.Contains(about, on) {
		r.violate(s, "events", nil, "the event %s of %s says that %s wants it; it is %v", n.reason, v.handle, on, about)
	}
	if w := after(words, "volume"); s.nodes[w] != nil && s.volumes[w] == nil {
		r.violate(s, "events", nil, "the event %s of %s takes the node %s for a volume: %q", n.reason, v.handle, w, n.message)
	}
	named := false
	for _, w := range words {
		named = named || s.nodes[w] != nil
		for _, node := range about {
			if w == node {
				return
			}
		}
	}
	if named && len(about) > 0 {
		r.violate(s, "events", nil, "the event %s of %s is about %v, and says %q", n.reason, v.handle, about, n.message)
	}
}

// nodesOf returns the nodes that an event of the present step can be about.
func (s *state) nodesOf(v *volume, n note) (nodes []string) {
	switch n.reason {
	case "VolumeAttached":
		for _, c := range s.changes {
			if c.proc == n.proc && c.volume == v && c.after != nil && c.after.state == "held" && (c.before == nil || c.before.state != "held") {
				nodes = append(nodes, c.after.node)
			}
		}
	case "VolumeDetached", "StaleAttachmentCleared":
		for _, x := range s.removals {
			if x.proc == n.proc && x.volume == v {
				nodes = append(nodes, x.inst.node)
			}
		}
	case "AttachmentConflict":
		for _, o := range v.flying { // one that waited for the volume makes no call of its own
			nodes = append(nodes, o.node)
		}
	}
	return nodes
}
