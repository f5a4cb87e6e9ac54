package cluster

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The API server's rules that client-go's fake does not keep, one function each. Those that return an error refuse the
// request; the others set or restore what is not the client's to decide. In all of them now is what the client wants, and
// before is what is stored.

// errModified is why an update of a stale version is refused, in the server's own words.
var errModified = errors.New("the Object has been modified; please apply your changes to the latest version and try again")

// refuseVersioned: nobody creates an object with a resourceVersion.
func refuseVersioned(now Object) error {
	if now.GetResourceVersion() != "" {
		return apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	return nil
}

// settleNamespace: an object lives in the namespace of its request.
func (k *kind) settleNamespace(namespace string, now Object) error {
	switch now.GetNamespace() {
	case namespace:
	case "":
		now.SetNamespace(namespace)
	default:
		return apierrors.NewBadRequest("the namespace of the provided Object does not match the namespace sent on the request")
	}
	return nil
}

// stamp: uid, creation time and generation are the server's, whatever the client sent.
func (s *Server) stamp(now Object) {
	now.SetUID(s.uid())
	now.SetCreationTimestamp(s.seconds())
	now.SetGeneration(1)
	now.SetDeletionTimestamp(nil)
	now.SetDeletionGracePeriodSeconds(nil)
	now.SetSelfLink("")
}

// seconds is the wall clock as objects carry it.
func (s *Server) seconds() metav1.Time { return metav1.NewTime(s.cfg.Clock().Truncate(time.Second)) }

// clearType: typed objects travel without their kind, which the client's type says already.
func clearType(now Object) { now.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) }

// validateNew: names, labels and the like are well-formed.
func (k *kind) validateNew(now Object) error {
	errs := validation.ValidateObjectMetaAccessor(now, k.namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	return k.invalid(now.GetName(), errs)
}

// refuseOther: a uid in an update means this object and no other of the same name.
func (k *kind) refuseOther(now, before Object) error {
	if now.GetUID() == "" || now.GetUID() == before.GetUID() {
		return nil
	}
	return apierrors.NewConflict(k.groupResource(), before.GetName(),
		fmt.Errorf("uid in precondition: %s, uid in object: %s", now.GetUID(), before.GetUID()))
}

// refuseStale: an update is of the version that its author has read. Without a version it is unconditional, which some
// kinds allow.
func (k *kind) refuseStale(now, before Object) error {
	switch now.GetResourceVersion() {
	case before.GetResourceVersion():
		return nil
	case "":
		if k.unconditional {
			now.SetResourceVersion(before.GetResourceVersion())
			return nil
		}
		return k.invalid(before.GetName(), field.ErrorList{
			field.Invalid(field.NewPath("metadata", "resourceVersion"), "", "must be specified for an update"),
		})
	}
	return apierrors.NewConflict(k.groupResource(), before.GetName(), errModified)
}

// keepSystem: an update changes neither generation nor stamps, and cannot take a deletion back.
func keepSystem(now, before Object) {
	if now.GetUID() == "" {
		now.SetUID(before.GetUID())
	}
	now.SetGeneration(before.GetGeneration())
	now.SetCreationTimestamp(before.GetCreationTimestamp())
	now.SetDeletionTimestamp(before.GetDeletionTimestamp())
	now.SetDeletionGracePeriodSeconds(before.GetDeletionGracePeriodSeconds())
}

// keepStatus: an update of the object does not touch its status.
func (k *kind) keepStatus(now, before Object) {
	if k.status != nil {
		assign(k.status(now), k.status(before))
	}
}

// keepRest: an update of the status touches nothing else. What of the metadata it may change depends on the kind.
func (k *kind) keepRest(now, before Object) {
	if k.spec != nil {
		assign(k.spec(now), k.spec(before))
	}
	if k.statusOnly {
		metav1.ResetObjectMetaForStatus(now, before)
	}
}

// validateMeta: uid and name stay, and finalizers are not added to what is being deleted.
func (k *kind) validateMeta(now, before Object) error {
	return k.invalid(before.GetName(), validation.ValidateObjectMetaAccessorUpdate(now, before, field.NewPath("metadata")))
}

// countSpec: some specs never change; for others the generation counts their versions.
func (k *kind) countSpec(now, before Object) error {
	if k.spec == nil || equality.Semantic.DeepEqual(k.spec(now), k.spec(before)) {
		return nil
	}
	if k.immutable != nil {
		if errs := k.immutable(now, before); len(errs) > 0 {
			return k.invalid(before.GetName(), errs)
		}
	}
	now.SetGeneration(before.GetGeneration() + 1)
	return nil
}

// same: an update that changes nothing is no change: nobody hears of it, and the version stays.
func same(now, before Object) bool {
	return maps.Equal(now.GetAnnotations(), before.GetAnnotations()) && // cheap, and the most common difference
		equality.Semantic.DeepEqual(now, before)
}

// released reports whether an object that is being deleted has lost its last finalizer, and so is gone.
func released(now Object) bool {
	return now.GetDeletionTimestamp() != nil && len(now.GetFinalizers()) == 0
}

// refuseUnmet: a delete can demand a certain uid or version.
func (k *kind) refuseUnmet(want *metav1.Preconditions, before Object) error {
	if want == nil {
		return nil
	}
	if want.UID != nil && *want.UID != before.GetUID() {
		return apierrors.NewConflict(k.groupResource(), before.GetName(),
			fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s); the Object might have been deleted and then recreated",
				*want.UID, before.GetUID()))
	}
	if want.ResourceVersion != nil && *want.ResourceVersion != before.GetResourceVersion() {
		return apierrors.NewConflict(k.groupResource(), before.GetName(),
			fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s); the Object might have been modified",
				*want.ResourceVersion, before.GetResourceVersion()))
	}
	return nil
}

func (k *kind) invalid(name string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(k.groupKind(), name, errs)
}

// assign sets *to to *from, both pointers to one type.
func assign(to, from any) { reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from).Elem()) }

// shallow returns an object of its own that shares with a frozen one all that hangs on it. Only set on it, never write
// into its maps and slices.
func (k *kind) shallow(frozen Object) Object {
	now := k.make()
	assign(now, frozen)
	return now
}
