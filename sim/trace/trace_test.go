package trace_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

func event() *rapid.Generator[trace.Event] {
	return rapid.Custom(func(t *rapid.T) trace.Event {
		text := func(name string) string { return rapid.OneOf(rapid.Just(""), rapid.String()).Draw(t, name) }
		number := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
		return trace.Event{
			Step: rapid.Int().Draw(t, "step"), At: time.Duration(rapid.Int64().Draw(t, "at")), Kind: trace.Kind(rapid.String().Draw(t, "kind")),
			Label: text("label"), Proc: rapid.IntRange(0, 9).Draw(t, "proc"), Actor: text("actor"), Op: rapid.IntRange(0, 9).Draw(t, "op"),
			ID: rapid.IntRange(0, 9).Draw(t, "id"), Verb: text("verb"), Resource: text("resource"), Name: text("name"), Volume: text("volume"),
			Node: text("node"), UID: text("uid"), Epoch: rapid.Uint64().Draw(t, "epoch"), Mode: text("mode"), State: text("state"),
			Code: text("code"), Message: text("message"), Fault: text("fault"), Version: text("version"), Record: text("record"),
			Count: rapid.IntRange(0, 9).Draw(t, "count"), Value: rapid.Float64().Draw(t, "value"), Time: number.Draw(t, "time"),
			Since: number.Draw(t, "since"), Limit: time.Duration(number.Draw(t, "limit")), Late: rapid.Bool().Draw(t, "late"), Lost: rapid.Bool().Draw(t, "lost"),
		}
	})
}

// The fast encoder has encoding/json as its slow twin.
func TestAppendJSONIsWhatEncodingJSONWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := event().Draw(t, "event")
		want, err := json.Marshal(e)
		require.NoError(t, err)
		require.Equal(t, string(want), string(e.AppendJSON(nil)))
	})
}

func TestReadReturnsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(event(), 0, 5).Draw(t, "events")
		for i, e := range events { // a string that is not UTF-8 has no JSON form
			events[i] = decode(t, e.AppendJSON(nil))
		}
		var out bytes.Buffer
		h := trace.Header{Format: trace.FormatVersion, Scenario: "s", Seed: 7, Setup: trace.Setup{Offers: []string{"believer"}}}
		w := trace.NewWriter(&out, h)
		for _, e := range events {
			w.Append(e)
		}
		require.NoError(t, w.Err())
		gotHeader, got, err := trace.Read("x.trace", &out)
		require.NoError(t, err)
		require.Equal(t, h, gotHeader)
		require.Equal(t, len(events), len(got))
		for i := range events {
			require.Equal(t, events[i], got[i])
		}
		require.Equal(t, w.Hash(), trace.Hash(got))
	})
}

func decode(t require.TestingT, line []byte) trace.Event {
	var e trace.Event
	require.NoError(t, json.Unmarshal(line, &e))
	return e
}

func TestHashSeesEveryEventButProbes(t *testing.T) {
	a := []trace.Event{{Step: 1, Kind: trace.Op, Verb: "publish"}}
	require.NotEqual(t, trace.Hash(nil), trace.Hash(a))
	require.NotEqual(t, trace.Hash(a), trace.Hash([]trace.Event{{Step: 1, Kind: trace.Op, Verb: "unpublish"}}))
	require.Equal(t, trace.Hash(a), trace.Hash(append(a, trace.Event{Step: 1, Kind: trace.Probe, Name: "goroutines", Value: 3})))
}

// Two runs that differ in anything that a trace can say are two runs.
func TestHashSeesEveryField(t *testing.T) {
	plain := trace.Hash([]trace.Event{{Kind: trace.Op}})
	of := reflect.TypeFor[trace.Event]()
	for i := range of.NumField() {
		e := trace.Event{Kind: trace.Op}
		switch field := reflect.ValueOf(&e).Elem().Field(i); field.Kind() {
		case reflect.String:
			field.SetString("other")
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Float64:
			field.SetFloat(1.5)
		case reflect.Uint64:
			field.SetUint(7)
		default:
			field.SetInt(7)
		}
		require.NotEqual(t, plain, trace.Hash([]trace.Event{e}), of.Field(i).Name)
	}
}

func TestReadForgivesOnlyACutLastLine(t *testing.T) {
	const header = `{"format":1}` + "\n"
	_, events, err := trace.Read("t", strings.NewReader(header+`{"step":1,"at":0,"kind":"op"}`+"\n"+`{"step":2,"at`))
	require.NoError(t, err)
	require.Len(t, events, 1)
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "t:1: no header: unexpected EOF"},
		"not a header": {"apiVersion: x\n", "t:1: header: "},
		"other format": {`{"format":99}` + "\n", "t:1: trace format 99, this holdfast reads 1"},
		"broken":       {header + "junk\n" + `{"step":1,"at":0,"kind":"op"}` + "\n", "t:2: event: "},
	} {
		_, _, err := trace.Read("t", strings.NewReader(c.text))
		require.ErrorContains(t, err, c.want, name)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := trace.Event{Step: 4711, At: time.Hour, Kind: trace.Call, Label: "p1/op-17/patch/persistentvolumes/pv-a#3", Proc: 1, Actor: "op-17", ID: 12, Verb: "patch", Resource: "persistentvolumes", Name: "pv-a", Code: "OK", Version: "123"}
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
}
