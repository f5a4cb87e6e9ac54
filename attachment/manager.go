package attachment

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/kubernetes"
)

// Manager is the book of attachments. All its methods are safe for concurrent use; those that can block take a context and
// honour it. A volume that hangs in a call holds up nobody but those who want the same volume.
type Manager struct {
	settings
	client  kubernetes.Interface
	metrics *metrics
	origin  time.Time // for clocks without a monotonic reading

	turns      *turnstile // by volume
	rebuilding *turnstile // one Rebuild at a time
	informers  atomic.Pointer[informers]
	spare      sync.Pool     // turns that have ended, and that nobody has a pointer to
	unrecorded atomic.Uint64 // the highest epoch given out without a record

	// mu guards all below. It is held for moments, never over a call, a send or a wait.
	mu        sync.RWMutex
	cells     map[string]*cell
	residents residents // the same by node
	stamps    stamps
	dirty     map[string]struct{}             // volumes whose cell has a doubt
	parted    map[string]map[string]time.Time // by volume and node: whoever was attached by then is what a deleted VolumeAttachment asked for
	suspects  map[string]string               // volumes whose PersistentVolume others have changed, and the version seen
	migrating map[string]struct{}             // volumes with a migration under way
	deferred  map[string]reading              // what a rebuild has read of volumes that were busy
	orphaned  map[string]struct{}             // volumes with a holder that is, or may be, an orphan
	touched   map[string]struct{}             // volumes changed since Changes was called; nil if it never was
	rebuilds  int                             // rebuilds under way
	lead      int                             // counts leaderships
	rebuilt   bool
	version   uint64
}

// cell is what memory knows of one volume.
//
// Only the owner of the volume's turn changes it, and under the Manager's lock; so the owner may read it without, and
// anybody else may read it under the lock. Two fields are exceptions, and are read and written under the lock only.
type cell struct {
	record
	place *place // where the record is persisted; nil if nowhere, or not known yet
	doubt *doubt // nil: what is persisted is known
	// changed is the Manager's version at the last change.
	changed uint64

	running bool          // the migration's clock runs; exception: see above
	expired bool          // it has run out, and that is counted; exception
	since   time.Duration // Elapsed at the migration's start
}

// doubt says why memory and the persisted record may disagree.
type doubt struct {
	reserved holder   // a reservation whose write has an unknown result; epoch 0 if none
	removed  []holder // holders whose removal has an unknown result
	cause    Cause    // why they were removed
	stamp    stamp    // when
	renewed  *renewal // what was to take their place; nil if nothing
}

// tried reports whether a write may have been, or may yet be, carried out.
func (d *doubt) tried() bool { return d.reserved.epoch > 0 || len(d.removed) > 0 }

// NewManager makes a Manager. A nil client is allowed: nothing is persisted. It is an error if a metric cannot be registered.
func NewManager(client kubernetes.Interface, options ...Option) (*Manager, error) {
	s := defaults()
	for _, o := range options {
		o(&s)
	}
	counted, err := newMetrics(s.registerer)
	if err != nil {
		return nil, fmt.Errorf("new attachment manager: %w", err)
	}
	return &Manager{
		settings:   s,
		client:     client,
		metrics:    counted,
		origin:     s.clock.Now(),
		turns:      newTurnstile(),
		rebuilding: newTurnstile(),
		cells:      map[string]*cell{},
		residents:  residents{byName: map[string]*resident{}},
		stamps:     newStamps(s.grace),
		dirty:      map[string]struct{}{},
		orphaned:   map[string]struct{}{},
		parted:     map[string]map[string]time.Time{},
		suspects:   map[string]string{},
		migrating:  map[string]struct{}{},
		deferred:   map[string]reading{},
	}, nil
}

// Elapsed is the monotonic clock by which the Manager measures ages.
func (m *Manager) Elapsed() time.Duration {
	if c, ok := m.clock.(interface{ Elapsed() time.Duration }); ok {
		return c.Elapsed()
	}
	return m.clock.Since(m.origin)
}

// Version changes with every change of state or counter. It is cheap.
func (m *Manager) Version() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.version
}

// Sizes returns the sizes of internal tables by name; all are zero after a drain.
func (m *Manager) Sizes() map[string]int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return map[string]int{
		"volumes":    len(m.cells),
		"nodes":      len(m.residents.all),
		"stamps":     len(m.stamps.byVolume),
		"ageing":     len(m.stamps.queue),
		"turns":      m.turns.size() + m.rebuilding.size(),
		"dirty":      len(m.dirty),
		"suspects":   len(m.suspects),
		"parted":     len(m.parted),
		"orphaned":   len(m.orphaned),
		"migrations": len(m.migrating),
		"deferred":   len(m.deferred),
	}
}

// change lets f change a volume's cell, and brings what follows from cells up to date. f returns what to record.
func (m *Manager) change(volume string, c *cell, f func() []note) {
	m.mu.Lock()
	holders, running := c.holders, c.running
	notes := f()
	m.version++
	m.touch(volume)
	c.changed = m.version
	m.metrics.tracked.Add(float64(len(c.holders) - len(holders)))
	m.residents.move(volume, holders, c.holders)
	switch {
	case c.running && !running:
		m.migrating[volume] = struct{}{}
		m.metrics.activeMigrations.Inc()
	case running && !c.running:
		delete(m.migrating, volume)
		m.metrics.activeMigrations.Dec()
	}
	mark(m.dirty, volume, c.doubt != nil)
	mark(m.orphaned, volume, slices.ContainsFunc(c.holders, func(h holder) bool { return h.orphan }))
	if len(c.holders) == 0 {
		delete(m.parted, volume)
	}
	m.acquit(volume, c.place)
	m.cells[volume] = c
	m.tidy(volume)
	m.mu.Unlock()
	m.tell(volume, c.place, notes)
}

// tidy forgets a volume of which there is nothing to remember: the tombstone on its PersistentVolume keeps the epoch. What a
// rebuild may still have to compare with stays.
func (m *Manager) tidy(volume string) {
	c := m.cells[volume]
	_, stamped := m.stamps.byVolume[volume]
	_, waits := m.deferred[volume]
	if c == nil || len(c.holders) > 0 || c.doubt != nil || stamped || waits || m.rebuilds > 0 {
		return
	}
	delete(m.cells, volume)
}

// prune forgets detach stamps that no grace period protects any more.
func (m *Manager) prune() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, volume := range m.stamps.prune(m.Elapsed()) {
		m.version++
		m.touch(volume)
		m.tidy(volume)
	}
}

func mark(set map[string]struct{}, volume string, in bool) {
	if in {
		set[volume] = struct{}{}
	} else {
		delete(set, volume)
	}
}

// wallNow is the wall clock for a new stamp of a volume: not before any that it has, whatever the clock has done since.
func (m *Manager) wallNow(c *cell, st stamp) time.Time {
	now := m.clock.Now().UTC().Round(0) // without Go's own monotonic reading, which does not survive being persisted
	return slices.MaxFunc([]time.Time{now, c.latest(), st.wall}, time.Time.Compare)
}

// nextEpoch is the number of the volume's next reservation. A record keeps the highest; from there they are counted.
func (m *Manager) nextEpoch(c *cell) uint64 {
	if c.place != nil && c.epoch > 0 {
		return c.epoch + 1
	}
	return m.freshEpoch(c.epoch + 1)
}

// freshEpoch is above all that any volume can have been given so far. Without a PersistentVolume memory forgets a volume's epochs with
// the volume, and a restart those of all, while the backend remembers which it has ended: a count from 1 would be refused for
// ever, and a PersistentVolume that is made anew would start below what is granted. So there all volumes share one count,
// which is at least the wall clock's microseconds: it repeats only if the clock goes back across a restart. (It stays below
// 2^53, exact in every reader of JSON.)
func (m *Manager) freshEpoch(least uint64) uint64 {
	for {
		last := m.unrecorded.Load()
		next := max(least, last+1, m.epochNow())
		if m.unrecorded.CompareAndSwap(last, next) {
			return next
		}
	}
}

// epochNow is the wall clock's microseconds, above every epoch that was counted from an earlier one.
func (m *Manager) epochNow() uint64 { return uint64(max(0, m.clock.Now().UnixMicro())) }

func sortedKeys[V any, K cmp.Ordered](set map[K]V) []K {
	keys := make([]K, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
