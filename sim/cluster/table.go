package cluster

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// table holds the objects of one resource, and the log of their latest changes.
type table struct {
	*kind
	server *Server
	// objects by key. Invariant: frozen; nobody changes an object that is or was in here.
	objects map[string]Object
	keys    []string // of objects, sorted

	log       []change
	base      int    // the number of the log's first change; earlier ones are forgotten
	forgotten uint64 // the version of the latest forgotten change

	watches []*watcher // in the order in which they were opened
}

// change is one entry of the log: a new version of an object, or its end.
type change struct {
	version uint64
	kind    watch.EventType // ADDED, MODIFIED, DELETED
	key     string
	now     Object // of a deleted object its last state, under the version of its deletion
	before  Object // nil if the object was created
	at      time.Duration
}

func newTable(s *Server, k *kind) *table {
	return &table{kind: k, server: s, objects: make(map[string]Object)}
}

// key is where an object is stored: namespace/name, or the name alone for what has no namespace, as in client-go's caches.
func key(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// find returns the stored object.
func (t *table) find(namespace, name string) (Object, error) {
	o, ok := t.objects[key(namespace, name)]
	if !ok {
		return nil, apierrors.NewNotFound(t.groupResource(), name)
	}
	return o, nil
}

// commit stores a new version of an object under the next resourceVersion, and tells everybody.
func (t *table) commit(kind watch.EventType, now, before Object) {
	s := t.server
	s.version++
	now.SetResourceVersion(formatVersion(s.version))
	k := key(now.GetNamespace(), now.GetName())
	switch kind {
	case watch.Added:
		i, _ := slices.BinarySearch(t.keys, k)
		t.keys = slices.Insert(t.keys, i, k)
		t.objects[k] = now
	case watch.Modified:
		t.objects[k] = now
	case watch.Deleted:
		i, _ := slices.BinarySearch(t.keys, k)
		t.keys = slices.Delete(t.keys, i, i+1)
		delete(t.objects, k)
	}
	t.log = append(t.log, change{version: s.version, kind: kind, key: k, now: now, before: before, at: s.cfg.Loop.Now()})
	if len(t.log) > 2*s.cfg.HistoryMax {
		t.forget(len(t.log) - s.cfg.HistoryMax)
	}
	s.observe(t, kind, now, before)
	t.wake()
}

// forget drops the first n changes of the log.
func (t *table) forget(n int) {
	if n == 0 {
		return
	}
	t.forgotten = t.log[n-1].version
	t.base += n
	t.log = append(make([]change, 0, 2*t.server.cfg.HistoryMax+1), t.log[n:]...)
}

// since returns the number of the first change after a version.
func (t *table) since(version uint64) int {
	return t.base + sort.Search(len(t.log), func(i int) bool { return t.log[i].version > version })
}

// all returns the objects in the order of their keys.
func (t *table) all() []Object {
	out := make([]Object, len(t.keys))
	for i, k := range t.keys {
		out[i] = t.objects[k]
	}
	return out
}

// at returns the objects as they were at a version, in the order of their keys.
func (t *table) at(version uint64) ([]Object, error) {
	first := t.since(version) - t.base
	if first == len(t.log) && version >= t.forgotten {
		return t.all(), nil
	}
	if version < t.forgotten {
		return nil, expired(version, t.forgotten)
	}
	then := maps.Clone(t.objects)
	for _, c := range slices.Backward(t.log[first:]) {
		if c.before == nil {
			delete(then, c.key)
		} else {
			then[c.key] = c.before
		}
	}
	out := make([]Object, 0, len(then))
	for _, k := range slices.Sorted(maps.Keys(then)) {
		out = append(out, then[k])
	}
	return out, nil
}

// earlier returns an object as it was before its latest few changes, but not before the version floor; nil if it did not
// exist then.
func (t *table) earlier(k string, changes int, floor uint64) Object {
	o := t.objects[k]
	for _, c := range slices.Backward(t.log) {
		if c.version <= floor || changes == 0 {
			break
		}
		if c.key == k {
			o = c.before
			changes--
		}
	}
	return o
}

// expired is 410 Gone: the history does not reach back so far.
func expired(version, oldest uint64) error {
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", version, oldest))
}

// tooLarge is what a read from the future gets.
func tooLarge(version, current uint64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", version, current), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return err
}
