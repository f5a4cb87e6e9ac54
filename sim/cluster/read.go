package cluster

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The verbs that read. What they return is frozen.

var groupless = schema.GroupResource{}

// page is the answer to a list.
type page struct {
	meta  metav1.ListMeta
	items []Object
}

// get returns an object. With changesBack it is the object of some changes ago, if the request allows that: a read without
// resourceVersion is linearizable on a real server, so no fault makes it stale; one with "0" comes from a cache of any age,
// one with a version is at least as fresh as that.
func (t *table) get(namespace, name string, o metav1.GetOptions, changesBack int) (Object, error) {
	floor, err := t.server.parse(o.ResourceVersion)
	if err != nil {
		return nil, err
	}
	if changesBack == 0 || o.ResourceVersion == "" {
		return t.find(namespace, name)
	}
	if old := t.earlier(key(namespace, name), changesBack, floor); old != nil {
		return old, nil
	}
	return nil, apierrors.NewNotFound(t.groupResource(), name)
}

func (t *table) listNow(namespace string, o metav1.ListOptions) (page, error) {
	return t.list(namespace, o, 0)
}

// list returns a page of the objects that are selected; changesBack is as for get, counted in changes of any object.
func (t *table) list(namespace string, o metav1.ListOptions, changesBack int) (page, error) {
	selected, err := t.selector(namespace, o)
	if err != nil {
		return page{}, err
	}
	version, start, err := t.listVersion(o, changesBack)
	if err != nil {
		return page{}, err
	}
	objects, err := t.at(version)
	if err != nil {
		return page{}, err
	}
	p := page{meta: metav1.ListMeta{ResourceVersion: formatVersion(version)}}
	limit := int(o.Limit)
	if o.ResourceVersion == "0" {
		limit = 0 // answered from the watch cache, which does not page
	}
	var rest int64
	for _, obj := range objects {
		k := key(obj.GetNamespace(), obj.GetName())
		if k <= start || !selected(obj) {
			continue
		}
		if limit > 0 && len(p.items) == limit {
			rest++
			continue
		}
		p.items = append(p.items, obj)
	}
	if rest > 0 {
		last := p.items[len(p.items)-1]
		p.meta.Continue = continueToken(version, key(last.GetNamespace(), last.GetName()))
		p.meta.RemainingItemCount = &rest
	}
	return p, nil
}

// listVersion says which version a list shows, and after which key it starts.
func (t *table) listVersion(o metav1.ListOptions, changesBack int) (version uint64, start string, err error) {
	s := t.server
	if o.Continue != "" {
		return parseContinue(o.Continue)
	}
	floor, err := s.parse(o.ResourceVersion)
	switch {
	case err != nil:
		return 0, "", err
	case o.ResourceVersionMatch == metav1.ResourceVersionMatchExact:
		return floor, "", nil
	case changesBack > 0 && o.ResourceVersion != "" && len(t.log) > 0:
		back := max(0, len(t.log)-changesBack)
		return max(floor, t.log[back].version-1, t.forgotten), "", nil
	}
	return s.version, "", nil
}

// parse reads a resourceVersion; none, and "0", are 0.
func (s *Server) parse(version string) (uint64, error) {
	if version == "" {
		return 0, nil
	}
	v, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("invalid resource version %q", version))
	}
	if v > s.version {
		return 0, tooLarge(v, s.version)
	}
	return v, nil
}

func continueToken(version uint64, after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(formatVersion(version) + ":" + after))
}

func parseContinue(token string) (version uint64, after string, err error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		var v string
		v, after, _ = strings.Cut(string(text), ":")
		version, err = strconv.ParseUint(v, 10, 64)
	}
	if err != nil {
		return 0, "", apierrors.NewBadRequest("continue key is not valid: " + err.Error())
	}
	return version, after, nil
}

// selector returns the test of a list's or watch's namespace, label selector and field selector.
func (t *table) selector(namespace string, o metav1.ListOptions) (func(Object) bool, error) {
	byLabel, err := labels.Parse(o.LabelSelector)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("unable to parse label selector %q: %v", o.LabelSelector, err))
	}
	byField, err := fields.ParseSelector(o.FieldSelector)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("unable to parse field selector %q: %v", o.FieldSelector, err))
	}
	known := t.fieldSet(t.make())
	for _, r := range byField.Requirements() {
		if _, ok := known[r.Field]; !ok {
			return nil, apierrors.NewBadRequest("field label not supported: " + r.Field)
		}
	}
	anyLabel, anyField := byLabel.Empty(), byField.Empty()
	return func(obj Object) bool {
		return (namespace == "" || namespace == obj.GetNamespace()) &&
			(anyLabel || byLabel.Matches(labels.Set(obj.GetLabels()))) &&
			(anyField || byField.Matches(t.fieldSet(obj)))
	}, nil
}

// fieldSet are the fields of an object that a selector may name.
func (t *table) fieldSet(obj Object) fields.Set {
	set := fields.Set{}
	if t.fields != nil {
		set = t.fields(obj)
	}
	set["metadata.name"] = obj.GetName()
	if t.namespaced {
		set["metadata.namespace"] = obj.GetNamespace()
	}
	return set
}
