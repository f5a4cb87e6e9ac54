package attachment

import "time"

// endMigration counts the end of a migration whose record has just gone. One past its timeout counts as timed out only.
// The caller has the lock.
func (m *Manager) endMigration(volume string, c *cell, g *Migration) (notes []note) {
	ended := *c
	ended.migration = g
	notes = m.expire(volume, &ended)
	if !ended.expired {
		result, n := migrationAborted, warning(reasonMigrationAborted, "migration of %s from %s to %s aborted", volume, g.Source, g.Target)
		if c.names(g.Target) {
			result, n = migrationCompleted, normal(reasonMigrationCompleted, "migration of %s from %s to %s completed", volume, g.Source, g.Target)
		}
		m.metrics.migrations.WithLabelValues(result).Inc()
		m.metrics.migrationDuration.Observe((m.Elapsed() - c.since).Seconds())
		notes = append(notes, n)
	}
	c.running, c.expired = false, false
	return notes
}

// expire counts a migration that is past its timeout, if that is not done yet. The caller has the lock.
func (m *Manager) expire(volume string, c *cell) []note {
	if c.expired || m.Elapsed()-c.since < c.migration.Timeout {
		return nil
	}
	c.expired = true
	m.version++
	m.metrics.migrations.WithLabelValues(migrationTimedOut).Inc()
	g := c.migration
	return []note{warning(reasonMigrationTimedOut, "migration of %s from %s to %s has not ended within %s", volume, g.Source, g.Target, g.Timeout.String())}
}

// ExpireMigrations counts and records each migration that is past its timeout, once. Nobody loses the volume by that: the
// next unpublish of either side ends the migration.
func (m *Manager) ExpireMigrations() {
	type about struct {
		volume string
		place  *place
		notes  []note
	}
	var expired []about
	m.mu.Lock()
	for _, volume := range sortedKeys(m.migrating) {
		c := m.cells[volume]
		if notes := m.expire(volume, c); notes != nil {
			expired = append(expired, about{volume, c.place, notes})
		}
	}
	m.mu.Unlock()
	for _, a := range expired {
		m.tell(a.volume, a.place, a.notes)
	}
}

// NextDeadline returns the reading of Elapsed at which the next migration times out.
func (m *Manager) NextDeadline() (elapsed time.Duration, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for volume := range m.migrating {
		c := m.cells[volume]
		if at := c.since + c.migration.Timeout; !c.expired && (!ok || at < elapsed) {
			elapsed, ok = at, true
		}
	}
	return elapsed, ok
}
