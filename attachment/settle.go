package attachment

import (
	"slices"
	"time"
)

// settle brings memory in line with what was just read of the volume's record. At a version that memory knows already there is
// nothing to learn.
func (t *Turn) settle(p persisted) {
	if at := t.cell.place; t.cell.doubt == nil && at != nil && p.place != nil && at.version == p.place.version {
		return
	}
	t.change(func() []note { return t.m.settle(t.volume, t.cell, p, t.cell.doubt.reservation()) })
}

// reservation is what was tried, and of which nobody was told that it succeeded; its epoch is 0 if there is none.
func (d *doubt) reservation() holder {
	if d == nil {
		return holder{}
	}
	return d.reserved
}

// settle decides, holder by holder, between memory and record:
//
//	in both                    memory knows better
//	only in memory             its removal was tried: it has succeeded, and counts now (and so has its renewal, if the record
//	                           names the new one);
//	                           never persisted, or there is no record at all: stays;
//	                           else another manager has removed it: goes
//	only in the record         it is the reservation to be undone: nobody was told, nothing was granted, ignore it; but if
//	                           the record has moved on since, another manager may have made it its own and granted it;
//	                           so then, as another manager's, or from before a restart: comes in, uncertain
//
// The caller has the lock.
func (m *Manager) settle(volume string, c *cell, p persisted, undone holder) (notes []note) {
	if c.doubt.renewedOn(p.record) {
		notes = m.renew(volume, c, c.doubt.removed, *c.doubt.renewed)
	} else if c.doubt != nil {
		if done := c.record.only(func(h holder) bool { return !p.has(h) && (record{holders: c.doubt.removed}).has(h) }); len(done) > 0 {
			notes = m.finish(volume, c, done, c.doubt.cause, c.doubt.stamp)
		}
	}
	if p.epoch != undone.epoch {
		undone = holder{}
	}
	had := len(c.holders) > 0
	now := m.clock.Now().UTC().Round(0)
	next := c.record
	next.holders = m.union(c, p, undone, now)
	next.epoch = max(c.epoch, p.epoch)
	if len(c.holders) == 0 || next.mode == "" {
		next.mode = p.mode
	}
	if next = next.trim(); next.migration != nil && !next.keeps(c.record, next.migration.Source, next.migration.Target) {
		next.migration = nil // another one, between the same two nodes, may have begun since
	}
	restored := next.migration == nil && p.migration != nil
	if restored {
		next.migration = p.migration
		next = next.trim()
	}
	if p.place != nil && c.place != nil && c.place.own && c.place.version == p.place.version {
		p.place.own = true
	}
	c.record, c.place = next, p.place
	m.alignMigration(c, restored, now)
	m.followStamp(volume, c, p, had, now)
	return notes
}

// followStamp takes over what the record says of the last detach, where another manager knows more of it: it ended the last
// attachment, or detached later, or has attached somebody since. A stamp that memory has forgotten stays so.
func (m *Manager) followStamp(volume string, c *cell, p persisted, had bool, now time.Time) {
	_, stamped := m.stamps.byVolume[volume]
	switch {
	case len(c.holders) == 0 && (had || stamped):
		m.restoreStamp(volume, p.detachedAt, now)
	case len(p.holders) > 0 && p.detachedAt.IsZero():
		m.stamps.drop(volume)
	}
}

// union returns the holders that settle leaves.
func (m *Manager) union(c *cell, p persisted, undone holder, now time.Time) []holder {
	var all []holder
	for _, h := range c.holders {
		_, again := p.find(h.node, h.uid)
		switch {
		case p.has(h), !p.known, c.place == nil && !again:
			all = append(all, h)
		}
	}
	for _, h := range p.holders {
		if c.has(h) || undone.epoch > 0 && h.same(undone) {
			continue
		}
		if h.at.After(now) {
			h.at = now
		}
		if known, ok := c.find(h.node, h.uid); ok && c.place == nil {
			h.state, h.loaded = known.state, known.loaded // it was known without its record
		}
		h.orphan = h.loaded && m.rebuilt // before, the rebuild will see
		all = append(all, h)
	}
	slices.SortFunc(all, byReservation)
	return all
}

// alignMigration makes the clock of a migration follow from the record. One that comes from the record has an age between
// zero and its timeout, whatever the wall clock did while nobody measured.
func (m *Manager) alignMigration(c *cell, restored bool, now time.Time) {
	switch g := c.migration; {
	case g == nil:
		c.running, c.expired = false, false
	case restored:
		start := g.StartedAt
		if start.After(now) {
			start = now
		}
		c.migration = &Migration{StartedAt: start, Timeout: g.Timeout, Source: g.Source, Target: g.Target}
		c.since = m.Elapsed() - min(now.Sub(start), g.Timeout)
		c.running, c.expired = true, false
	}
}

// restoreStamp takes over a persisted detach stamp, if it is within grace and memory has none that is as late. One in the future
// counts as now.
func (m *Manager) restoreStamp(volume string, detachedAt, now time.Time) {
	if detachedAt.IsZero() {
		return
	}
	if detachedAt.After(now) {
		detachedAt = now
	}
	if st, ok := m.stamps.byVolume[volume]; ok && !detachedAt.After(st.wall) {
		return
	}
	if age := now.Sub(detachedAt); age < m.stamps.grace {
		m.stamps.set(volume, stamp{wall: detachedAt, at: m.Elapsed() - age})
	}
}

// finish takes out holders for good: it counts what their cause counts, ends the migration, and stamps the detach of the last.
// The caller has the lock.
func (m *Manager) finish(volume string, c *cell, gone []holder, why Cause, detached stamp) (notes []note) {
	migration := c.migration
	c.record = c.without(gone)
	kind := "partial"
	if len(c.holders) == 0 {
		kind = "full"
	}
	for _, h := range gone {
		switch {
		case why == StaleCleared:
			m.metrics.staleCleared.Inc()
			notes = m.note(notes, warning(reasonStaleCleared, "volume %s cleared from %s, which is gone", volume, h.node))
		case why == Evicted:
			m.metrics.evicted.Inc()
			notes = m.note(notes, warning(reasonStaleCleared, "volume %s taken from %s, which is gone, for another node", volume, h.node))
		case why == Detached && h.state == Held:
			m.metrics.detaches.WithLabelValues(kind).Inc()
			notes = m.note(notes, normal(reasonDetached, "volume %s detached from %s", volume, h.node))
		}
	}
	if c.running && c.migration == nil {
		notes = append(notes, m.endMigration(volume, c, migration)...)
	}
	if len(c.holders) == 0 && why != Refused {
		m.stamps.set(volume, detached)
	}
	return notes
}

// keeps reports whether what an earlier record had on the nodes is the same still.
func (r record) keeps(earlier record, nodes ...string) bool {
	for _, n := range nodes {
		if h, ok := earlier.find(n, ""); !ok || !r.has(h) {
			return false
		}
	}
	return true
}

// only returns the holders for which keep is true.
func (r record) only(keep func(holder) bool) (some []holder) {
	for _, h := range r.holders {
		if keep(h) {
			some = append(some, h)
		}
	}
	return some
}
