package attachment

import (
	"context"
	"slices"
	"time"
)

// renewal is an instance that takes the place of another one, and the record with it.
type renewal struct {
	holder holder
	record record
	since  time.Duration // Elapsed when it was decided
}

// Renew replaces an instance, whose epoch the backend has ended, by one of the claim's node under a new epoch, above all that
// the volume can ever have given out. It is one write: at no time does the record name nobody, and nothing tells of a detach,
// for there was none. If the instance is gone meanwhile it is a Reserve. After an error the old instance is there, or the new
// one is, whichever the record shows.
func (t *Turn) Renew(ctx context.Context, i Instance, c Claim) (Entry, error) {
	var old []holder
	var next renewal
	at, result, err := t.commit(ctx, func(st stamp) (record, time.Time, error) {
		if old = t.current(nil, []Instance{i}); len(old) == 0 {
			return record{}, time.Time{}, errNothing
		}
		next = t.renewal(old, c, st)
		return next.record, st.wall, nil
	})
	switch {
	case err == errNothing:
		return t.Reserve(ctx, c)
	case result == unknown:
		t.change(func() []note {
			t.cell.epoch = next.holder.epoch
			t.cell.doubt = &doubt{renewed: &next, removed: old, cause: Refused}
			return nil
		})
		fallthrough
	case err != nil:
		return Entry{}, err
	}
	t.change(func() []note {
		t.cell.place, t.cell.doubt = at, nil
		return t.m.renew(t.volume, t.cell, old, next)
	})
	return next.holder.entry(t.volume), nil
}

// renewal makes the new instance. Its epoch is above those too that were ended in a life of the volume of which no record tells.
func (t *Turn) renewal(old []holder, c Claim, st stamp) renewal {
	h := holder{
		node: c.Node, uid: c.UID, epoch: max(t.m.nextEpoch(t.cell), t.m.epochNow()), at: t.m.wallNow(t.cell, st),
		state: Uncertain, nodeID: c.NodeID, by: t.m.identity,
	}
	return renewal{holder: h, record: t.cell.without(old).with(h, c.Mode, clampTimeout(c.MigrationTimeout)), since: t.m.Elapsed()}
}

// renew carries a renewal out. A migration of the old instance ends with it. The caller has the lock.
func (m *Manager) renew(volume string, c *cell, old []holder, next renewal) []note {
	notes := m.finish(volume, c, old, Refused, stamp{})
	if c.migration == nil {
		c.since = next.since
	}
	c.record = next.record
	return notes
}

// renewedOn reports whether a record shows that a renewal of unknown result was carried out.
func (d *doubt) renewedOn(r record) bool {
	return d != nil && d.renewed != nil && slices.ContainsFunc(r.holders, d.renewed.holder.same)
}
