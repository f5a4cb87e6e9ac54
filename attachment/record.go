package attachment

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// holder is one entry of the book: a node that has, or may have, the volume.
type holder struct {
	node, uid string
	epoch     uint64
	at        time.Time
	state     State
	nodeID    string // the driver's own id of the node; "" if it was not told
	by        string // the identity of the Manager that reserved it; "" if it was not told
	// loaded means that the state follows from the record alone; a rebuild, which sees VolumeAttachments too, may know better.
	loaded bool
	// orphan means that no VolumeAttachment was seen for it, or that a rebuild saw one, which may be gone. Without one nobody else
	// ends it. Of those that are deleted later the Manager keeps a list.
	orphan bool
}

// is reports whether the node is the holder's; an unknown uid equals any.
func (h holder) is(node, uid string) bool {
	return h.node == node && (h.uid == uid || h.uid == "" || uid == "")
}

// same reports whether both are one reservation, of one Manager: two may give one epoch, even to one node. If they have no
// identities, the instant tells them apart.
func (h holder) same(o holder) bool {
	return h.node == o.node && h.uid == o.uid && h.epoch == o.epoch && h.by == o.by && h.at.Equal(o.at)
}

func (h holder) instance(volume string) Instance {
	return Instance{Volume: volume, Node: h.node, UID: h.uid, Epoch: h.epoch}
}

func (h holder) entry(volume string) Entry {
	return Entry{Instance: h.instance(volume), State: h.state, AttachedAt: h.at, NodeID: h.nodeID}
}

// record is what a volume's document says, and what memory knows in the same words.
//
// Invariant: a slice, and what a pointer points at, is never changed in place, so that records may share them.
type record struct {
	mode  Mode
	epoch uint64 // the highest ever given out
	// holders are in the order of their reservation (time, then epoch).
	holders []holder
	// migration is what the second holder's reservation began. The clock runs, and readers see it, from its confirmation on.
	migration *Migration
}

// find returns the newest holder that is this node.
func (r record) find(node, uid string) (holder, bool) {
	for _, h := range slices.Backward(r.holders) {
		if h.is(node, uid) {
			return h, true
		}
	}
	return holder{}, false
}

// has reports whether the record names that very holder.
func (r record) has(want holder) bool {
	return slices.ContainsFunc(r.holders, func(h holder) bool { return h.node == want.node && h.epoch == want.epoch })
}

// sameAs reports whether both records name the same instances. State is not compared: it is persisted only by the way.
func (r record) sameAs(o record) bool {
	return r.epoch == o.epoch && len(r.holders) == len(o.holders) && !slices.ContainsFunc(r.holders, func(h holder) bool { return !o.has(h) })
}

// admit decides a claim: it returns the entry that the node has already, or an error, or neither.
func (r record) admit(volume string, c Claim, maxHolders int) (*holder, error) {
	if !c.Mode.Valid() {
		return nil, fmt.Errorf("mode %q: %w", c.Mode, ErrModeMismatch)
	}
	if h, ok := r.find(c.Node, c.UID); ok {
		if c.Mode != r.mode {
			return nil, fmt.Errorf("%s wanted, attached as %s: %w", c.Mode, r.mode, ErrModeMismatch)
		}
		found := h // only then is it kept
		return &found, nil
	}
	switch n := len(r.holders); {
	case n == 0:
	case !r.mode.ManyNode() || !c.Mode.ManyNode():
		return nil, fmt.Errorf("%w: %v has it", ErrAttachedElsewhere, r.holders[0].instance(volume))
	case c.Mode != r.mode:
		return nil, fmt.Errorf("%s wanted, attached as %s: %w", c.Mode, r.mode, ErrModeMismatch)
	case r.mode == ReadWriteMany && maxHolders > 0 && n >= maxHolders:
		return nil, fmt.Errorf("%w: %d of %d, the first is %v", ErrTooManyHolders, n, maxHolders, r.holders[0].instance(volume))
	}
	return nil, nil
}

// with returns the record with one more holder, which begins a migration if it is the second of a ReadWriteMany volume. One
// machine in two lives (same name, other uid) is no migration.
func (r record) with(h holder, mode Mode, timeout time.Duration) record {
	if mode == ReadWriteMany && len(r.holders) == 1 && r.holders[0].node != h.node {
		r.migration = &Migration{StartedAt: h.at, Timeout: timeout, Source: r.holders[0].node, Target: h.node}
	}
	r.mode = mode
	r.epoch = h.epoch
	r.holders = append(slices.Clip(slices.Clone(r.holders)), h)
	return r
}

// without returns the record without those holders. A migration ends with either of its sides.
func (r record) without(gone []holder) record {
	r.holders = r.only(func(h holder) bool { return !record{holders: gone}.has(h) })
	return r.trim()
}

// trim takes out what the holders that are left do not bear.
func (r record) trim() record {
	if len(r.holders) == 0 {
		r.holders, r.mode = nil, ""
	}
	if g := r.migration; g != nil && !(r.names(g.Source) && r.names(g.Target)) {
		r.migration = nil
	}
	return r
}

func (r record) names(node string) bool {
	return slices.ContainsFunc(r.holders, func(h holder) bool { return h.node == node })
}

// latest returns the latest stamp in the record.
func (r record) latest() (t time.Time) {
	for _, h := range r.holders {
		if h.at.After(t) {
			t = h.at
		}
	}
	return t
}

func byReservation(a, b holder) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.epoch, b.epoch))
}
