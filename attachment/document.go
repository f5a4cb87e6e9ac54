package attachment

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	kjson "sigs.k8s.io/json"
)

// The document is the record as it stands in the annotation holdfast.dev/attachment of the volume's PersistentVolume:
//
//	{
//	  "version": 1,
//	  "mode": "ReadWriteMany",
//	  "epoch": 7,                          the highest ever given out
//	  "instances": [                       by attachedAt, then epoch
//	    {"node": "node-1", "uid": "u1", "epoch": 6, "state": "held", "attachedAt": "2026-01-31T10:00:00Z"},
//	    {"node": "node-2", "uid": "u2", "epoch": 7, "state": "uncertain", "attachedAt": "2026-01-31T10:05:00Z"}
//	  ],
//	  "migration": {"startedAt": "2026-01-31T10:05:00Z", "timeout": "5m0s", "source": "node-1", "target": "node-2"},
//	  "detachedAt": "2026-01-31T09:59:58Z"
//	}
//
// After the last detach the tombstone {"version":1,"epoch":7,"detachedAt":"..."} stays for the PersistentVolume's life, so that
// epochs never repeat. A state is what it was when the document was written; a rebuild decides by the VolumeAttachments.
// "nodeID" beside "node" is the driver's own id of the node, if the caller told it: the CSINode that maps one to the other goes
// with the Node, and whoever has to fence or revoke after a restart needs it. "reservedBy" is the identity of the Manager whose
// reservation it is, see WithIdentity. "detachedAt" is there while the detach stamp was: a reservation keeps it until it is confirmed,
// for a publish that fails must leave no trace. What is not in this grammar is refused: a later version may mean by it that the
// volume is in use.
type document struct {
	Version    int                `json:"version"`
	Mode       Mode               `json:"mode,omitempty"`
	Epoch      uint64             `json:"epoch"`
	Instances  []documentInstance `json:"instances,omitempty"`
	Migration  *documentMigration `json:"migration,omitempty"`
	DetachedAt *time.Time         `json:"detachedAt,omitempty"`
}

type documentInstance struct {
	Node       string    `json:"node"`
	UID        string    `json:"uid,omitempty"`
	NodeID     string    `json:"nodeID,omitempty"`
	Epoch      uint64    `json:"epoch"`
	State      State     `json:"state"`
	AttachedAt time.Time `json:"attachedAt"`
	ReservedBy string    `json:"reservedBy,omitempty"`
}

type documentMigration struct {
	StartedAt time.Time `json:"startedAt"`
	Timeout   string    `json:"timeout"`
	Source    string    `json:"source"`
	Target    string    `json:"target"`
}

const (
	documentVersion = 1
	// documentBytesMax bounds the document well below the 256 KiB that all annotations of an object share. It has room for
	// some hundred holders.
	documentBytesMax = 64 << 10
)

// encode writes the document. A zero detachedAt is no stamp.
func encode(r record, detachedAt time.Time) (string, error) {
	d := document{Version: documentVersion, Mode: r.mode, Epoch: r.epoch}
	for _, h := range r.holders {
		d.Instances = append(d.Instances, documentInstance{Node: h.node, UID: h.uid, NodeID: h.nodeID, Epoch: h.epoch, State: h.state, AttachedAt: h.at, ReservedBy: h.by})
	}
	if g := r.migration; g != nil {
		d.Migration = &documentMigration{StartedAt: g.StartedAt, Timeout: g.Timeout.String(), Source: g.Source, Target: g.Target}
	}
	if !detachedAt.IsZero() {
		d.DetachedAt = &detachedAt
	}
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if len(text) > documentBytesMax {
		return "", fmt.Errorf("%w: %d bytes for %d instances, more than %d", ErrRecord, len(text), len(r.holders), documentBytesMax)
	}
	return string(text), nil
}

// decode reads a document. Every holder is uncertain until something better than the record is known.
func decode(text string) (r record, detachedAt time.Time, err error) {
	var d document
	strict, err := kjson.UnmarshalStrict([]byte(text), &d)
	if err = errors.Join(append(strict, err)...); err == nil {
		err = d.validate(len(text))
	}
	if err != nil {
		return record{}, time.Time{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	r = record{mode: d.Mode, epoch: d.Epoch}
	for _, i := range d.Instances {
		r.holders = append(r.holders, holder{node: i.Node, uid: i.UID, nodeID: i.NodeID, epoch: i.Epoch, at: i.AttachedAt, state: Uncertain, by: i.ReservedBy, loaded: true})
	}
	if g := d.Migration; g != nil {
		timeout, _ := time.ParseDuration(g.Timeout) // validated
		r.migration = &Migration{StartedAt: g.StartedAt, Timeout: timeout, Source: g.Source, Target: g.Target}
	}
	if d.DetachedAt != nil {
		detachedAt = *d.DetachedAt
	}
	return r, detachedAt, nil
}

func (d document) validate(size int) error {
	switch {
	case d.Version != documentVersion:
		return fmt.Errorf("version %d, not %d", d.Version, documentVersion)
	case size > documentBytesMax:
		return fmt.Errorf("%d bytes, more than %d", size, documentBytesMax)
	case d.Epoch == 0:
		return errors.New("epoch is missing")
	case len(d.Instances) == 0 && d.Mode != "":
		return fmt.Errorf("mode %q of no instance", d.Mode)
	case len(d.Instances) > 0 && !d.Mode.Valid():
		return fmt.Errorf("mode %q", d.Mode)
	case d.DetachedAt != nil && d.DetachedAt.IsZero():
		return errors.New("detachedAt is zero")
	}
	for n, i := range d.Instances {
		if err := i.validate(d.Epoch); err != nil {
			return fmt.Errorf("instance %d: %w", n, err)
		}
		if n > 0 && !d.Instances[n-1].before(i) {
			return fmt.Errorf("instance %d is not in order", n)
		}
	}
	return d.Migration.validate(d)
}

func (i documentInstance) validate(highest uint64) error {
	switch {
	case i.Node == "":
		return errors.New("node is missing")
	case i.Epoch == 0 || i.Epoch > highest:
		return fmt.Errorf("epoch %d is not in 1..%d", i.Epoch, highest)
	case i.State != Held && i.State != Uncertain:
		return fmt.Errorf("state %q", i.State)
	case i.AttachedAt.IsZero():
		return errors.New("attachedAt is missing")
	}
	return nil
}

// before is the order of instances; two of one epoch are never in order.
func (i documentInstance) before(next documentInstance) bool {
	return i.Epoch != next.Epoch && (i.AttachedAt.Before(next.AttachedAt) || i.AttachedAt.Equal(next.AttachedAt) && i.Epoch < next.Epoch)
}

func (g *documentMigration) validate(d document) error {
	if g == nil {
		return nil
	}
	named := func(node string) bool {
		return slices.ContainsFunc(d.Instances, func(i documentInstance) bool { return i.Node == node })
	}
	timeout, err := time.ParseDuration(g.Timeout)
	switch {
	case err != nil:
		return fmt.Errorf("migration: %w", err)
	case d.Mode != ReadWriteMany:
		return fmt.Errorf("migration of a %s volume", d.Mode)
	case timeout <= 0:
		return fmt.Errorf("migration: timeout %s", g.Timeout)
	case g.StartedAt.IsZero():
		return errors.New("migration: startedAt is missing")
	case g.Source == g.Target || !named(g.Source) || !named(g.Target):
		return fmt.Errorf("migration from %q to %q, which are not two of the instances", g.Source, g.Target)
	}
	return nil
}
