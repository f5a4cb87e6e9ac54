package attachment

import (
	"maps"
	"slices"
)

// residents are all holders by node, so that whoever asks about nodes does not have to look at every volume.
type residents struct {
	byName map[string]*resident // one of the name; those of other uids follow it
	all    []*resident          // in no order, but that those that were shown as fresh come first
	shown  int                  // how many those are
	held   int                  // holders of all volumes
	idle   []*resident          // of nodes that went, for the next ones
}

// residentsIdle bounds the residents that are kept although nobody uses them.
const residentsIdle = 16

// resident is one node.
type resident struct {
	identity
	volumes map[string]struct{}
	at      int       // its place in all
	next    *resident // of the same name and another uid
}

// identity is what tells nodes apart. The uid is empty where it is not known.
type identity struct{ name, uid string }

// move follows a volume's change from some holders to others.
func (r *residents) move(volume string, from, to []holder) {
	r.held += len(to) - len(from)
	for _, h := range from {
		if !onSame(to, h) {
			r.remove(h, volume)
		}
	}
	for _, h := range to {
		if !onSame(from, h) {
			r.add(h, volume)
		}
	}
}

func onSame(holders []holder, h holder) bool {
	return slices.ContainsFunc(holders, func(o holder) bool { return o.node == h.node && o.uid == h.uid })
}

func (r *residents) find(name, uid string) *resident {
	n := r.byName[name]
	for n != nil && n.uid != uid {
		n = n.next
	}
	return n
}

func (r *residents) add(h holder, volume string) {
	n := r.find(h.node, h.uid)
	if n == nil {
		n = r.blank()
		n.identity, n.at, n.next = identity{h.node, h.uid}, len(r.all), r.byName[h.node]
		r.byName[h.node] = n
		r.all = append(r.all, n)
	}
	n.volumes[volume] = struct{}{}
}

// blank returns a resident without volumes.
func (r *residents) blank() *resident {
	if last := len(r.idle) - 1; last >= 0 {
		n := r.idle[last]
		r.idle = r.idle[:last]
		return n
	}
	return &resident{volumes: make(map[string]struct{})}
}

func (r *residents) remove(h holder, volume string) {
	n := r.find(h.node, h.uid)
	if n == nil {
		return
	}
	if delete(n.volumes, volume); len(n.volumes) > 0 {
		return
	}
	if n.at < r.shown {
		r.shown--
		r.swap(n.at, r.shown)
	}
	r.swap(n.at, len(r.all)-1)
	r.all[len(r.all)-1] = nil
	r.all = r.all[:len(r.all)-1]
	switch first := r.byName[n.name]; {
	case first != n:
		for first.next != n {
			first = first.next
		}
		first.next = n.next
	case n.next != nil:
		r.byName[n.name] = n.next
	default:
		delete(r.byName, n.name)
	}
	if len(r.idle) < residentsIdle {
		*n = resident{volumes: n.volumes}
		r.idle = append(r.idle, n)
	}
}

// show returns a node that was not shown before, if there is one.
func (r *residents) show() (identity, bool) {
	if r.shown == len(r.all) {
		return identity{}, false
	}
	r.shown++
	return r.all[r.shown-1].identity, true
}

func (r *residents) swap(i, j int) {
	r.all[i], r.all[j] = r.all[j], r.all[i]
	r.all[i].at, r.all[j].at = i, j
}

// volumesOn returns the volumes of all nodes of a name, sorted.
func (r *residents) volumesOn(name string) []string {
	var volumes []string
	for n := r.byName[name]; n != nil; n = n.next {
		volumes = slices.AppendSeq(volumes, maps.Keys(n.volumes))
	}
	slices.Sort(volumes)
	return slices.Compact(volumes)
}

// chunk is how many nodes are looked at under the lock at once, so that no writer waits for all of them.
const chunk = 128

// Nodes calls visit with each node that has, or may have, a volume, in no order, until it returns false: its name, and its uid where
// that is known. visit may call the Manager: no lock is held. A node that has volumes all the while is visited at least once; one that
// gets its first or loses its last meanwhile may be.
func (m *Manager) Nodes(visit func(name, uid string) bool) {
	var some [chunk]identity
	for at, n := -1, 1; n > 0; {
		m.mu.RLock()
		if last := len(m.residents.all); at < 0 || at > last {
			at = last // from the end: what takes the place of one that goes was at the end, and has been visited
		}
		for n = 0; n < chunk && at > 0; n++ {
			at--
			some[n] = m.residents.all[at].identity
		}
		m.mu.RUnlock()
		for _, node := range some[:n] {
			if !visit(node.name, node.uid) {
				return
			}
		}
	}
}

// Fresh calls visit with each node that has got its first volume since Fresh was called last, if it still has one, until visit returns
// false. It is for one caller, who has to see each node once: a second one would miss what the first was told. visit may call the Manager.
func (m *Manager) Fresh(visit func(name, uid string) bool) {
	for {
		m.mu.Lock()
		node, ok := m.residents.show()
		m.mu.Unlock()
		if !ok || !visit(node.name, node.uid) {
			return
		}
	}
}

// On returns the instances on every node of a name, whatever its uid, sorted by volume and then by reservation.
func (m *Manager) On(name string) []Instance {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var all []Instance
	for _, volume := range m.residents.volumesOn(name) {
		for _, h := range m.cells[volume].holders {
			if h.node == name {
				all = append(all, h.instance(volume))
			}
		}
	}
	return all
}

// Held is the number of instances on all nodes.
func (m *Manager) Held() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.residents.held
}
