package reconciler

import (
	"maps"
	"sync"
	"time"

	"github.com/holdfast-sim/holdfast/attachment"
)

// nodeKey is a node as an instance names it. The uid may be unknown, and then equals any.
type nodeKey struct{ name, uid string }

func keyOf(i attachment.Instance) nodeKey { return nodeKey{i.Node, i.UID} }

// missing holds the grace clocks: since when the API server has said, by its own answers, that a node is not there.
//
// A deleted uid never comes back, so nothing but a live read of that very uid stops a clock, and the clocks outlive Stop
// and Start. An unknown uid is another matter: under the same name a node may come and go between two reads. A watch event
// that shows such a node forgets the clock, which can only lengthen the protection.
type missing struct {
	mu    sync.Mutex
	since map[nodeKey]time.Duration
}

func newMissing() *missing { return &missing{since: make(map[nodeKey]time.Duration)} }

// start starts a node's clock, unless it runs. It returns when the clock was started and whether it was now.
func (m *missing) start(k nodeKey, now time.Duration) (since time.Duration, started bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if since, ok := m.since[k]; ok {
		return since, false
	}
	m.since[k] = now
	return now, true
}

func (m *missing) stop(k nodeKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.since, k)
}

func (m *missing) running(k nodeKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.since[k]
	return ok
}

// keep forgets the clocks that keep does not select.
func (m *missing) keep(keep func(nodeKey) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.since, func(k nodeKey, _ time.Duration) bool { return !keep(k) })
}

func (m *missing) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.since)
}
