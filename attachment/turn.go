package attachment

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The bounds of a migration's timeout.
const (
	migrationTimeoutMin     = 30 * time.Second
	migrationTimeoutDefault = 5 * time.Minute
	migrationTimeoutMax     = time.Hour
)

// leap is how far an epoch that was refused is left behind: a day of microseconds. What has ended it may have been counted by a wall
// clock that was ahead, and has been set back since.
const leap = uint64(24 * time.Hour / time.Microsecond)

// Turn is the right to change one volume. It may be held across I/O: others wait for it with their context, and readers do not
// wait at all. It belongs to one goroutine.
type Turn struct {
	m      *Manager
	volume string
	cell   *cell
	looked bool // the API server itself was asked in this turn
	ended  bool
}

// Begin waits for the volume's turn. It then repairs the volume if it is dirty, and reads its record if memory does not know
// it; if that fails there is no turn, for nobody should decide on what may be wrong.
func (m *Manager) Begin(ctx context.Context, volume string) (*Turn, error) {
	m.prune()
	if err := m.turns.acquire(ctx, volume); err != nil {
		return nil, fmt.Errorf("wait for another call: %w", err)
	}
	return m.begin(ctx, volume)
}

// begin makes the turn of a volume that has been acquired.
func (m *Manager) begin(ctx context.Context, volume string) (*Turn, error) {
	m.settleDeferred(volume)
	m.mu.RLock()
	c, known := m.cells[volume]
	m.mu.RUnlock()
	if !known {
		c = &cell{}
	}
	t, ok := m.spare.Get().(*Turn)
	if !ok {
		t = new(Turn)
	}
	*t = Turn{m: m, volume: volume, cell: c}
	if err := t.refresh(ctx, known); err != nil {
		t.End()
		return nil, err
	}
	return t, nil
}

// End gives the turn back. A second End does nothing.
func (t *Turn) End() {
	if t.ended {
		return
	}
	t.ended = true
	t.m.turns.release(t.volume)
	t.m.resume(t.volume)
}

// Attachment returns a copy of the volume's state, and whether any node has it.
func (t *Turn) Attachment() (Attachment, bool) { return t.m.GetAttachment(t.volume) }

// PersistentVolume returns the volume's PersistentVolume, from the informer if that has it, else live; nil if there is none.
// It is shared: do not change it.
func (t *Turn) PersistentVolume(ctx context.Context) (*corev1.PersistentVolume, error) {
	if t.m.client == nil {
		return nil, nil
	}
	pv, live, err := t.m.find(ctx, t.volume)
	if pv == nil && err == nil && !live {
		pv, err = t.m.findLive(ctx, t.volume)
	}
	return pv, err
}

// Reserve makes the claim's node a holder to be, Uncertain, under a new epoch, and persists that. A node (and uid) that has
// the volume already gets its entry back; nothing is written, save once if it is Uncertain and follows from what an earlier
// leader wrote (see secure). Refusals (ErrAttachedElsewhere, ErrTooManyHolders, ErrModeMismatch) and errors leave no trace
// but the epoch.
func (t *Turn) Reserve(ctx context.Context, c Claim) (Entry, error) {
	if err := t.locate(ctx, c); err != nil {
		return Entry{}, err
	}
	var got holder
	var next record
	var since time.Duration
	at, result, err := t.commit(ctx, func(st stamp) (record, time.Time, error) {
		existing, err := t.cell.admit(t.volume, c, t.m.maxHolders)
		if err != nil {
			return record{}, time.Time{}, err
		}
		if existing != nil {
			got = *existing
			return t.secure(got, st)
		}
		got = holder{node: c.Node, uid: c.UID, epoch: t.m.nextEpoch(t.cell), at: t.m.wallNow(t.cell, st), state: Uncertain, nodeID: c.NodeID, by: t.m.identity}
		since = t.m.Elapsed()
		next = t.cell.with(got, c.Mode, clampTimeout(c.MigrationTimeout))
		return next, st.wall, nil
	})
	switch {
	case err == errNothing:
		t.wanted(got)
		return got.entry(t.volume), nil
	case result == unknown && t.cell.has(got):
		t.change(func() []note { t.cell.doubt = &doubt{}; return nil })
		return Entry{}, err
	case result == unknown:
		t.change(func() []note {
			t.cell.epoch = got.epoch
			t.cell.doubt = &doubt{reserved: got}
			return nil
		})
		fallthrough
	case err != nil:
		return Entry{}, err
	}
	t.change(func() []note {
		if t.cell.has(got) {
			t.cell.epoch, t.cell.place, t.cell.doubt = t.cell.epoch+1, at, nil
			return nil
		}
		hadMigration := t.cell.migration != nil
		t.cell.record = next
		t.cell.place, t.cell.doubt = at, nil // nothing that was tried before can have effect any more
		if !hadMigration {
			t.cell.since = since
		}
		return nil
	})
	return got.entry(t.volume), nil
}

// wanted notes that somebody asks for an entry that is there, whatever became of who asked before.
func (t *Turn) wanted(h holder) {
	n := t.index(h.instance(t.volume))
	t.m.mu.RLock()
	_, parted := t.m.parted[t.volume][h.node]
	t.m.mu.RUnlock()
	if (h.orphan || parted) && h.state == Held && n >= 0 {
		t.change(func() []note {
			delete(t.m.parted[t.volume], h.node)
			t.setState(n, Held)
			return nil
		})
	}
}

// secure decides for an entry that is there already. Where it follows from what an earlier leader wrote, a write of that
// leader may still be on its way and take it off the record again: before anybody relies on it, it is written anew, under
// a new epoch, for a write that changes nothing moves no version.
func (t *Turn) secure(h holder, st stamp) (record, time.Time, error) {
	if h.state == Held || t.cell.place == nil || t.cell.place.own {
		return record{}, time.Time{}, errNothing
	}
	next := t.cell.record
	next.epoch++
	return next, st.wall, nil
}

// Confirm makes the instance Held: the attach is counted and VolumeAttached recorded, the detach stamp goes, and if it is
// the target of a migration, that is under way (MigrationStarted). Nothing happens if it is Held already, or gone.
func (t *Turn) Confirm(i Instance) {
	n := t.index(i)
	if n < 0 || t.cell.holders[n].state == Held {
		return
	}
	m := t.m
	t.change(func() []note {
		h := t.setState(n, Held)
		delete(m.parted[t.volume], h.node)
		m.stamps.drop(t.volume)
		m.metrics.attaches.Inc()
		notes := m.note(nil, normal(reasonAttached, "volume %s attached to %s", t.volume, h.node))
		if g := t.cell.migration; g != nil && !t.cell.running && g.Target == h.node {
			t.cell.running, t.cell.expired = true, false
			m.metrics.migrations.WithLabelValues(migrationStarted).Inc()
			notes = m.note(notes, normal(reasonMigrationStarted, "migration of %s from %s to %s started", t.volume, g.Source, g.Target))
		}
		return notes
	})
}

// Doubt makes the instance Uncertain, after an unpublish, fence or clear that did not succeed.
func (t *Turn) Doubt(i Instance) {
	if n := t.index(i); n >= 0 && t.cell.holders[n].state == Held {
		t.change(func() []note { t.setState(n, Uncertain); return nil })
	}
}

// Remove takes out those of the instances that are current, in one write, and says whether any was. The last one stamps the
// detach time; the end of a migration is counted with its result. After an error they are there, Uncertain.
func (t *Turn) Remove(ctx context.Context, why Cause, instances ...Instance) (bool, error) {
	var few [2]holder
	var gone []holder
	var detached stamp
	var raised uint64
	at, result, err := t.commit(ctx, func(st stamp) (record, time.Time, error) {
		gone = t.current(few[:0], instances)
		if len(gone) == 0 {
			return record{}, time.Time{}, errNothing
		}
		next := t.cell.without(gone)
		if why == Refused { // its epoch may have ended in a life of the volume of which no record tells: the next is far above
			next.epoch = max(next.epoch+leap, t.m.epochNow())
			raised = next.epoch
		}
		if len(next.holders) > 0 && t.cell.place != nil && !t.cell.place.own {
			next.epoch++ // what stays becomes ours by this write: whoever reserved it, and was not told, is not to take it back
			raised = max(raised, next.epoch)
		}
		if len(next.holders) > 0 || why == Refused {
			return next, st.wall, nil
		}
		detached = stamp{wall: t.m.wallNow(t.cell, st), at: t.m.Elapsed()}
		return next, detached.wall, nil
	})
	switch {
	case err == errNothing:
		return false, nil
	case err != nil:
		t.change(func() []note {
			for _, h := range t.current(nil, instances) {
				t.setState(t.index(h.instance(t.volume)), Uncertain)
			}
			if result == unknown {
				t.cell.doubt = &doubt{removed: slices.Clone(gone), cause: why, stamp: detached}
			}
			return nil
		})
		return false, err
	}
	t.change(func() []note {
		t.cell.place, t.cell.doubt = at, nil
		t.cell.epoch = max(t.cell.epoch, raised)
		return t.m.finish(t.volume, t.cell, gone, why, detached)
	})
	return true, nil
}

// Conflict counts a refused call, and records AttachmentConflict: node wants the volume that holder has.
func (t *Turn) Conflict(node string, holder Instance) {
	m := t.m
	m.mu.Lock()
	m.version++
	m.metrics.conflicts.Inc()
	m.mu.Unlock()
	m.tell(t.volume, t.cell.place, []note{warning(reasonConflict, "volume %s wanted on %s is attached to %s", t.volume, node, holder.Node)})
}

func (t *Turn) change(f func() []note) { t.m.change(t.volume, t.cell, f) }

// index finds the current holder that is this very instance, -1 if it is gone.
func (t *Turn) index(i Instance) int {
	return slices.IndexFunc(t.cell.holders, func(h holder) bool { return h.epoch == i.Epoch && h.is(i.Node, i.UID) })
}

// current appends those of the instances that are current.
func (t *Turn) current(found []holder, instances []Instance) []holder {
	for n, h := range t.cell.holders {
		if slices.ContainsFunc(instances, func(i Instance) bool { return t.index(i) == n }) {
			found = append(found, h)
		}
	}
	return found
}

// setState returns the holder with its new state, of which an operation, and no longer the record alone, is the reason.
func (t *Turn) setState(n int, s State) holder {
	holders := slices.Clone(t.cell.holders)
	h := &holders[n]
	h.state, h.loaded = s, false
	if s == Held {
		h.orphan = false
	}
	t.cell.holders = holders
	return *h
}

func clampTimeout(d time.Duration) time.Duration {
	if d <= 0 {
		return migrationTimeoutDefault
	}
	return min(max(d, migrationTimeoutMin), migrationTimeoutMax)
}
