package model

import (
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// node is all Node objects that had one name.
type node struct {
	name  string
	lives []life
}

// life is one Node object, from its creation to its end.
type life struct {
	uid  string
	born moment
	died moment
	dead bool
}

// claim is a PersistentVolume and the record on it.
type claim struct {
	name     string
	exists   bool
	deleting bool
	doomed   moment // when its deletion began
	lost     bool   // it was deleted at some time: what its record said is gone
	raw      string
	doc      document
	valid    bool   // the record could be read
	changed  moment // its record's last change
	writer   int    // the incarnation that made it
	founded  moment // when it got a record that had none
	founder  int    // and the incarnation that wrote it
}

// wish is a VolumeAttachment.
type wish struct {
	name, uid, volume, node string
	state                   string // wished, attached
	deleting                bool
	since                   moment // of its present state
	made                    moment
	shed                    bool // its instance was cleared or evicted, or a late duplicate took it
}

func (s *state) node(name string) *node {
	n := s.nodes[name]
	if n == nil {
		n = &node{name: name}
		s.nodes[name] = n
	}
	return n
}

// life returns the life with a uid; nil if it was never seen.
func (s *state) life(name, uid string) *life {
	n := s.nodes[name]
	if n == nil {
		return nil
	}
	for i := len(n.lives) - 1; i >= 0; i-- {
		if n.lives[i].uid == uid {
			return &n.lives[i]
		}
	}
	return nil
}

// current returns the life that a name has now; nil if the name is absent.
func (s *state) current(name string) *life {
	n := s.nodes[name]
	if n == nil || len(n.lives) == 0 || n.lives[len(n.lives)-1].dead {
		return nil
	}
	return &n.lives[len(n.lives)-1]
}

// currentUID is the uid that a name has now, empty if the name is absent.
func (s *state) currentUID(name string) string {
	if l := s.current(name); l != nil {
		return l.uid
	}
	return ""
}

// absent reports whether the node with this name and uid is absent now. An unknown uid equals any.
func (s *state) absent(name, uid string) bool {
	l := s.current(name)
	return l == nil || (uid != "" && l.uid != uid)
}

// absentSince reports whether the node was absent at some instant from a step to another one, both included. A uid never
// comes back, so with a known uid only its end matters.
func (s *state) absentSince(name, uid string, from, to int) bool {
	if uid != "" {
		l := s.life(name, uid)
		return l == nil || (l.dead && l.died.step <= to) || l.born.step > from
	}
	n := s.nodes[name]
	if n == nil || len(n.lives) == 0 {
		return true
	}
	if n.lives[0].born.step > from {
		return true
	}
	for i, l := range n.lives {
		if !l.dead || l.died.step > to {
			continue
		}
		if i+1 == len(n.lives) || n.lives[i+1].born.step > from {
			return true
		}
	}
	return false
}

// missing returns since when the node is absent without a break; ok is false if it is there.
func (s *state) missing(name, uid string) (since moment, ok bool) {
	if !s.absent(name, uid) {
		return moment{}, false
	}
	if uid != "" {
		if l := s.life(name, uid); l != nil {
			return l.died, true
		}
		return moment{}, true
	}
	if n := s.nodes[name]; n != nil && len(n.lives) > 0 {
		return n.lives[len(n.lives)-1].died, true
	}
	return moment{}, true
}

func (s *state) takeChange(e *trace.Event) {
	switch e.Resource {
	case "nodes":
		s.changeNode(e)
	case "persistentvolumes":
		s.changeClaim(e)
	case "volumeattachments":
		s.changeWish(e)
	case "persistentvolumeclaims":
		s.claimUIDs[e.Name] = e.UID
	}
}

func (s *state) changeNode(e *trace.Event) {
	n := s.node(nodeNamed(e))
	if e.Verb == "deleted" {
		for i := range n.lives {
			l := &n.lives[i]
			if !l.dead && (e.UID == "" || l.uid == e.UID) {
				l.dead, l.died = true, s.now
				s.counts.nodeGone(s, n.name)
			}
		}
		return
	}
	if l := s.current(n.name); l != nil && (l.uid == e.UID || e.UID == "") {
		return
	} else if l != nil { // replaced without a deletion that was seen
		l.dead, l.died = true, s.now
	}
	n.lives = append(n.lives, life{uid: e.UID, born: s.now})
}

// nodeNamed is the Node object's name in an event about a node.
func nodeNamed(e *trace.Event) string {
	if e.Node != "" {
		return e.Node
	}
	return e.Name
}

func (s *state) changeClaim(e *trace.Event) {
	if e.Volume == "" {
		return
	}
	v := s.volume(e.Volume)
	c := &v.pv
	s.name(v, e.Name)
	c.exists = e.Verb != "deleted"
	if e.Verb == "deleting" {
		c.doomed = s.now
	}
	c.deleting = c.deleting && c.exists || e.Verb == "deleting"
	record := e.Record
	if !c.exists {
		c.lost, record = true, ""
		if s.leader == nil || s.leader.rebuilding {
			v.forgetUnrecorded(s)
		}
	}
	if record == c.raw {
		return
	}
	v.touched = s.now
	s.records++
	v.before = c.doc
	if c.raw == "" {
		c.founded, c.founder = s.now, s.point.proc
	}
	c.raw, c.changed, c.writer = record, s.now, s.point.proc
	c.doc, c.valid = decode(record)
	for _, i := range v.before.Instances {
		if _, still := c.doc.find(i.Node, i.UID, i.Epoch); !still && c.exists { // whoever deletes a whole record ends nothing by that
			v.drop(s, i)
			delete(v.authors, i.Epoch)
		}
	}
	for _, i := range c.doc.Instances {
		if _, known := v.before.find(i.Node, i.UID, i.Epoch); !known {
			v.authors[i.Epoch] = s.point.proc
		}
	}
}

func (s *state) changeWish(e *trace.Event) {
	if e.Volume == "" {
		return // of another driver
	}
	w := s.wishes[e.Name]
	if e.Verb == "deleted" {
		if w != nil {
			delete(s.wishes, e.Name)
			v := s.volume(w.volume)
			v.touched = s.now
			for i, x := range v.wishes {
				if x == w {
					v.wishes = append(v.wishes[:i:i], v.wishes[i+1:]...)
					break
				}
			}
		}
		return
	}
	if w == nil || (w.uid != e.UID && e.UID != "" && w.uid != "") {
		if w != nil {
			s.changeWish(&trace.Event{Verb: "deleted", Name: e.Name, Volume: w.volume})
		}
		w = &wish{name: e.Name, uid: e.UID, volume: e.Volume, node: e.Node, made: s.now}
		s.wishes[e.Name] = w
		v := s.volume(e.Volume)
		v.wishes = append(v.wishes, w)
	}
	s.volume(w.volume).touched = s.now
	deleting := e.Verb == "deleting" || e.State == "deleting"
	state := w.state
	if e.State != "" && e.State != "deleting" {
		state = e.State
	}
	if state != w.state || deleting != w.deleting {
		w.since = s.now
	}
	w.state, w.deleting = state, w.deleting || deleting
}

// wished returns the VolumeAttachments of a volume and a node.
func (v *volume) wished(node string) (any, attached, deleting bool) {
	for _, w := range v.wishes {
		if w.node != node {
			continue
		}
		any = true
		attached = attached || (w.state == "attached" && !w.deleting)
		deleting = deleting || w.deleting
	}
	return any, attached, deleting
}

// recordedOn is the volume of a PersistentVolume, nil if there is none.
func (s *state) recordedOn(pv string) *volume { return s.byPV[pv] }

// name notes of which PersistentVolume a volume is, if of any.
func (s *state) name(v *volume, pv string) {
	if s.byPV[v.pv.name] == v {
		delete(s.byPV, v.pv.name)
	}
	if v.pv.name = pv; pv != "" {
		s.byPV[pv] = v
	}
}
