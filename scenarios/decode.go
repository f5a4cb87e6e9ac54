package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder fills a Scenario from the nodes of its text, and notes every problem with its place. It decodes by itself
// because the ready-made ways fall short: yaml/v3's own stops at types and tells no column; sigs.k8s.io/yaml reads YAML
// 1.1, in which the key of "on: {verb: get}" is the boolean true.
type decoder struct {
	found Problems
	text  []byte
	// misspelt are the paths of fields that were given under a wrong name.
	misspelt []string
}

// problemsKept bounds the memory that a hopeless text takes.
const problemsKept = 1000

func (d *decoder) problem(n *yaml.Node, path, what, meant, hint string) {
	if len(d.found) < problemsKept {
		d.found = append(d.found, Problem{Line: n.Line, Column: n.Column, Path: path, What: what, Meant: meant, Hint: hint})
	}
}

// value decodes n into v. The name is the field's, for messages.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path, name string) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.problem(n, path, "anchors and aliases are not understood", "", "write the value out")
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.problem(n, path, name+" is empty", "", "")
		return
	}
	switch v.Interface().(type) {
	case Duration:
		d.duration(n, v, path, name)
		return
	case Nodes:
		if n.Kind == yaml.ScalarNode {
			d.nodeCount(n, v, path)
			return
		}
	case Node, Invariant: // a name alone
		if n.Kind == yaml.ScalarNode {
			d.value(n, v.FieldByName("Name"), path, name)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, name)
	case reflect.Struct:
		d.mapping(n, v, path, name)
	case reflect.Slice:
		d.sequence(n, v, path, name)
	default:
		d.scalar(n, v, path, name)
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path, name string) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, path, fmt.Sprintf("%s is %s, where fields are wanted", orScenario(name), kindOf(n)), "", "")
		return
	}
	fields := fieldsOf(v.Type())
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	given := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		at := indexOf(fields, key)
		switch {
		case at < 0:
			meant := suggest(key.Value, names)
			given[meant] = true // it is misspelt, not missing
			if len(d.misspelt) < problemsKept {
				d.misspelt = append(d.misspelt, join(path, meant))
			}
			d.problem(key, join(path, key.Value), fmt.Sprintf("%s has no field %q", orScenario(name), key.Value), meant, fieldHint(meant, names))
		case given[key.Value]:
			d.problem(key, join(path, key.Value), fmt.Sprintf("%s is given twice", key.Value), "", "")
		default:
			given[key.Value] = true
			d.value(val, v.Field(at), join(path, key.Value), key.Value)
		}
	}
	for _, f := range fields {
		if !f.optional && !given[f.name] {
			d.problem(n, join(path, f.name), fmt.Sprintf("%s needs %s", orScenario(name), f.name), "", "")
		}
	}
}

func indexOf(fields []field, key *yaml.Node) int {
	for i, f := range fields {
		if key.Kind == yaml.ScalarNode && f.name == key.Value {
			return i
		}
	}
	return -1
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path, name string) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, path, fmt.Sprintf("%s is %s, where a list is wanted", name, kindOf(n)), "", "")
		return
	}
	if len(n.Content) == 0 {
		return // an empty list is no list: one form for one meaning
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), "an entry of "+name)
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path, name string) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, path, fmt.Sprintf("%s is %s, where one value is wanted", name, kindOf(n)), "", "")
		return
	}
	tag := n.ShortTag()
	switch v.Kind() {
	case reflect.String:
		if tag != "!!str" {
			d.problem(n, path, fmt.Sprintf("%s is %s, where text is wanted", name, kindOf(n)), "", fmt.Sprintf("put it in quotes: %q", n.Value))
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if tag != "!!bool" {
			d.problem(n, path, fmt.Sprintf("%s is %q, where true or false is wanted", name, n.Value), "", "")
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if tag != "!!int" || err != nil {
			d.problem(n, path, fmt.Sprintf("%s is %q, where a whole number is wanted", name, n.Value), "", "")
			return
		}
		v.SetInt(int64(i))
	case reflect.Uint64:
		i, err := strconv.ParseUint(n.Value, 0, 64)
		if tag != "!!int" || err != nil {
			d.problem(n, path, fmt.Sprintf("%s is %q, where a seed is wanted, decimal or 0x and hexadecimal", name, n.Value), "", "")
			return
		}
		v.SetUint(i)
	case reflect.Float64:
		d.fraction(n, v, path, name)
	default:
		panic(fmt.Sprintf("scenarios: no text form for %s, a %s", path, v.Type()))
	}
}

// fraction takes a number that may have one. Absence means always, or without a limit, so that a zero can only be a mistake.
func (d *decoder) fraction(n *yaml.Node, v reflect.Value, path, name string) {
	f, err := strconv.ParseFloat(n.Value, 64)
	number := (n.ShortTag() == "!!float" || n.ShortTag() == "!!int") && err == nil && f > 0
	switch {
	case name == "chance" && !(number && f <= 1):
		d.problem(n, path, fmt.Sprintf("%s is %s, outside of (0, 1]", name, n.Value), "", "leave chance out for always")
	case !number || math.IsInf(f, 0):
		d.problem(n, path, fmt.Sprintf("%s is %s, where a number above 0 is wanted", name, n.Value), "", "")
	default:
		v.SetFloat(f)
	}
}

const durationHint = "durations are Go's: 300ms, 1.5s, 2m30s, 1h; units are ns, us, ms, s, m, h"

func (d *decoder) duration(n *yaml.Node, v reflect.Value, path, name string) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, path, fmt.Sprintf("%s is %s, where a duration is wanted", name, kindOf(n)), "", durationHint)
		return
	}
	parsed, err := time.ParseDuration(n.Value)
	if tag := n.ShortTag(); err != nil && (tag == "!!int" || tag == "!!float") {
		d.problem(n, path, fmt.Sprintf("%s is %s, without a unit", name, n.Value), n.Value+"s", durationHint)
		return
	}
	if err != nil {
		d.problem(n, path, fmt.Sprintf("%s is %q, which is no duration", name, n.Value), "", durationHint)
		return
	}
	v.SetInt(int64(parsed))
}

// nodeCount is the short form of nodes: node-1 to node-n.
func (d *decoder) nodeCount(n *yaml.Node, v reflect.Value, path string) {
	count, err := strconv.Atoi(n.Value)
	if n.ShortTag() != "!!int" || err != nil || count < 1 || count > nodesMax {
		d.problem(n, path, fmt.Sprintf("nodes is %q, where a number from 1 to %d or a list of names is wanted", n.Value, nodesMax), "", "")
		return
	}
	v.Set(reflect.ValueOf(numberedNodes(count)))
}

// nodesMax bounds the nodes of a scenario.
const nodesMax = 10_000

func numberedNodes(count int) Nodes {
	nodes := make(Nodes, count)
	for i := range nodes {
		nodes[i].Name = "node-" + strconv.Itoa(i+1)
	}
	return nodes
}

func fieldHint(meant string, names []string) string {
	if meant != "" {
		return ""
	}
	return "the fields are " + strings.Join(names, ", ")
}

func orScenario(name string) string {
	if name == "" {
		return "the scenario"
	}
	return name
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!int" || n.ShortTag() == "!!float":
		return "a number"
	case n.ShortTag() == "!!bool":
		return "a boolean"
	}
	return "text"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
