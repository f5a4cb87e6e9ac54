package attachment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// errNothing is a decision's answer that there is nothing to write.
var errNothing = errors.New("nothing to write")

// commit persists a decision on the volume's record. If somebody else has written in between, it looks live, and decides
// again. A decision gets the volume's detach stamp and returns the new record with the one to persist.
func (t *Turn) commit(ctx context.Context, decide func(stamp) (record, time.Time, error)) (*place, outcome, error) {
	var last error
	for range attemptsMax {
		next, detachedAt, err := decide(t.m.stampOf(t.volume))
		if err != nil {
			return nil, refused, err
		}
		if t.cell.place == nil {
			return nil, applied, nil
		}
		at, result, err := t.m.write(ctx, t.cell.place, next, detachedAt)
		if result != outdated {
			return at, result, err
		}
		last = err
		if _, err := t.look(ctx); err != nil {
			return nil, refused, err
		}
	}
	return nil, refused, fmt.Errorf("others wrote %d times in between: %w", attemptsMax, last)
}

func (m *Manager) stampOf(volume string) stamp {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.stamps.byVolume[volume]
}

// refresh makes the turn's cell fit to decide on.
func (t *Turn) refresh(ctx context.Context, known bool) error {
	if t.m.client == nil {
		return nil
	}
	if !known {
		if err := t.load(ctx); err != nil {
			return fmt.Errorf("read the record: %w", err)
		}
	}
	t.investigate()
	if t.cell.doubt != nil {
		if err := t.repair(ctx); err != nil {
			return fmt.Errorf("repair the record: %w", err)
		}
	}
	return nil
}

// load reads the record of a volume that memory does not know. An informer may lag, so its word that somebody has the volume
// is confirmed live; that nobody has it is confirmed by the write that follows, or does not matter.
func (t *Turn) load(ctx context.Context) error {
	pv, live, err := t.m.find(ctx, t.volume)
	if err != nil {
		return err
	}
	t.looked = live
	if pv == nil {
		return nil
	}
	p, err := read(pv)
	if err != nil {
		return err
	}
	if len(p.holders) > 0 && !live {
		_, err := t.lookAt(ctx, pv.Name)
		return err
	}
	t.settle(p)
	return nil
}

// locate makes sure that memory knows enough to decide a claim: a volume without a PersistentVolume must have none, for
// nothing of it will be persisted; and an entry that is relied on as it is must be on record still, for nothing will be
// written, and another manager may have ended it.
func (t *Turn) locate(ctx context.Context, c Claim) error {
	h, has := t.cell.find(c.Node, c.UID)
	if t.m.client == nil || t.looked || t.cell.place != nil && !(has && (h.loaded || h.state == Held)) {
		return nil
	}
	_, err := t.look(ctx)
	return err
}

// Verify looks live whether another manager has put on record what memory does not know of. An operation that finds nothing to
// end asks this before it says so. Where no PersistentVolume is known there is nothing to look at.
func (t *Turn) Verify(ctx context.Context) error {
	if t.m.client == nil || t.looked {
		return nil
	}
	name := ""
	if t.cell.place != nil {
		name = t.cell.place.name
	} else if in := t.m.synced(); in != nil {
		if pv, err := only(in.byHandle(t.m.driver, t.volume)); err == nil && pv != nil {
			name = pv.Name
		}
	}
	if name == "" {
		return nil
	}
	_, err := t.lookAt(ctx, name)
	return err
}

// look reads the record live, and settles what follows for memory.
func (t *Turn) look(ctx context.Context) (persisted, error) {
	if t.cell.place == nil {
		return t.lookAt(ctx, "")
	}
	return t.lookAt(ctx, t.cell.place.name)
}

// lookAt does so where the PersistentVolume is thought to have that name; "" is not known.
func (t *Turn) lookAt(ctx context.Context, name string) (persisted, error) {
	pv, err := t.m.getLive(ctx, t.volume, name)
	if err != nil {
		return persisted{}, err
	}
	var p persisted
	t.looked = true
	if pv != nil {
		if p, err = read(pv); err != nil {
			return persisted{}, err
		}
	}
	t.settle(p)
	return p, nil
}

// investigate looks at a change of the PersistentVolume that was none of our writes, or came before its own reply. If the
// record is another one, the volume is dirty.
func (t *Turn) investigate() {
	m := t.m
	m.mu.Lock()
	_, suspect := m.suspects[t.volume]
	delete(m.suspects, t.volume)
	m.mu.Unlock()
	in := m.synced()
	if !suspect || in == nil || t.cell.doubt != nil {
		return
	}
	pv, err := only(in.byHandle(m.driver, t.volume))
	if err == nil && (pv == nil || t.cell.place != nil && !newer(pv.ResourceVersion, t.cell.place.version)) {
		return
	}
	if err == nil {
		if p, err := read(pv); err == nil && p.sameAs(t.cell.record) {
			t.change(func() []note { t.cell.place = p.place; return nil })
			return
		}
	}
	t.change(func() []note { t.cell.doubt = &doubt{}; return nil })
}

// repair makes memory and record agree: memory learns what was done, and the record loses what was only tried. What was tried
// may still be on its way, so there is always a write, under a new epoch: it moves the PersistentVolume to a version at which
// nothing sent before has effect. Only if nothing was tried, and record and memory agree, it is spared.
func (t *Turn) repair(ctx context.Context) error {
	var last error
	for range attemptsMax {
		p, err := t.look(ctx)
		if err != nil {
			return err
		}
		if t.cell.place == nil || !t.cell.doubt.tried() && p.sameAs(t.cell.record) {
			t.change(func() []note { t.cell.doubt = nil; return nil })
			return nil
		}
		next := t.cell.record
		next.epoch++
		at, result, err := t.m.write(ctx, t.cell.place, next, t.m.stampOf(t.volume).wall)
		if result == applied {
			t.change(func() []note {
				t.cell.epoch, t.cell.place, t.cell.doubt = next.epoch, at, nil
				return nil
			})
			return nil
		}
		if last = err; result != outdated {
			return err
		}
	}
	return fmt.Errorf("others wrote %d times in between: %w", attemptsMax, last)
}

// Clean reports whether Repair has nothing to do.
func (m *Manager) Clean() bool {
	now := m.Elapsed()
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.dirty) == 0 && len(m.suspects) == 0 && !m.stamps.stale(now)
}

// Repair settles what is in doubt: dirty volumes, and records that somebody else has written. A volume in use is left to its
// user. It goes on to the next volume after an error, and returns all errors joined. It also forgets old detach stamps. Call
// it once in each pass.
func (m *Manager) Repair(ctx context.Context) error {
	m.prune()
	m.mu.RLock()
	volumes := append(sortedKeys(m.dirty), sortedKeys(m.suspects)...)
	m.mu.RUnlock()
	slices.Sort(volumes)
	var errs []error
	for _, volume := range slices.Compact(volumes) {
		if ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		if !m.turns.try(volume) {
			continue
		}
		t, err := m.begin(ctx, volume)
		if err != nil {
			errs = append(errs, fmt.Errorf("repair %s: %w", volume, err))
			continue
		}
		t.End()
	}
	return errors.Join(errs...)
}
