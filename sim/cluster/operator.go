package cluster

import (
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The operator's access: what the engine does to the cluster itself, in the name of users, kubelets and other controllers.
// It belongs to the loop's goroutine and is no point of its own, but keeps the same rules, and every change is traced.
// Objects are found by key: the name, or namespace/name. What is returned belongs to the caller.

// Create adds an object.
func Create[T Object](s *Server, obj T) (T, error) {
	return own[T](tableOf[T](s).create(obj.GetNamespace(), obj.DeepCopyObject().(Object), metav1.CreateOptions{}))
}

// Get returns an object.
func Get[T Object](s *Server, key string) (T, error) {
	namespace, name := split(key)
	return own[T](tableOf[T](s).find(namespace, name))
}

// List returns all objects of a kind, in the order of their keys.
func List[T Object](s *Server) []T {
	objects := tableOf[T](s).all()
	out := make([]T, len(objects))
	for i, o := range objects {
		out[i] = o.DeepCopyObject().(T)
	}
	return out
}

// Update changes an object, but not its status. With a resourceVersion it must be the stored one.
func Update[T Object](s *Server, obj T) (T, error) {
	return own[T](tableOf[T](s).update(obj.GetNamespace(), obj.DeepCopyObject().(Object), whole, metav1.UpdateOptions{}))
}

// UpdateStatus changes an object's status and nothing else.
func UpdateStatus[T Object](s *Server, obj T) (T, error) {
	return own[T](tableOf[T](s).update(obj.GetNamespace(), obj.DeepCopyObject().(Object), statusPart, metav1.UpdateOptions{}))
}

// Delete begins the deletion of an object, which ends at once if it has no finalizers.
func Delete[T Object](s *Server, key string) error {
	namespace, name := split(key)
	_, err := tableOf[T](s).delete(namespace, name, metav1.DeleteOptions{})
	return err
}

// tableOf finds the table of a type. One that is not served is a bug of the harness.
func tableOf[T Object](s *Server) *table {
	t, ok := s.types[reflect.TypeFor[T]()]
	if !ok {
		panic(fmt.Sprintf("cluster: the simulated server does not serve %s", reflect.TypeFor[T]()))
	}
	return t
}

func own[T Object](o Object, err error) (T, error) {
	if err != nil {
		return *new(T), err
	}
	return o.DeepCopyObject().(T), nil
}

func split(key string) (namespace, name string) {
	namespace, name, found := strings.Cut(key, "/")
	if !found {
		return "", key
	}
	return namespace, name
}
