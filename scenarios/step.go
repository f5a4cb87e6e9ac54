package scenarios

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"
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
	for i, f := range fieldsOf(v.Type()) {
		if f.name != "at" && !v.Field(i).IsZero() {
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
	if known, ok := fieldsByType.Load(t); ok {
		return known.([]field)
	}
	fields := make([]field, t.NumField())
	for i := range fields {
		tag := strings.Split(t.Field(i).Tag.Get("json"), ",")
		fields[i] = field{name: tag[0], optional: slices.Contains(tag, "omitempty")}
	}
	fieldsByType.Store(t, fields)
	return fields
}

// fieldsByType keeps them, for a run asks for them at each step of its timeline.
var fieldsByType sync.Map
