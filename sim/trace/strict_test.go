package trace_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

const strictHeader = `{"format":1,"holdfast":"devel","setup":{"volumes":null,"offers":["believer"]}}`

// What Write writes, ReadStrict reads as Read does, if its order is one that a run can have.
func TestReadStrictReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(event(), 0, 5).Draw(t, "events")
		for i := range events {
			events[i] = decode(t, events[i].AppendJSON(nil))
			events[i].Step, events[i].At, events[i].Kind = i/2, 7, trace.Belief
		}
		var out bytes.Buffer
		h := trace.Header{Format: trace.FormatVersion, Scenario: "s", Setup: trace.Setup{
			Offers: []string{"believer"}, Judge: []string{"S1"}, Rules: []trace.Rule{{Name: "r", Rule: "true", Message: "m", MessageExpression: "e"}},
		}}
		w := trace.NewWriter(&out, h)
		for _, e := range events {
			w.Append(e)
		}
		gotHeader, got, err := trace.ReadStrict("x.trace", &out)
		require.NoError(t, err)
		require.Equal(t, h, gotHeader)
		require.ElementsMatch(t, events, got)
	})
}

func TestReadStrictRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                                      "x.trace:1: there is no header, for there is nothing",
		"\n\n":                                  "x.trace:3: there is no header, for there is nothing",
		`{"step":1,"kind":"op"}`:                "x.trace:1:1: there is no header: the first line of a trace says its format and set-up, and this one is an event",
		`{"format":2,"colour":"blue"}`:          "x.trace:1:1: trace format 2, this holdfast reads 1",
		`{"holdfast":"x"}`:                      "x.trace:1:1: trace format 0, this holdfast reads 1",
		`{"format":"1"}`:                        "x.trace:1:13: format is string, where a Go int is wanted",
		`{"format":1,"sede":7}`:                 `x.trace:1:13: there is no field "sede"`,
		`not JSON`:                              "x.trace:1:2: not JSON: invalid character 'o' in literal null (expecting 'u')",
		strictHeader + "\n{\"step\":1,":         "",
		strictHeader + "\n{\"step\":1,\n":       "x.trace:2:10: not JSON: the line ends too early",
		strictHeader + "\n{\"step\":1}{}\n":     "x.trace:2:11: there is more behind the end of the object",
		strictHeader + "\n\n{\"step\":\"1\"}\n": "x.trace:3:11: step is string, where a Go int is wanted",
		strictHeader + "\n{\"step\":1,\"kind\":\"belief\",\"nodee\":\"n1\"}\n":                              `x.trace:2:27: there is no field "nodee"`,
		strictHeader + "\n{\"step\":1,\"kind\":\"beleif\"}\n":                                               `x.trace:2: there is no kind of event "beleif"; kinds are op, call, reply, deliver, wake, return, process, phase, change, world, belief, counter, recorded, trouble, probe`,
		strictHeader + "\n{\"step\":2,\"kind\":\"op\"}\n{\"step\":1,\"kind\":\"op\"}":                       "x.trace:3: step 1 comes after step 2",
		strictHeader + "\n{\"step\":1,\"at\":5,\"kind\":\"op\"}\n\n{\"step\":1,\"at\":4,\"kind\":\"op\"}\n": "x.trace:4: the time goes back from 5ns to 4ns",
	} {
		_, events, err := trace.ReadStrict("x.trace", strings.NewReader(text))
		if want == "" {
			require.NoError(t, err, "a line that a crash cut off")
			require.Empty(t, events)
			continue
		}
		require.EqualError(t, err, want, text)
	}
}
