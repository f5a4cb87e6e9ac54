package attachment

import (
	"context"
	"fmt"
	"slices"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Rebuild makes memory what VolumeAttachments, PersistentVolumes and the records on them say, by the table in table.go. It
// reads live. What an operation did since it began to read survives it. The first that succeeds in a leadership opens it
// (Rebuilt). With a nil client it succeeds at once.
//
// Called again in the same leadership it keeps what only memory knows: volumes without a PersistentVolume, or without a
// record on it, of which the API server cannot tell.
func (m *Manager) Rebuild(ctx context.Context) error {
	if err := m.rebuilding.acquire(ctx, ""); err != nil {
		return fmt.Errorf("rebuild: wait for another one: %w", err)
	}
	defer m.rebuilding.release("")
	m.mu.Lock()
	m.rebuilds++
	lead, since, first := m.lead, m.version, !m.rebuilt
	m.mu.Unlock()

	err := m.rebuild(ctx, since, first)

	m.mu.Lock()
	defer m.mu.Unlock()
	m.rebuilds--
	for _, volume := range sortedKeys(m.cells) {
		m.tidy(volume)
	}
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if m.lead == lead && !m.rebuilt {
		m.rebuilt = true
		m.version++
	}
	return nil
}

// Rebuilt reports whether a Rebuild has succeeded in this leadership. Publish and unpublish wait for it.
func (m *Manager) Rebuilt() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.rebuilt
}

func (m *Manager) rebuild(ctx context.Context, since uint64, first bool) error {
	if m.client == nil {
		return nil
	}
	// The wishes first: what the records say of a node is then the newer, and a wish that it does not know yet only leaves
	// an instance uncertain.
	vas, err := m.listVolumeAttachments(ctx)
	if err != nil {
		return err
	}
	pvs, err := m.listPersistentVolumes(ctx)
	if err != nil {
		return err
	}
	read, errs := tabulate(m.driver, pvs, vas)
	for _, err := range errs {
		m.logger.Error(err, "a volume cannot be rebuilt, and is refused to everybody until that is mended")
	}
	m.mu.Lock()
	for volume := range m.cells {
		if _, ok := read[volume]; !ok {
			read[volume] = reading{}
		}
	}
	m.mu.Unlock()
	for _, volume := range sortedKeys(read) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r := read[volume]
		r.since, r.first = since, first
		m.mu.Lock()
		m.deferred[volume] = r
		m.mu.Unlock()
		m.resume(volume)
	}
	return nil
}

func (m *Manager) listVolumeAttachments(ctx context.Context) ([]storagev1.VolumeAttachment, error) {
	all, err := pages("volume attachments", func(o metav1.ListOptions) ([]storagev1.VolumeAttachment, string, error) {
		l, err := m.client.StorageV1().VolumeAttachments().List(ctx, o)
		if err != nil {
			return nil, "", err
		}
		return l.Items, l.Continue, nil
	})
	return slices.DeleteFunc(all, func(va storagev1.VolumeAttachment) bool { return va.Spec.Attacher != m.driver }), err
}

// resume gives what a rebuild has read to the volume, unless somebody has its turn: then he does so at its end. So a volume
// that hangs does not hold up the rebuild of all others.
func (m *Manager) resume(volume string) {
	for {
		m.mu.RLock()
		_, waits := m.deferred[volume]
		m.mu.RUnlock()
		if !waits || !m.turns.try(volume) {
			return
		}
		m.settleDeferred(volume)
		m.turns.release(volume)
	}
}

// settleDeferred does so for a volume whose turn the caller has.
func (m *Manager) settleDeferred(volume string) {
	m.mu.Lock()
	r, waits := m.deferred[volume]
	delete(m.deferred, volume)
	c := m.cells[volume]
	if c == nil {
		c = &cell{}
	}
	m.mu.Unlock()
	if waits {
		m.change(volume, c, func() []note { return m.adopt(volume, c, r) })
	}
}

// adopt makes a volume's memory what a rebuild has read. The caller has the lock.
func (m *Manager) adopt(volume string, c *cell, r reading) (notes []note) {
	m.acquit(volume, r.place)
	touched := c.changed > r.since
	switch {
	case touched:
		// Memory is newer than what was read, but where it follows from the record alone the wishes tell more.
	case r.first:
		notes = m.settle(volume, c, r.persisted, holder{})
		if !r.known {
			m.assume(c, r)
		}
		c.record = c.without(c.only(func(h holder) bool { return r.known && !r.has(h) }))
		if st := m.stamps.byVolume[volume]; !st.wall.Equal(r.detachedAt) {
			m.stamps.drop(volume)
			m.restoreStamp(volume, r.detachedAt, m.clock.Now().UTC().Round(0))
		}
	case r.known:
		notes = m.settle(volume, c, r.persisted, holder{})
	default:
		return nil
	}
	unseen := m.synced() == nil // nobody tells of a wish that goes before the cache is filled
	holders := slices.Clone(c.holders)
	for i := range holders {
		if h := &holders[i]; h.loaded || !touched && r.has(*h) {
			_, wished := r.wishes[h.node]
			h.state, h.orphan = r.judge(h.node), !wished || unseen
			h.loaded = false
		}
	}
	c.holders = holders
	m.alignMigration(c, false, time.Time{})
	if len(c.only(func(h holder) bool { return h.state == Held })) > 0 {
		m.stamps.drop(volume)
	}
	return notes
}

// assume fills in what is known without a record, from the wishes: an attached node holds the volume, one being detached
// may. Where memory knows such a node it knows more.
func (m *Manager) assume(c *cell, r reading) {
	var holders []holder
	for _, node := range r.nodes() {
		state, holds := r.wishes[node].holds()
		if !holds {
			continue
		}
		h, known := c.find(node, "")
		if !known {
			at := r.wishes[node].created
			if now := m.clock.Now().UTC().Round(0); at.IsZero() || at.After(now) {
				at = now
			}
			c.epoch = m.nextEpoch(&cell{record: c.record})
			h = holder{node: node, epoch: c.epoch, at: at}
		}
		// Its node may be gone, and with it the CSINode that says which id an unpublish would name: if the wish goes and the
		// holder stays, nobody else will end it.
		h.state, h.loaded, h.orphan = state, false, true
		holders = append(holders, h)
	}
	slices.SortFunc(holders, byReservation)
	c.holders = holders
	if c.mode == "" {
		c.mode = r.mode
	}
	c.record = c.trim()
	c.doubt = nil
	if len(holders) > 0 || r.broken {
		c.doubt = &doubt{} // the record is to be written, or to be mended
	}
}
