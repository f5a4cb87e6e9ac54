package cluster

import (
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// The verbs that write. Each takes over the object that it is given, and returns a frozen one.

// part is what an update may touch.
type part string

const (
	whole      part = ""
	statusPart part = "status"
)

func (t *table) create(namespace string, now Object, o metav1.CreateOptions) (Object, error) {
	clearType(now)
	if err := refuseVersioned(now); err != nil {
		return nil, err
	}
	if err := t.settleNamespace(namespace, now); err != nil {
		return nil, err
	}
	if now.GetName() == "" && now.GetGenerateName() != "" {
		t.name(now)
	}
	t.server.stamp(now)
	if t.born != nil {
		t.born(now)
	}
	if err := t.validateNew(now); err != nil {
		return nil, err
	}
	if _, ok := t.objects[key(now.GetNamespace(), now.GetName())]; ok {
		return nil, apierrors.NewAlreadyExists(t.groupResource(), now.GetName())
	}
	if !dry(o.DryRun) {
		t.commit(watch.Added, now, nil)
	}
	return now, nil
}

// name completes a generateName; names that are taken are passed over, as the real server does for a while.
func (t *table) name(now Object) {
	for {
		now.SetName(now.GetGenerateName() + t.server.suffix())
		if _, taken := t.objects[key(now.GetNamespace(), now.GetName())]; !taken {
			return
		}
	}
}

func (t *table) update(namespace string, now Object, p part, o metav1.UpdateOptions) (Object, error) {
	clearType(now)
	if err := t.settleNamespace(namespace, now); err != nil {
		return nil, err
	}
	before, err := t.find(namespace, now.GetName())
	if err != nil {
		return nil, err
	}
	if err := t.refuseOther(now, before); err != nil {
		return nil, err
	}
	return t.replace(now, before, p, dry(o.DryRun))
}

// replace is the common end of update and patch.
func (t *table) replace(now, before Object, p part, dry bool) (Object, error) {
	if err := t.refuseStale(now, before); err != nil {
		return nil, err
	}
	switch {
	case p == whole:
		t.keepStatus(now, before)
	case t.kind.status == nil || p != statusPart:
		return nil, noSuchPath()
	default:
		t.keepRest(now, before)
	}
	keepSystem(now, before)
	if err := t.validateMeta(now, before); err != nil {
		return nil, err
	}
	if err := t.countSpec(now, before); err != nil {
		return nil, err
	}
	if same(now, before) {
		return before, nil
	}
	switch {
	case dry:
	case released(now):
		t.commit(watch.Deleted, now, before)
	default:
		t.commit(watch.Modified, now, before)
	}
	return now, nil
}

func (t *table) delete(namespace, name string, o metav1.DeleteOptions) (Object, error) {
	before, err := t.find(namespace, name)
	if err != nil {
		return nil, err
	}
	if err := t.refuseUnmet(o.Preconditions, before); err != nil {
		return nil, err
	}
	waits := len(before.GetFinalizers()) > 0
	if dry(o.DryRun) || waits && before.GetDeletionTimestamp() != nil {
		return before, nil
	}
	now := t.shallow(before)
	if !waits {
		t.commit(watch.Deleted, now, before)
		return now, nil
	}
	stamp, grace := t.server.seconds(), int64(0)
	now.SetDeletionTimestamp(&stamp)
	now.SetDeletionGracePeriodSeconds(&grace)
	now.SetGeneration(before.GetGeneration() + 1)
	t.commit(watch.Modified, now, before)
	return now, nil
}

// deleteAll deletes what a list would show, one after the other, and stops at the first refusal.
func (t *table) deleteAll(namespace string, o metav1.DeleteOptions, l metav1.ListOptions) ([]Object, error) {
	p, err := t.listNow(namespace, l)
	if err != nil {
		return nil, err
	}
	for _, item := range p.items {
		if _, err := t.delete(item.GetNamespace(), item.GetName(), o); err != nil {
			return nil, err
		}
	}
	return p.items, nil
}

func dry(options []string) bool { return slices.Contains(options, metav1.DryRunAll) }

// noSuchPath is the answer to a subresource that does not exist.
func noSuchPath() error {
	err := apierrors.NewNotFound(groupless, "")
	err.ErrStatus.Message = "the server could not find the requested resource"
	return err
}
