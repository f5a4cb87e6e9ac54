package scenarios

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Format returns the canonical YAML of a scenario: fields in the order of the types, what is zero left out, each volume,
// step and fault on one line, steps in order of time. For a valid scenario with its steps in order, Parse(Format(s)) is s.
func Format(s *Scenario) []byte {
	f := formatter{fields: make(map[reflect.Type][]field)}
	fmt.Fprintf(&f, "apiVersion: %s\nkind: %s\nmetadata:\n", quote(s.APIVersion), quote(s.Kind))
	f.block(reflect.ValueOf(s.Metadata))
	f.WriteString("spec:\n")
	spec := s.Spec
	spec.Timeline = slices.Clone(spec.Timeline)
	sortSteps(spec.Timeline)
	f.block(reflect.ValueOf(spec))
	return f.Bytes()
}

// formatter writes one scenario.
type formatter struct {
	bytes.Buffer
	fields map[reflect.Type][]field
}

// fieldsOf remembers the fields of a type: a timeline has many steps.
func (f *formatter) fieldsOf(t reflect.Type) []field {
	fields, ok := f.fields[t]
	if !ok {
		fields = fieldsOf(t)
		f.fields[t] = fields
	}
	return fields
}

// block writes the fields of a struct, one a line; a list of structs has a line for each.
func (f *formatter) block(v reflect.Value) {
	for i, field := range f.fieldsOf(v.Type()) {
		val := v.Field(i)
		if field.optional && empty(val) {
			continue
		}
		f.WriteString("  " + field.name + ":")
		if _, isNodes := val.Interface().(Nodes); !isNodes && val.Kind() == reflect.Slice && val.Type().Elem().Kind() == reflect.Struct {
			for j := range val.Len() {
				f.WriteString("\n  - ")
				f.flow(val.Index(j))
			}
		} else {
			f.WriteByte(' ')
			f.flow(val)
		}
		f.WriteByte('\n')
	}
}

// flow writes a value in YAML's flow style, on one line.
func (f *formatter) flow(v reflect.Value) {
	if text, ok := short(v); ok {
		f.WriteString(text)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		f.flow(v.Elem())
	case reflect.Slice:
		f.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				f.WriteString(", ")
			}
			f.flow(v.Index(i))
		}
		f.WriteByte(']')
	case reflect.Struct:
		f.flowFields(v)
	case reflect.String:
		f.WriteString(quote(v.String()))
	case reflect.Bool:
		f.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int:
		f.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint64:
		f.WriteString("0x" + strconv.FormatUint(v.Uint(), 16))
	case reflect.Float64:
		f.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	default:
		panic(fmt.Sprintf("scenarios: no text form for a %s", v.Type()))
	}
}

// short returns the text of a value that has one shorter than its kind's.
func short(v reflect.Value) (string, bool) {
	switch v.Type() {
	case reflect.TypeFor[Duration]():
		return v.Interface().(Duration).String(), true
	case reflect.TypeFor[Nodes]():
		x := v.Interface().(Nodes)
		return strconv.Itoa(len(x)), len(x) > 0 && slices.Equal(x, numberedNodes(len(x)))
	case reflect.TypeFor[Node]():
		x := v.Interface().(Node)
		return quote(x.Name), x == (Node{Name: x.Name})
	case reflect.TypeFor[Invariant]():
		x := v.Interface().(Invariant)
		return quote(x.Name), x == (Invariant{Name: x.Name})
	}
	return "", false
}

func (f *formatter) flowFields(v reflect.Value) {
	sep := "{"
	for i, field := range f.fieldsOf(v.Type()) {
		if !field.optional || !empty(v.Field(i)) {
			f.WriteString(sep + field.name + ": ")
			f.flow(v.Field(i))
			sep = ", "
		}
	}
	if sep == "{" {
		f.WriteByte('{')
	}
	f.WriteByte('}')
}

func empty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }

// notText are the words that YAML 1.1 or 1.2 reads as something else.
var notText = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// plainText reports whether text is a letter, and then letters, digits and . _ / -
func plainText(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && strings.IndexByte("._/-", c) < 0) {
			return false
		}
	}
	return s != ""
}

// quote returns text as it stands if every reader of YAML takes it for text, else in double quotes.
func quote(s string) string {
	if plainText(s) && !slices.ContainsFunc(notText, func(word string) bool { return strings.EqualFold(s, word) }) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == ' ' || r != '\ufeff' && unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
