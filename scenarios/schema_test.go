package scenarios

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sim/holdfast/sim/fault"
)

var update = flag.Bool("update", false, "write the schema anew")

const schemaFile = "../schema/scenario.json"

// makeSchema derives the schema from the Go types, and adds what Go types cannot say. It lives in a test, so that the
// program does not carry the library.
func makeSchema() *jsonschema.Schema {
	r := jsonschema.Reflector{Anonymous: true, Mapper: func(t reflect.Type) *jsonschema.Schema {
		switch t {
		case reflect.TypeFor[Duration]():
			return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: `^[-+]?(0|([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+)$`}, {Type: "integer", Const: 0}},
				Description: "A duration as Go writes it: 300ms, 1.5s, 2m30s, 1h."}
		case reflect.TypeFor[fault.Effect]():
			return enum(fault.Effects())
		}
		return nil
	}}
	if err := r.AddGoComments("github.com/holdfast-sim/holdfast/scenarios", "./"); err != nil {
		panic(err)
	}
	s := r.Reflect(&Scenario{})
	s.ID = "https://holdfast.dev/schema/v1alpha1/scenario.json"
	s.Title = "Holdfast scenario"
	refineSchema(s.Definitions)
	return s
}

func refineSchema(defs jsonschema.Definitions) {
	at := func(def, field string) *jsonschema.Schema {
		f, ok := defs[def].Properties.Get(field)
		if !ok {
			panic(def + "." + field)
		}
		return f
	}
	at("Scenario", "apiVersion").Const = APIVersion
	at("Scenario", "kind").Const = Kind
	at("Metadata", "threads").Items.Pattern = threadPattern.String()
	at("Volume", "accessMode").Enum = words(accessModes)
	at("Step", "lifecycle").Items = enum(lifecycleWords)
	at("On", "verb").Enum = words(slices.Concat(apiVerbs, backendVerbs, csiVerbs))
	at("On", "resource").Enum = words(resources)
	at("Lag", "resource").Enum = words(watched)
	at("Resource", "resource").Enum = words(watched)
	at("Spec", "expect").Items.Pattern = invariantPattern.String()
	at("Invariant", "name").Pattern = ruleNamePattern.String()
	at("Spec", "invariants").Items = &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Pattern: invariantPattern.String()}, {Ref: "#/$defs/Invariant"},
	}}
	chance := at("Fault", "chance")
	chance.ExclusiveMinimum, chance.Maximum = "0", "1"

	two := uint64(2) // at, and exactly one action
	defs["Step"].MinProperties, defs["Step"].MaxProperties = &two, &two
	name := &jsonschema.Schema{Type: "string", Pattern: kubernetesNamePattern.String()}
	defs["Nodes"] = &jsonschema.Schema{Description: defs["Nodes"].Description, OneOf: []*jsonschema.Schema{
		{Type: "integer", Minimum: "1", Maximum: "10000"},
		{Type: "array", Items: &jsonschema.Schema{OneOf: []*jsonschema.Schema{name, {Ref: "#/$defs/Node"}}}},
	}}
}

func enum[T ~string](words []T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range words {
		s.Enum = append(s.Enum, string(w))
	}
	return s
}

func words(ws []string) []any { return enum(ws).Enum }

func TestSchema_IsThatOfTheTypes(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(makeSchema()))
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, b.Bytes(), 0o644))
	}
	have, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "run: go test ./scenarios -run TestSchema -update")
}

func compileSchema(t *testing.T) *validator6.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	doc, err := validator6.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := validator6.NewCompiler()
	require.NoError(t, c.AddResource("scenario.json", doc))
	s, err := c.Compile("scenario.json")
	require.NoError(t, err)
	return s
}

// toJSON is how an editor sees a YAML text.
func toJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal(text, &v))
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	doc, err := validator6.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return doc
}

func TestSchema_AcceptsWhatParseAccepts(t *testing.T) {
	schema := compileSchema(t)
	for _, name := range libraryNames() {
		text, err := fs.ReadFile(libraryFiles, "library/"+name+".yaml")
		require.NoError(t, err)
		require.NoError(t, schema.Validate(toJSON(t, text)), name)
		s, err := Lookup(name)
		require.NoError(t, err)
		require.NoError(t, schema.Validate(toJSON(t, Format(s.Defaults()))), name)
	}
}

func TestSchema_RefusesWhatParseRefuses(t *testing.T) {
	schema := compileSchema(t)
	step := func(s string) string { return header + "  timeline:\n  - {" + s + "}\n" }
	for name, text := range map[string]string{
		"a list":        "- a\n",
		"version":       strings.Replace(header, "v1alpha1", "v2", 1),
		"kind":          strings.Replace(header, "Scenario", "Pod", 1),
		"unknown field": header + "  nods: 3\n",
		"no spec":       header[:strings.Index(header, "spec:")],
		"mode":          strings.Replace(header, "ReadWriteOnce", "RWO", 1),
		"node count":    strings.Replace(header, "nodes: 2", "nodes: -2", 1),
		"node entry":    strings.Replace(header, "nodes: 2", "nodes: [3]", 1),
		"verb":          step("at: 1s, publsh: {volume: vm-disk, node: node-1}"),
		"no action":     step("at: 1s"),
		"two actions":   step("at: 1s, trigger: {}, crash: {for: 1s}"),
		"unitless":      step("at: 10, trigger: {}"),
		"wrong unit":    step("at: 1d, trigger: {}"),
		"no at":         step("trigger: {}, crash: {for: 1s}"),
		"missing field": step("at: 1s, setReady: {node: node-1}"),
		"wrong type":    step("at: 1s, setReady: {node: node-1, ready: 1}"),
		"burst":         step("at: 1s, lifecycle: [pause]"),
		"lag":           step("at: 1s, lag: {resource: widgets, for: 1s}"),
		"effect":        header + "  faults: [{on: {}, effect: explode}]\n",
		"chance":        header + "  faults: [{on: {}, effect: error, chance: 2}]\n",
		"fault verb":    header + "  faults: [{on: {verb: put}, effect: error}]\n",
		"expect":        header + "  expect: [S0]\n",
		"invariant":     header + "  invariants: [S21]\n",
		"rule's name":   header + "  invariants: [{name: My Rule, rule: volumes.size() > 0}]\n",
		"no rule":       header + "  invariants: [{name: mine}]\n",
		"rule's field":  header + "  invariants: [{name: mine, rule: volumes.size() > 0, mesage: x}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x.yaml", strings.NewReader(text))
			require.Error(t, err)
			require.Error(t, schema.Validate(toJSON(t, []byte(text))))
		})
	}
}
