package cluster

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// session is one incarnation's connection.
type session struct {
	server *Server
	proc   int
	caller Caller
}

// typed is the client of one resource, in the shape of client-go's typed clients: T an object, L its list, A its apply
// configuration. Every method is a request to the loop.
type typed[T Object, L runtime.Object, A any] struct {
	session
	table     *table
	namespace string
}

func newTyped[T Object, L runtime.Object, A any](s session, resource, namespace string) typed[T, L, A] {
	return typed[T, L, A]{s, s.server.tables[resource], namespace}
}

// verb takes effect on the loop's goroutine.
type verb func(e *trace.Event, d fault.Decision) (any, error)

// call sends a request. What comes back is frozen, and is copied for the caller, on the caller's own goroutine.
func (c typed[T, L, A]) call(ctx context.Context, word, name string, do verb) (any, error) {
	return c.caller.Call(ctx, sched.Request{
		Verb: word, Resource: c.table.resource, Name: name,
		Do:   do,
		Fail: func(effect fault.Effect) error { return c.table.injectedAPI(effect, word, name) },
		Seen: c.seen,
		Code: apiCode,
	})
}

// seen says what a reply shows to its reader.
func (c typed[T, L, A]) seen(e *trace.Event, answer any) {
	switch a := answer.(type) {
	case Object:
		c.server.describe(e, a)
	case page:
		e.Count, e.Version = len(a.items), a.meta.ResourceVersion
	case *watcher:
		a.listen()
	}
}

// one calls a verb that answers with an object.
func (c typed[T, L, A]) one(ctx context.Context, word, name string, do func(e *trace.Event, d fault.Decision) (Object, error)) (T, error) {
	answer, err := c.call(ctx, word, name, func(e *trace.Event, d fault.Decision) (any, error) {
		o, err := do(e, d)
		if err != nil {
			return nil, err
		}
		c.server.describe(e, o)
		return o, nil
	})
	if err != nil {
		return c.table.make().(T), err // never nil, as from the real client
	}
	return answer.(Object).DeepCopyObject().(T), nil
}

// Create implements the typed clients' method of this name.
func (c typed[T, L, A]) Create(ctx context.Context, obj T, o metav1.CreateOptions) (T, error) {
	now := obj.DeepCopyObject().(Object) // the caller may change its own while the request is on its way
	return c.one(ctx, "create", obj.GetName(), func(*trace.Event, fault.Decision) (Object, error) {
		return c.table.create(c.namespace, now, o)
	})
}

// Update implements the typed clients' method of this name.
func (c typed[T, L, A]) Update(ctx context.Context, obj T, o metav1.UpdateOptions) (T, error) {
	return c.update(ctx, obj, whole, o)
}

// UpdateStatus implements the typed clients' method of this name.
func (c typed[T, L, A]) UpdateStatus(ctx context.Context, obj T, o metav1.UpdateOptions) (T, error) {
	return c.update(ctx, obj, statusPart, o)
}

func (c typed[T, L, A]) update(ctx context.Context, obj T, p part, o metav1.UpdateOptions) (T, error) {
	now := obj.DeepCopyObject().(Object)
	return c.one(ctx, "update", obj.GetName(), func(*trace.Event, fault.Decision) (Object, error) {
		return c.table.update(c.namespace, now, p, o)
	})
}

// Patch implements the typed clients' method of this name.
func (c typed[T, L, A]) Patch(ctx context.Context, name string, form types.PatchType, data []byte, o metav1.PatchOptions, subresources ...string) (T, error) {
	data = append([]byte(nil), data...)
	p := whole
	if len(subresources) > 0 {
		p = part(subresources[0])
	}
	return c.one(ctx, "patch", name, func(*trace.Event, fault.Decision) (Object, error) {
		return c.table.patch(c.namespace, name, form, data, p, o)
	})
}

// Get implements the typed clients' method of this name.
func (c typed[T, L, A]) Get(ctx context.Context, name string, o metav1.GetOptions) (T, error) {
	return c.one(ctx, "get", name, func(e *trace.Event, d fault.Decision) (Object, error) {
		if c.table.resource == "nodes" {
			e.Node = name // a read that finds nothing is about this node too
		}
		return c.table.get(c.namespace, name, o, c.changesBack(e, d, o.ResourceVersion))
	})
}

// staleMax is the number of changes that a stale read may miss.
const staleMax = 4

// changesBack says how far back a stale read looks. A read that names no version is linearizable on a real server, so that
// no fault makes it stale, and none is told.
func (c typed[T, L, A]) changesBack(e *trace.Event, d fault.Decision, version string) int {
	switch {
	case d.Effect != fault.StaleRead:
		return 0
	case version == "":
		e.Fault = string(fault.None)
		return 0
	case c.server.cfg.Source == nil:
		return 1
	}
	return 1 + c.server.cfg.Source.Choose("stale/"+e.Label, staleMax)
}

// lose takes about half of the items out of a page. One that has none left to lose is whole, and no fault is told.
func (c typed[T, L, A]) lose(e *trace.Event, p *page) {
	all := len(p.items)
	p.items = slices.DeleteFunc(slices.Clone(p.items), func(o Object) bool {
		return c.server.cfg.Source == nil || c.server.cfg.Source.Choose("partial/"+e.Label+"/"+o.GetName(), 2) == 0
	})
	if len(p.items) == all {
		e.Fault = string(fault.None)
	}
}

// List implements the typed clients' method of this name.
func (c typed[T, L, A]) List(ctx context.Context, o metav1.ListOptions) (L, error) {
	answer, err := c.call(fromInformer(ctx, o), "list", "", func(e *trace.Event, d fault.Decision) (any, error) {
		if d.Effect == fault.EmptyList {
			e.Version = c.server.Version()
			return page{meta: metav1.ListMeta{ResourceVersion: e.Version}}, nil
		}
		p, err := c.table.list(c.namespace, o, c.changesBack(e, d, o.ResourceVersion))
		if err != nil {
			return nil, err
		}
		if d.Effect == fault.PartialList {
			c.lose(e, &p)
		}
		c.seen(e, p)
		return p, nil
	})
	if err != nil {
		return c.table.kind.list(metav1.ListMeta{}, nil).(L), err
	}
	p := answer.(page)
	return c.table.kind.list(p.meta, p.items).(L), nil
}

// Watch implements the typed clients' method of this name.
func (c typed[T, L, A]) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	w := newWatcher(ctx, c.table, c.caller, c.proc)
	_, err := c.call(fromInformer(ctx, o), "watch", "", func(e *trace.Event, _ fault.Decision) (any, error) {
		if w.over() {
			return nil, apierrors.NewInternalError(fmt.Errorf("watch %s: the client has gone", c.table.resource))
		}
		e.Version = o.ResourceVersion
		return w, w.open(c.namespace, o)
	})
	if err != nil {
		w.Stop() // it may be open although the caller was not told
		return nil, err
	}
	return w, nil
}

// Delete implements the typed clients' method of this name.
func (c typed[T, L, A]) Delete(ctx context.Context, name string, o metav1.DeleteOptions) error {
	_, err := c.one(ctx, "delete", name, func(*trace.Event, fault.Decision) (Object, error) {
		return c.table.delete(c.namespace, name, o)
	})
	return err
}

// DeleteCollection implements the typed clients' method of this name.
func (c typed[T, L, A]) DeleteCollection(ctx context.Context, o metav1.DeleteOptions, l metav1.ListOptions) error {
	_, err := c.call(ctx, "deletecollection", "", func(e *trace.Event, _ fault.Decision) (any, error) {
		gone, err := c.table.deleteAll(c.namespace, o, l)
		e.Count = len(gone)
		return nil, err
	})
	return err
}

// Apply implements the typed clients' method of this name by refusing: field ownership is not simulated.
func (c typed[T, L, A]) Apply(context.Context, A, metav1.ApplyOptions) (T, error) {
	return c.table.make().(T), apierrors.NewGenericServerResponse(http.StatusUnsupportedMediaType, "patch", c.table.groupResource(), "",
		"the simulated server does not take server-side apply", 0, true)
}

// ApplyStatus implements the typed clients' method of this name, as Apply does.
func (c typed[T, L, A]) ApplyStatus(ctx context.Context, a A, o metav1.ApplyOptions) (T, error) {
	return c.Apply(ctx, a, o)
}
