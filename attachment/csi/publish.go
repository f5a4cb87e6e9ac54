package csi

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-sim/holdfast/attachment"
)

// The bounds of a live migration, and the entry of the volume context that sets it.
const (
	migrationKey     = "migrationTimeoutSeconds"
	migrationMin     = 30 * time.Second
	migrationMax     = time.Hour
	migrationDefault = 5 * time.Minute
)

// Publish makes the volume available to the node. It is done when it returns nil, and asking again changes nothing.
func (c *Controller) Publish(ctx context.Context, r PublishRequest) error {
	return during(c.publish(ctx, r), "publish %s on %s", r.Volume, r.NodeID)
}

func (c *Controller) publish(ctx context.Context, r PublishRequest) error {
	timeout, err := r.validate()
	if err != nil {
		return err
	}
	h, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer h.leave()
	turn, err := h.begin(r.Volume)
	if err != nil {
		return err
	}
	defer turn.End()
	n, err := h.find(r.NodeID)
	if err != nil {
		return err
	}
	pv, err := h.checkVolume(turn, r.Volume)
	if err != nil {
		return err
	}
	p := &publish{handler: h, PublishRequest: r, turn: turn, node: n, pv: pv, timeout: timeout}
	return p.run()
}

// validate checks what the caller alone is responsible for, and returns the bound of a migration.
func (r PublishRequest) validate() (time.Duration, error) {
	switch {
	case r.Volume == "":
		return 0, coded(InvalidArgument, "the volume is missing")
	case r.NodeID == "":
		return 0, coded(InvalidArgument, "the node id is missing")
	case !r.Mode.Valid():
		return 0, coded(InvalidArgument, "access mode %q", r.Mode)
	}
	text, ok := r.Context[migrationKey]
	if !ok {
		return migrationDefault, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, coded(InvalidArgument, "%s: %w", migrationKey, err)
	}
	// Clamped as seconds: a large number of them overflows a duration.
	return time.Duration(min(max(seconds, int64(migrationMin/time.Second)), int64(migrationMax/time.Second))) * time.Second, nil
}

// checkVolume makes sure that there is a volume, and that it is there to stay. It returns its PersistentVolume, nil if there is none.
func (h *handler) checkVolume(turn *attachment.Turn, volume string) (*corev1.PersistentVolume, error) {
	exists, err := h.cfg.Backend.Exists(h.ctx, volume)
	if err != nil {
		return nil, h.unsure(err, "look for the volume")
	}
	if !exists {
		return nil, coded(NotFound, "the backend has no such volume")
	}
	pv, err := turn.PersistentVolume(h.ctx)
	if err != nil {
		return nil, h.unsure(err, "look for the persistent volume")
	}
	if pv != nil && pv.DeletionTimestamp != nil {
		return nil, coded(FailedPrecondition, "persistent volume %s is being deleted", pv.Name)
	}
	return pv, nil
}

// publish is one call that has passed the checks and has the volume's turn: nobody else changes the volume until its end.
type publish struct {
	*handler
	PublishRequest
	turn    *attachment.Turn
	node    node
	pv      *corev1.PersistentVolume // nil if there is none
	timeout time.Duration
}

func (p *publish) run() error {
	a, _ := p.turn.Attachment()
	mine, gone, others := p.sort(a.Entries)
	switch {
	case mine != nil && a.Mode != p.Mode:
		return coded(AlreadyExists, "it is published there as %s, not as %s", a.Mode, p.Mode)
	case mine != nil && mine.State == attachment.Held:
		return p.grantAgain()
	}
	if len(others) > 0 && !(p.Mode.ManyNode() && a.Mode.ManyNode()) {
		dead, err := p.lookAt(others)
		if err != nil {
			return err
		}
		gone = append(gone, dead...)
	}
	if len(gone) == len(a.Entries) && !p.allowed() {
		return coded(InvalidArgument, "persistent volume %s allows %v, and not %s", p.pv.Name, p.pv.Spec.AccessModes, p.Mode)
	}
	if err := p.evict(gone); err != nil {
		return err
	}
	if mine != nil {
		return p.grantAgain()
	}
	return p.grantNew()
}

// allowed reports whether the PersistentVolume lets a first holder have the volume in the mode of the request, which is the mode
// of all that follow. One that is for many nodes may be asked for one; the other way round two nodes would write.
func (p *publish) allowed() bool {
	if p.pv == nil || len(p.pv.Spec.AccessModes) == 0 || !p.Mode.ManyNode() {
		return true
	}
	return slices.ContainsFunc(p.pv.Spec.AccessModes, func(m corev1.PersistentVolumeAccessMode) bool {
		return m == corev1.ReadWriteMany || p.Mode == attachment.ReadOnlyMany && m == corev1.ReadOnlyMany
	})
}

// sort tells the node's own entry, those of earlier lives of the node (same name, other uid), and those of other nodes.
func (p *publish) sort(entries []attachment.Entry) (mine *attachment.Entry, gone, others []attachment.Entry) {
	for _, e := range entries {
		switch {
		case p.node.is(e.Instance):
			mine = &e
		case e.Node == p.node.name:
			gone = append(gone, e)
		default:
			others = append(others, e)
		}
	}
	return mine, gone, others
}

// grantNew reserves, and then asks the backend: what is granted is on record, whatever is lost from here on.
func (p *publish) grantNew() error {
	e, err := p.reserve()
	if err != nil {
		return err
	}
	return p.grantFirst(e)
}

// grantFirst asks for an epoch of which the backend has never heard. If it refuses, the reservation is taken back.
func (p *publish) grantFirst(e attachment.Entry) error {
	err := p.grant(e)
	if !refused(err) {
		return err
	}
	if removal := p.takeBack(e); removal != nil {
		return p.unsure(removal, "%w; take the reservation back", err)
	}
	return err
}

// grantAgain makes sure that the reservation is on record, and asks for the same epoch again if a publish or an unpublish
// left its end unknown. If that is refused, the epoch may have been ended by a revoke whose answer was lost, and then no retry
// would ever succeed. A revoke makes sure that it has ended; then a new one takes its place.
func (p *publish) grantAgain() error {
	e, err := p.reserve()
	if err != nil || e.State == attachment.Held {
		return err
	}
	err = p.grant(e)
	if !refused(err) {
		return err
	}
	if err := p.proceed(); err != nil {
		return err
	}
	if err := p.cfg.Backend.Revoke(p.ctx, p.Volume, p.NodeID, e.Epoch); err != nil {
		return p.unsure(err, "revoke epoch %d before a new one", e.Epoch)
	}
	if err := p.proceed(); err != nil {
		return err
	}
	fresh, err := p.turn.Renew(p.ctx, e.Instance, p.claim())
	if err != nil {
		return p.unsure(err, "renew epoch %d", e.Epoch)
	}
	return p.grantFirst(fresh)
}

func (p *publish) takeBack(e attachment.Entry) error {
	if err := p.proceed(); err != nil {
		return err
	}
	_, err := p.turn.Remove(p.ctx, attachment.Refused, e.Instance)
	return err
}

func (p *publish) reserve() (attachment.Entry, error) {
	if err := p.proceed(); err != nil {
		return attachment.Entry{}, err
	}
	e, err := p.turn.Reserve(p.ctx, p.claim())
	switch {
	case err == nil:
		return e, nil
	case errors.Is(err, attachment.ErrAttachedElsewhere), errors.Is(err, attachment.ErrTooManyHolders), errors.Is(err, attachment.ErrModeMismatch):
		if a, ok := p.turn.Attachment(); ok {
			p.turn.Conflict(p.node.name, a.Entries[0].Instance)
		}
		return e, coded(FailedPrecondition, "%w", err)
	}
	return e, p.unsure(err, "reserve")
}

func (p *publish) claim() attachment.Claim {
	return attachment.Claim{Node: p.node.name, UID: p.node.uid, NodeID: p.NodeID, Mode: p.Mode, MigrationTimeout: p.timeout}
}

// grant asks the backend for an entry's epoch and, if it agrees, makes the entry held, even if the caller has given up
// meanwhile. If not, the entry stays uncertain.
func (p *publish) grant(e attachment.Entry) error {
	if err := p.proceed(); err != nil {
		return err
	}
	err := p.cfg.Backend.Grant(p.ctx, p.Volume, p.NodeID, e.Epoch, p.Mode == attachment.ReadOnlyMany)
	switch {
	case refused(err):
		return coded(codeOf(err), "grant: %w", err)
	case err != nil:
		return p.unsure(err, "grant")
	case p.lead.Err() != nil:
		// The next leader finds the instance on record and takes it for uncertain. It may already have acted on that.
		return &Error{code: Unavailable, err: errNotLeading}
	}
	p.turn.Confirm(e.Instance)
	return nil
}
