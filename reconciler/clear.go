package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/attachment"
)

// clear ends one instance whose node is gone, if it is still the current one: fence, then compare and clear, both in one
// turn, so that no publish finds the instance between the two and takes it for good.
func (p *pass) clear(ctx context.Context, i attachment.Instance) error {
	turn, err := p.cfg.Manager.Begin(ctx, i.Volume)
	if err != nil {
		return fmt.Errorf("clear %v: %w", i, err)
	}
	defer turn.End()
	a, _ := turn.Attachment()
	n := slices.IndexFunc(a.Entries, func(e attachment.Entry) bool { return e.Instance == i })
	if n < 0 {
		return nil
	}
	if p.cfg.Fencer != nil {
		id := a.Entries[n].NodeID
		if id == "" {
			id = p.cfg.NodeID(i.Node)
		}
		if err := p.cfg.Fencer.Fence(ctx, i.Volume, id, i.Epoch); err != nil {
			turn.Doubt(i)
			return fmt.Errorf("fence %v: %w", i, err)
		}
	}
	if _, err := turn.Remove(ctx, attachment.StaleCleared, i); err != nil {
		return fmt.Errorf("clear %v: %w", i, err)
	}
	return nil
}

// guarded is the mass-clear guard. One node that dies takes a few attachments with it; if a large part of all is due at
// once, it is likelier that the API server lies, and a list, which fails in other ways than a read does, has to agree.
func (p *pass) guarded(due []attachment.Instance, all int) bool {
	if len(due) < p.cfg.GuardMin || float64(len(due)) <= p.cfg.GuardShare*float64(all) {
		return true
	}
	err := p.call(func(ctx context.Context) error { return p.listAgrees(ctx, due) })
	if err == nil {
		return true
	}
	if p.ctx.Err() == nil {
		p.retry = true
		p.metrics.add(p.metrics.massGuard, 1)
		p.cfg.Logger.Info("Cleared nothing: too much at once", "due", len(due), "of", all, "reason", err.Error())
	}
	return false
}

var errEmptyList = errors.New("list nodes: the list is empty")

// listAgrees reports why a list of all nodes does not bear out that the nodes of these instances are gone.
func (p *pass) listAgrees(ctx context.Context, due []attachment.Instance) error {
	// No resourceVersion: the answer comes from a quorum, not from the API server's cache.
	nodes, err := p.cfg.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	if len(nodes.Items) == 0 {
		return errEmptyList
	}
	uids := make(map[string]string, len(nodes.Items))
	for i := range nodes.Items {
		uids[nodes.Items[i].Name] = string(nodes.Items[i].UID)
	}
	for _, i := range due {
		if uid, there := uids[i.Node]; there && keyOf(i).is(uid) {
			return fmt.Errorf("list nodes: the list has %s, which a read did not find", i.Node)
		}
	}
	return nil
}
