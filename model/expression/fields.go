package expression

import (
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
)

// field is a field of the State or of what it holds, as a rule names it.
type field struct {
	name string
	of   reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	out := make([]field, t.NumField())
	for i := range out {
		out[i] = field{t.Field(i).Tag.Get("cel"), t.Field(i).Type}
	}
	return out
}

// typePrefix is how CEL names the types of this package.
const typePrefix = "expression."

// celType is the type that CEL gives to a Go type of the State.
func celType(t reflect.Type) *cel.Type {
	switch t {
	case reflect.TypeFor[time.Time]():
		return cel.TimestampType
	case reflect.TypeFor[time.Duration]():
		return cel.DurationType
	}
	switch t.Kind() {
	case reflect.Slice:
		return cel.ListType(celType(t.Elem()))
	case reflect.Pointer:
		return celType(t.Elem())
	case reflect.Struct:
		return cel.ObjectType(typePrefix + t.Name())
	case reflect.Bool:
		return cel.BoolType
	case reflect.Int64:
		return cel.IntType
	}
	return cel.StringType
}

// plainType names a type without this package's name.
func plainType(t *cel.Type) string { return plainWords(t.String()) }

func plainWords(types string) string {
	return strings.NewReplacer(typePrefix, "", "google.protobuf.Duration", "duration", "google.protobuf.Timestamp", "timestamp").Replace(types)
}

// elements are the types that the lists of a State hold, by the names that CEL gives to them.
func elements() map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	for _, f := range fieldsOf(reflect.TypeFor[State]()) {
		if f.of.Kind() == reflect.Slice {
			out[typePrefix+f.of.Elem().Elem().Name()] = f.of.Elem().Elem()
		}
	}
	return out
}
