package scenarios

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/sim/fault"
)

// anyScenario draws valid scenarios: every field of the text form, in every combination.
func anyScenario(t *rapid.T) *Scenario {
	s := &Scenario{APIVersion: APIVersion, Kind: Kind}
	s.Metadata.Name = rapid.StringMatching(`[a-z][a-z0-9-]{0,8}[a-z0-9]`).Draw(t, "name")
	s.Metadata.Description = rapid.String().Draw(t, "description")
	if strings.ContainsRune(s.Metadata.Description, 0) {
		s.Metadata.Description = ""
	}
	spec := &s.Spec
	spec.Nodes = numberedNodes(rapid.IntRange(1, 4).Draw(t, "nodes"))
	if rapid.Bool().Draw(t, "named") {
		spec.Nodes[0] = Node{Name: "worker.example", ID: rapid.SampledFrom([]string{"", "i-0a1b", "0x1"}).Draw(t, "id"), Later: rapid.Bool().Draw(t, "later")}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "volumes") {
		spec.Volumes = append(spec.Volumes, Volume{
			Name: []string{"vm-disk", "0815", "true"}[i], PV: rapid.SampledFrom([]string{"", "pv." + string(rune('a'+i))}).Draw(t, "pv"),
			AccessMode: rapid.SampledFrom(accessModes).Draw(t, "mode"), MigrationTimeout: anyDuration(t),
		})
	}
	spec.Reconciler = Reconciler{Interval: anyDuration(t), GracePeriod: anyDuration(t)}
	spec.Backend = Backend{Fence: rapid.Bool().Draw(t, "fence"), MaxHolders: rapid.IntRange(0, 3).Draw(t, "holders")}
	if rapid.Bool().Draw(t, "assume") {
		dead := rapid.Bool().Draw(t, "dead")
		spec.Assume.NodeDead = &dead
	}
	spec.Latency.Max = anyDuration(t)
	spec.Timeline = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Step { return anyStep(t, spec) }), 0, 8).Draw(t, "timeline")
	sortSteps(spec.Timeline)
	spec.Faults = rapid.SliceOfN(rapid.Custom(anyFault), 0, 3).Draw(t, "faults")
	spec.Expect = rapid.SliceOfN(rapid.SampledFrom([]string{"S1", "S20", "L4"}), 0, 2).Draw(t, "expect")
	spec.Invariants = rapid.SliceOfNDistinct(rapid.Custom(anyInvariant), 0, 4, func(i Invariant) string { return i.Name }).Draw(t, "invariants")
	dropEmpty(s)
	return s
}

func dropEmpty(s *Scenario) {
	if len(s.Spec.Timeline) == 0 {
		s.Spec.Timeline = nil
	}
	if len(s.Spec.Faults) == 0 {
		s.Spec.Faults = nil
	}
	if len(s.Spec.Invariants) == 0 {
		s.Spec.Invariants = nil
	}
	if len(s.Spec.Expect) == 0 {
		s.Spec.Expect = nil
	}
}

func anyInvariant(t *rapid.T) Invariant {
	if rapid.Bool().Draw(t, "builtIn") {
		return Invariant{Name: rapid.SampledFrom([]string{"S1", "S20", "L10"}).Draw(t, "name")}
	}
	return Invariant{
		Name:    rapid.SampledFrom([]string{"one-writer", "no", "s", "true"}).Draw(t, "name"),
		Rule:    rapid.SampledFrom([]string{"volumes.all(v,\n\tv.handle != \"a: b # {c}\")", "now == now"}).Draw(t, "rule"),
		Message: rapid.SampledFrom([]string{"", "two: writers", "0"}).Draw(t, "message"), MessageExpression: rapid.SampledFrom([]string{"", `"x"`}).Draw(t, "messageExpression"),
	}
}

func anyDuration(t *rapid.T) Duration {
	return Duration(rapid.SampledFrom([]time.Duration{0, 1, time.Millisecond, 59*time.Second + 999999999, time.Minute, time.Hour, 90 * time.Minute, time.Hour + time.Nanosecond}).Draw(t, "duration"))
}

func anyStep(t *rapid.T, spec *Spec) Step {
	node := rapid.SampledFrom([]Node(spec.Nodes)).Draw(t, "node").Name
	s := Step{At: anyDuration(t)}
	kind := rapid.IntRange(0, 12).Draw(t, "kind")
	if kind < 2 && len(spec.Volumes) == 0 {
		kind = 2
	}
	switch kind {
	case 0:
		s.Publish = &Attachment{Volume: spec.Volumes[0].Name, Node: node}
	case 1:
		s.Unpublish = &Attachment{Volume: spec.Volumes[0].Name, Node: node, Name: "csi-" + node}
	case 2:
		s.CreateNode = &NodeRef{Node: node}
	case 3:
		s.DeleteNode = &NodeRef{Node: node}
	case 4:
		s.SetReady = &NodeReady{Node: node, Ready: rapid.Bool().Draw(t, "ready")}
	case 5:
		s.KillMachine = &NodeRef{Node: node}
	case 6:
		s.Crash = &Downtime{For: anyDuration(t)}
	case 7:
		s.Lifecycle = rapid.SliceOfN(rapid.SampledFrom(lifecycleWords), 1, 4).Draw(t, "burst")
	case 8:
		s.Trigger = &Times{Times: rapid.IntRange(0, 3).Draw(t, "times")}
	case 9:
		s.ClockStep = &Jump{By: -anyDuration(t)}
	case 10:
		s.Outage = &Outage{For: anyDuration(t), Hang: rapid.Bool().Draw(t, "hang")}
	case 11:
		s.Lag = &Lag{Resource: "nodes", For: anyDuration(t)}
	case 12:
		s.Disconnect = &Resource{Resource: "csinodes", Gone: rapid.Bool().Draw(t, "gone")}
	}
	return s
}

func anyFault(t *rapid.T) Fault {
	f := Fault{Effect: rapid.SampledFrom(fault.Effects()).Draw(t, "effect"), Chance: rapid.SampledFrom([]float64{0, 1e-9, 0.1, 1. / 3, 1}).Draw(t, "chance")}
	f.On = On{Resource: "nodes", Name: rapid.SampledFrom([]string{"", "node-1", "no", "#1"}).Draw(t, "on"), Nth: rapid.IntRange(0, 2).Draw(t, "nth"), From: anyDuration(t)}
	if f.Effect.Delays() {
		f.For = 5
	}
	return f
}

func TestParseFormat_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScenario(t)
		require.NoError(t, s.Validate())
		text := Format(s)
		back, err := Parse("x.yaml", bytes.NewReader(text))
		require.NoError(t, err, "%s", text)
		require.Equal(t, s, back, "%s", text)
		require.Equal(t, string(text), string(Format(back)))
		require.Equal(t, string(Format(s)), string(Format(back)))

		full := s.Defaults()
		require.NoError(t, full.Validate())
		require.Equal(t, full, full.Defaults())
		again, err := Parse("x.yaml", bytes.NewReader(Format(full)))
		require.NoError(t, err)
		dropEmpty(full)
		require.Equal(t, full, again.Defaults())
	})
}

func TestFormat_IsOneLineAStep(t *testing.T) {
	s, err := Lookup("node-same-name")
	require.NoError(t, err)
	s.Metadata.Description = "two\nlines"
	s.Spec.Timeline = s.Spec.Timeline[:2]
	s.Spec.Faults = []Fault{{On: On{Verb: "patch", Nth: 2}, Effect: fault.ReplyLost, Chance: 0.25}}
	require.Equal(t, `apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata:
  name: node-same-name
  description: "two\nlines"
  threads: ["kubernetes/kubernetes#67853", "kubernetes/kubernetes#79743"]
spec:
  nodes: 2
  volumes:
  - {name: vm-disk, accessMode: ReadWriteOnce}
  - {name: other-disk, accessMode: ReadWriteOnce}
  - {name: left-disk, accessMode: ReadWriteOnce}
  reconciler: {interval: 5m, gracePeriod: 30s}
  latency: {min: 1ms, max: 20ms}
  deliver: {min: 1ms, max: 50ms}
  timeline:
  - {at: 10s, publish: {volume: vm-disk, node: node-1}}
  - {at: 11s, publish: {volume: other-disk, node: node-2}}
  faults:
  - {on: {verb: patch, nth: 2}, effect: replyLost, chance: 0.25}
  expect: [S1, S3, L4, L6]
`, string(Format(s)))
}

func TestParse_SortsStepsStably(t *testing.T) {
	s, err := Parse("x.yaml", strings.NewReader(header+`  timeline:
  - {at: 2m, trigger: {times: 3}}
  - {at: 60s, trigger: {times: 1}}
  - {at: 1m, trigger: {times: 2}}
`))
	require.NoError(t, err)
	var times []int
	for _, step := range s.Spec.Timeline {
		times = append(times, step.Trigger.Times)
	}
	require.Equal(t, []int{1, 2, 3}, times)
}

func TestDefaults(t *testing.T) {
	s, err := Parse("x.yaml", strings.NewReader(header+`  timeline:
  - {at: 1s, publish: {volume: vm-disk, node: node-2}}
  - {at: 2s, trigger: {}}
`))
	require.NoError(t, err)
	before := string(Format(s))
	d := s.Defaults()
	require.Equal(t, before, string(Format(s)), "the original is left alone")
	require.Equal(t, Nodes{{Name: "node-1", ID: "id-node-1"}, {Name: "node-2", ID: "id-node-2"}}, d.Spec.Nodes)
	require.Equal(t, "pv-vm-disk", d.Spec.Volumes[0].PV)
	require.Equal(t, Reconciler{Interval: Duration(5 * time.Minute), GracePeriod: Duration(30 * time.Second)}, d.Spec.Reconciler)
	require.Equal(t, 2, d.Spec.Backend.MaxHolders)
	require.True(t, *d.Spec.Assume.NodeDead)
	require.Equal(t, "va-vm-disk.node-2", d.Spec.Timeline[0].Publish.Name)
	require.Equal(t, 1, d.Spec.Timeline[1].Trigger.Times)
}

// header is a scenario with two nodes and one volume, to which a test adds the rest of the spec.
const header = `apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: x}
spec:
  nodes: 2
  volumes: [{name: vm-disk, accessMode: ReadWriteOnce}]
`

func TestParse_Errors(t *testing.T) {
	step := func(s string) string { return header + "  timeline:\n  - {" + s + "}\n" }
	onFault := func(s string) string { return header + "  faults:\n  - {" + s + "}\n" }
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "x.yaml:1:1: the text is empty\nhint: a scenario begins with apiVersion: holdfast.dev/v1alpha1"},
		"comment only":     {"# nothing\n", "x.yaml:1:1: the text is empty\nhint: a scenario begins with apiVersion: holdfast.dev/v1alpha1"},
		"binary":           {"ok: 1\nab\x00", "x.yaml:2:3: byte 0x00 is not text\nhint: a scenario is YAML in UTF-8; a recording is read with import"},
		"not utf-8":        {"\xff\xfe", "x.yaml:1:1: byte 0xff is not text\nhint: a scenario is YAML in UTF-8; a recording is read with import"},
		"not yaml":         {"a: [1\nb: 2\n", "x.yaml:1:1: not YAML: did not find expected ',' or ']'"},
		"two documents":    {header + "---\na: 1\n", "x.yaml:7:1: a second document begins here; a file holds one scenario"},
		"a list":           {"- a\n", "x.yaml:1:1: the scenario is a list, where fields are wanted"},
		"wrong version":    {strings.Replace(header, "v1alpha1", "v2", 1), `x.yaml:1:13: apiVersion is "holdfast.dev/v2" (did you mean "holdfast.dev/v1alpha1"?)`},
		"misspelt top":     {strings.Replace(header, "kind", "knid", 1), `x.yaml:2:1: the scenario has no field "knid" (did you mean "kind"?)`},
		"misspelt verb":    {step("at: 1s, publsh: {volume: vm-disk, node: node-1}"), `x.yaml:8:14: an entry of timeline has no field "publsh" (did you mean "publish"?)`},
		"synonym":          {step("at: 1s, attach: {volume: vm-disk, node: node-1}"), `x.yaml:8:14: an entry of timeline has no field "attach" (did you mean "publish"?)`},
		"kebab":            {step("at: 1s, delete-node: {node: node-1}"), `x.yaml:8:14: an entry of timeline has no field "delete-node" (did you mean "deleteNode"?)`},
		"no time":          {step("trigger: {}"), "x.yaml:8:5: an entry of timeline needs at"},
		"unitless":         {step("at: 10, trigger: {}"), "x.yaml:8:10: at is 10, without a unit (did you mean \"10s\"?)\nhint: " + durationHint},
		"wrong unit":       {step("at: 1d, trigger: {}"), "x.yaml:8:10: at is \"1d\", which is no duration\nhint: " + durationHint},
		"negative":         {step("at: -1s, trigger: {}"), "x.yaml:8:10: at is -1s, which is negative"},
		"more than a year": {step("at: 9000h, trigger: {}"), "x.yaml:8:10: 9000h is longer than a year"},
		"no action":        {step("at: 1s"), "x.yaml:8:5: the step has no action\nhint: a step is a time and an action: {at: 10s, trigger: {}}"},
		"two actions":      {step("at: 1s, trigger: {}, crash: {for: 1s}"), "x.yaml:8:5: the step has more than one action: crash, trigger\nhint: write a step for each; steps of one instant keep their order"},
		"null action":      {step("at: 1s, trigger: "), "x.yaml:8:23: trigger is empty"},
		"unknown volume":   {step("at: 1s, publish: {volume: vmdisk, node: node-1}"), `x.yaml:8:32: there is no volume "vmdisk" (did you mean "vm-disk"?)`},
		"unknown node":     {step("at: 1s, deleteNode: {node: worker}"), "x.yaml:8:33: there is no node \"worker\"\nhint: each node is listed in spec.nodes: node-1, node-2"},
		"number as text":   {step("at: 1s, deleteNode: {node: 7}"), "x.yaml:8:33: node is a number, where text is wanted\nhint: put it in quotes: \"7\""},
		"yes is no bool":   {step("at: 1s, setReady: {node: node-1, ready: yes}"), `x.yaml:8:46: ready is "yes", where true or false is wanted`},
		"missing field":    {step("at: 1s, setReady: {node: node-1}"), "x.yaml:8:24: setReady needs ready"},
		"duplicate key":    {step("at: 1s, at: 2s, trigger: {}"), "x.yaml:8:14: at is given twice"},
		"alias":            {step("at: &t 1s, trigger: {}"), "x.yaml:8:10: anchors and aliases are not understood\nhint: write the value out"},
		"burst word":       {step("at: 1s, lifecycle: [strat]"), `x.yaml:8:26: lifecycle[0] is "strat" (did you mean "start"?)`},
		"call":             {step("at: 1s, call: {method: TrackAttachmnt, volume: vm-disk}"), `x.yaml:8:29: the Manager has no method "TrackAttachmnt" (did you mean "TrackAttachment"?)`},
		"call volume":      {step("at: 1s, call: {method: GetAttachment}"), "x.yaml:8:20: there is no volume \"\"\nhint: each volume is listed in spec.volumes: vm-disk"},
		"lag resource":     {step("at: 1s, lag: {resource: node, for: 1s}"), `x.yaml:8:30: resource is "node" (did you mean "nodes"?)`},
		"replay events":    {step("at: 1s, replay: {resource: nodes}"), "x.yaml:8:22: events is 0, outside of 1 to 1000"},
		"replay gone":      {step("at: 1s, replay: {resource: nodes, events: 1, gone: true}"), "x.yaml:8:57: only a disconnect has gone"},
		"lost events":      {step("at: 1s, disconnect: {resource: nodes, events: 1}"), "x.yaml:8:52: only a replay has events"},
		"pause":            {step("at: 1s, pause: {for: -1s}"), "x.yaml:8:27: for is -1s, which is negative"},
		"shared name":      {step("at: 1s, publish: {volume: vm-disk, node: node-1, name: a}") + "  - {at: 2s, publish: {volume: vm-disk, node: node-2, name: a}}\n", "x.yaml:9:61: VolumeAttachment \"a\" is already that of vm-disk on node-1"},
		"effect":           {onFault("on: {verb: get}, effect: replyLots"), `x.yaml:8:31: effect is "replyLots" (did you mean "replyLost"?)`},
		"fault verb":       {onFault("on: {verb: gte}, effect: error"), `x.yaml:8:17: verb is "gte" (did you mean "get"?)`},
		"backend verb":     {onFault("on: {verb: patch, resource: backend}, effect: error"), "x.yaml:8:17: verb is \"patch\"\nhint: it is one of grant, revoke, fence, exists"},
		"csi verb":         {onFault("on: {verb: get, resource: csi}, effect: error"), "x.yaml:8:17: verb is \"get\"\nhint: it is one of publish, unpublish"},
		"effect and verb":  {onFault("on: {verb: get}, effect: emptyList"), "x.yaml:8:31: emptyList cannot meet get\nhint: it is one of list"},
		"chance":           {onFault("on: {}, effect: error, chance: 1.5"), "x.yaml:8:37: chance is 1.5, outside of (0, 1]\nhint: leave chance out for always"},
		"chance zero":      {onFault("on: {}, effect: error, chance: 0"), "x.yaml:8:37: chance is 0, outside of (0, 1]\nhint: leave chance out for always"},
		"latency":          {onFault("on: {}, effect: latency"), "x.yaml:8:5: latency needs for, the delay"},
		"until":            {onFault("on: {from: 2m, until: 1m}, effect: error"), "x.yaml:8:28: until 1m is not after from 2m"},
		"mode":             {strings.Replace(header, "ReadWriteOnce", "RWO", 1), "x.yaml:6:41: accessMode is \"RWO\"\nhint: it is one of ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany, ReadWriteMany"},
		"two volumes":      {strings.Replace(header, "[{name", "[{name: vm-disk, accessMode: ReadWriteMany}, {name", 1), "x.yaml:6:64: there are two with the volume \"vm-disk\""},
		"no nodes":         {strings.Replace(header, "nodes: 2", "nodes: 0", 1), `x.yaml:5:10: nodes is "0", where a number from 1 to 10000 or a list of names is wanted`},
		"tabs":             {strings.Replace(header, "  volumes", "\tvolumes", 1), "x.yaml:6:1: not YAML: found a tab character that violates indentation\nhint: YAML allows no tabs in its indentation; use spaces"},
		"handle":           {strings.Replace(header, "name: vm-disk", "name: ''", 1), "x.yaml:6:20: a volume has no name"},
		"expect":           {header + "  expect: [S21]\n", "x.yaml:7:12: \"S21\" is no invariant\nhint: invariants are S1 to S20 and L1 to L10"},
		"latency range":    {header + "  latency: {min: 2s, max: 1s}\n", "x.yaml:7:18: min 2s is more than max 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse("x.yaml", strings.NewReader(c.text))
			require.Nil(t, s)
			require.Error(t, err)
			require.Equal(t, c.want, err.Error())
		})
	}
}

func TestParse_TellsAllProblemsInOrder(t *testing.T) {
	_, err := Parse("x.yaml", strings.NewReader(header+`  timeline:
  - {at: 10, publsh: {}}
  - {at: 1s, publish: {volume: nope, node: node-1}}
  - {at: 1s}
`))
	var ps Problems
	require.ErrorAs(t, err, &ps)
	var lines []int
	for _, p := range ps {
		lines = append(lines, p.Line)
	}
	require.Equal(t, []int{8, 8, 9, 10}, lines)
	require.Equal(t, "x.yaml", ps[3].File)

	_, err = Parse("x.yaml", strings.NewReader(header+"  timeline:\n"+strings.Repeat("  - {at: 1}\n", 5000)))
	require.Len(t, strings.Split(err.Error(), "\n"), problemsMax+2, "ten problems, how many more, one hint")
	require.Contains(t, err.Error(), "and 990 more")
}

// endless is a file without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.read += len(p)
	return len(p), nil
}

func TestParse_BoundsItsInput(t *testing.T) {
	src := &endless{}
	_, err := Parse("x.yaml", src)
	require.EqualError(t, err, "x.yaml:1:1: the text is longer than 64 MiB")
	require.Less(t, src.read, 2*textMax)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("is a directory") }

func TestParse_SaysWhatCouldNotBeRead(t *testing.T) {
	_, err := Parse("dir", io.MultiReader(strings.NewReader("a"), broken{}))
	require.EqualError(t, err, "read dir: is a directory")
}

func TestParse_AliasBombIsRefusedAtOnce(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 9) + "]\n"
	}
	_, err := Parse("x.yaml", strings.NewReader(bomb))
	require.ErrorContains(t, err, `the scenario has no field "a"`)
}

func FuzzParse(f *testing.F) {
	for _, s := range Library() {
		f.Add(string(Format(s)))
	}
	f.Add("on: {\n")
	f.Add("a: &a [*a]")
	f.Add("spec: {nodes: [1, {}, null], volumes: {}}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("x.yaml", strings.NewReader(text))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		back, err := Parse("y.yaml", bytes.NewReader(Format(s)))
		require.NoError(t, err)
		require.Equal(t, s, back)
		require.NoError(t, s.Defaults().Validate())
	})
}

func TestDuration_String(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", time.Hour: "1h", 5 * time.Minute: "5m", 90 * time.Second: "1m30s", 10 * time.Minute: "10m",
		time.Hour + time.Second: "1h0m1s", 20 * time.Second: "20s", -2 * time.Hour: "-2h", 1500 * time.Microsecond: "1.5ms"} {
		require.Equal(t, want, Duration(d).String())
		var back Duration
		require.NoError(t, back.UnmarshalText([]byte(want)))
		require.Equal(t, Duration(d), back)
	}
}

func TestValidate_AnyHandleIsAVolume(t *testing.T) {
	handles := []string{"/subscriptions/Abc/disks/d", "projects/p/zones/z/disks/d", "arn:aws:ec2:eu/vol#1", "UPPER", strings.Repeat("x", handleMax), "disk ü", "-"}
	s := &Scenario{APIVersion: APIVersion, Kind: Kind, Metadata: Metadata{Name: "x"}, Spec: Spec{Nodes: numberedNodes(1)}}
	for _, h := range append(handles, "vm-disk") {
		s.Spec.Volumes = append(s.Spec.Volumes, Volume{Name: h, AccessMode: "ReadWriteOnce"})
		s.Spec.Timeline = append(s.Spec.Timeline, Step{Publish: &Attachment{Volume: h, Node: "node-1"}})
	}
	require.NoError(t, s.Validate())
	back, err := Parse("x.yaml", bytes.NewReader(Format(s)))
	require.NoError(t, err)
	require.Equal(t, s, back)
	names := make(map[string]bool)
	for _, v := range s.Defaults().Spec.Volumes {
		require.True(t, kubernetesName(v.PV), v.PV)
		require.False(t, names[v.PV], v.PV)
		names[v.PV] = true
	}
	require.True(t, names["pv-vm-disk"], "a name that is one stays readable")
}
