package attachment

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// GetAttachment returns a copy of a volume's state, and whether any node has it.
func (m *Manager) GetAttachment(volume string) (Attachment, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.cells[volume]
	if c == nil || len(c.holders) == 0 {
		return Attachment{}, false
	}
	return c.copy(volume), true
}

// ListAttachments returns copies of all, sorted by volume.
func (m *Manager) ListAttachments() []Attachment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make([]Attachment, 0, len(m.cells))
	for _, volume := range sortedKeys(m.cells) {
		if c := m.cells[volume]; len(c.holders) > 0 {
			all = append(all, c.copy(volume))
		}
	}
	return all
}

func (c *cell) copy(volume string) Attachment {
	a := Attachment{Volume: volume, Mode: c.mode, Entries: make([]Entry, len(c.holders))}
	for i, h := range c.holders {
		a.Entries[i] = h.entry(volume)
	}
	if c.running {
		migration := *c.migration
		a.Migration = &migration
	}
	return a
}

// Orphans returns the instances of which no VolumeAttachment was seen, or nothing but one that is gone: nobody will ask to
// unpublish them, so the controller does it itself (Begin, revoke, Remove), and tries again in each pass. Sorted by
// volume. While it is not known which VolumeAttachments there are, there are no orphans. A cache tells, which may lag: before
// anything is done about one, see LiveOrphans.
func (m *Manager) Orphans() []Instance {
	in := m.synced()
	if in == nil {
		return nil
	}
	return m.unwished(in.wished)
}

// LiveOrphans are the orphans by what the API server itself shows of VolumeAttachments, for the cache may lag behind another leader's
// publish. It makes one list if there is an orphan, and no call if there is none.
func (m *Manager) LiveOrphans(ctx context.Context) ([]Instance, error) {
	if len(m.Orphans()) == 0 {
		return nil, nil
	}
	vas, err := m.listVolumeAttachments(ctx)
	if err != nil {
		return nil, fmt.Errorf("list volume attachments: %w", err)
	}
	wished := make(map[string]bool, len(vas))
	for _, va := range vas {
		if pv := va.Spec.Source.PersistentVolumeName; pv != nil && va.Spec.Attacher == m.driver {
			wished[*pv+"/"+va.Spec.NodeName] = true
		}
	}
	return m.unwished(func(pv, node string) bool { return wished[pv+"/"+node] }), nil
}

// unwished returns the orphans for which no VolumeAttachment is.
func (m *Manager) unwished(wished func(pv, node string) bool) []Instance {
	type candidate struct {
		pv string
		Instance
	}
	var found []candidate
	look := func(volume string) {
		c := m.cells[volume]
		for _, h := range c.holders {
			until, parted := m.parted[volume][h.node]
			if (h.orphan || parted && !h.at.After(until)) && c.place != nil {
				found = append(found, candidate{c.place.name, h.instance(volume)})
			}
		}
	}
	m.mu.RLock()
	for volume := range m.orphaned {
		look(volume)
	}
	for volume := range m.parted {
		if _, seen := m.orphaned[volume]; !seen && m.cells[volume] != nil {
			look(volume)
		}
	}
	m.mu.RUnlock()
	found = slices.DeleteFunc(found, func(c candidate) bool { return wished(c.pv, c.Node) })
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Epoch, b.Epoch))
	})
	orphans := make([]Instance, len(found))
	for i, c := range found {
		orphans[i] = c.Instance
	}
	return orphans
}

// GetDetachTimestamp returns the wall clock at the volume's last detach, zero if there is no stamp.
func (m *Manager) GetDetachTimestamp(volume string) time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.stamps.byVolume[volume].wall
}

// DetachTimestamps returns the detach stamps of all volumes that have one.
func (m *Manager) DetachTimestamps() map[string]time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make(map[string]time.Time, len(m.stamps.byVolume))
	for volume, st := range m.stamps.byVolume {
		all[volume] = st.wall
	}
	return all
}

// ClearDetachTimestamp forgets the stamp. The record loses it with its next write.
func (m *Manager) ClearDetachTimestamp(volume string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stamps.drop(volume) {
		m.version++
		m.touch(volume)
		m.tidy(volume)
	}
}

// Changes returns the volumes whose instances or stamp have changed since it was called last, in no order. all means that any may
// have, which is so at the first call. It is for one caller, and costs memory only once it is called.
func (m *Manager) Changes() (volumes []string, all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.touched == nil {
		m.touched = make(map[string]struct{})
		return nil, true
	}
	volumes = slices.Collect(maps.Keys(m.touched))
	clear(m.touched)
	return volumes, false
}

// touch notes a change for Changes. The caller has the lock.
func (m *Manager) touch(volume string) {
	if m.touched != nil {
		m.touched[volume] = struct{}{}
	}
}

// IsWithinGracePeriod reports whether the volume's last detach is less than grace ago, by the monotonic clock: an age of
// exactly grace is outside. Ages beyond the longest grace in use (WithGrace) are not remembered.
func (m *Manager) IsWithinGracePeriod(volume string, grace time.Duration) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.stamps.within(volume, m.Elapsed(), grace)
}
