package reconciler

import "sync"

// dirty are the names of the nodes of which something has changed since the last pass: a watch has shown that they went, or the
// pass did not come to an end with them. Nodes that have got their first volume are the Manager's to tell.
type dirty struct {
	mu    sync.Mutex
	names map[string]struct{}
	all   bool // whatever the names
}

// add notes a node.
func (d *dirty) add(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names == nil {
		d.names = make(map[string]struct{})
	}
	d.names[name] = struct{}{}
}

// addAll notes that every node is to be looked at.
func (d *dirty) addAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = true
}

// take returns what was noted, and forgets it.
func (d *dirty) take() (names map[string]struct{}, all bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	names, all = d.names, d.all
	d.names, d.all = nil, false
	return names, all
}
