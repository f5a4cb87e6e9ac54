package csi

import "github.com/holdfast-sim/holdfast/attachment"

// lookAt asks the API server about the nodes of the entries that stand in the way of a single writer. It returns all of
// them if all are gone. One that exists is a conflict, and one that nobody can tell of is a reason to wait: fail closed.
// Nothing is changed before all are known to be gone.
func (p *publish) lookAt(others []attachment.Entry) ([]attachment.Entry, error) {
	for _, e := range others {
		n, err := p.read(e.Node)
		if err != nil {
			return nil, during(err, "look at the holder %v", e.Instance)
		}
		if n.is(e.Instance) {
			p.turn.Conflict(p.node.name, e.Instance)
			return nil, coded(FailedPrecondition, "%w: %v has it", attachment.ErrAttachedElsewhere, e.Instance)
		}
	}
	return others, nil
}

// evict ends instances whose node is gone, at any age: fence, if so configured, then take them off the record in one write.
// Without a fence this leans on the assumption that a deleted Node object means a machine that no longer writes.
func (p *publish) evict(gone []attachment.Entry) error {
	if len(gone) == 0 {
		return nil
	}
	if p.cfg.Eviction == EvictFencing {
		if err := p.fence(gone); err != nil {
			return err
		}
	}
	err := p.proceed()
	if err == nil {
		_, err = p.turn.Remove(p.ctx, attachment.Evicted, instancesOf(gone)...)
	}
	if err != nil {
		doubt(p.turn, gone)
		return p.unsure(err, "evict %v", gone[0].Instance)
	}
	return nil
}

func (p *publish) fence(gone []attachment.Entry) error {
	for i, e := range gone {
		err := p.proceed()
		if err == nil {
			err = p.cfg.Backend.Fence(p.ctx, p.Volume, p.nodes.idOf(e), e.Epoch)
		}
		if err != nil {
			doubt(p.turn, gone[:i+1])
			return p.unsure(err, "fence %v", e.Instance)
		}
	}
	return nil
}
