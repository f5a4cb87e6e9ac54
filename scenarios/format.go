package scenarios

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Format returns the canonical YAML of a scenario: fields in the order of the types, what is zero left out, each volume,
// step and fault on one line, steps in order of time. For a valid scenario with its steps in order, Parse(Format(s)) is s.
func Format(s *Scenario) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nmetadata:\n", quote(s.APIVersion), quote(s.Kind))
	block(&b, reflect.ValueOf(s.Metadata))
	b.WriteString("spec:\n")
	spec := s.Spec
	spec.Timeline = slices.Clone(spec.Timeline)
	sortSteps(spec.Timeline)
	block(&b, reflect.ValueOf(spec))
	return b.Bytes()
}

// Digest is the SHA-256 of a scenario's canonical text, as Format writes it, in hex.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// block writes the fields of a struct, one a line; a list of structs has a line for each.
func block(b *bytes.Buffer, v reflect.Value) {
	for i, f := range fieldsOf(v.Type()) {
		val := v.Field(i)
		if f.optional && empty(val) {
			continue
		}
		if _, isNodes := val.Interface().(Nodes); !isNodes && val.Kind() == reflect.Slice && val.Type().Elem().Kind() == reflect.Struct {
			fmt.Fprintf(b, "  %s:\n", f.name)
			for j := range val.Len() {
				fmt.Fprintf(b, "  - %s\n", flow(val.Index(j)))
			}
			continue
		}
		fmt.Fprintf(b, "  %s: %s\n", f.name, flow(val))
	}
}

// flow returns a value in YAML's flow style, on one line.
func flow(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case Duration:
		return x.String()
	case Nodes:
		if len(x) > 0 && slices.Equal(x, numberedNodes(len(x))) {
			return strconv.Itoa(len(x))
		}
	case Node:
		if x == (Node{Name: x.Name}) {
			return quote(x.Name)
		}
	case Invariant:
		if x == (Invariant{Name: x.Name}) {
			return quote(x.Name)
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		return flow(v.Elem())
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = flow(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Struct:
		var items []string
		for i, f := range fieldsOf(v.Type()) {
			if !f.optional || !empty(v.Field(i)) {
				items = append(items, f.name+": "+flow(v.Field(i)))
			}
		}
		return "{" + strings.Join(items, ", ") + "}"
	case reflect.String:
		return quote(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint64:
		return "0x" + strconv.FormatUint(v.Uint(), 16)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	panic(fmt.Sprintf("scenarios: no text form for a %s", v.Type()))
}

func empty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }

var (
	plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`)
	// notText are the words that YAML 1.1 or 1.2 reads as something else.
	notText = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// quote returns text as it stands if every reader of YAML takes it for text, else in double quotes.
func quote(s string) string {
	if plainText.MatchString(s) && !slices.Contains(notText, strings.ToLower(s)) {
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
