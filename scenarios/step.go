package scenarios

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Action returns the name of the step's action as the text form spells it, such as publish; "" if it has none.
func (s Step) Action() string {
	if actions := s.actions(); len(actions) > 0 {
		return actions[0]
	}
	return ""
}

// actions lists the names of all actions that are set. A valid step has exactly one.
func (s Step) actions() (names []string) {
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			continue
		}
		if f := fieldOf(v.Type().Field(i)); f.name != "at" {
			names = append(names, f.name)
		}
	}
	return names
}

// sortSteps puts a timeline in order of time. It is stable: steps of one instant keep their order.
func sortSteps(steps []Step) {
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
}

// field is what the text form knows of a struct's field.
type field struct {
	name     string
	optional bool
}

// fieldsOf reads the json tags of a struct type, in the order of the fields: decoder, formatter and schema go by them.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, t.NumField())
	for i := range fields {
		fields[i] = fieldOf(t.Field(i))
	}
	return fields
}

func fieldOf(f reflect.StructField) field {
	tag := strings.Split(f.Tag.Get("json"), ",")
	return field{name: tag[0], optional: slices.Contains(tag, "omitempty")}
}
