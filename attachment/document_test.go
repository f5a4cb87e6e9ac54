package attachment

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawRecord draws any record that can be: what a document may say.
func drawRecord(t *rapid.T) record {
	r := record{epoch: rapid.Uint64Range(1, 1<<53).Draw(t, "epoch")}
	nodes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"n1", "n2", "n3", "n-\u00e4\"\\"}), 0, 4, rapid.ID).Draw(t, "nodes")
	if len(nodes) == 0 {
		return r
	}
	r.mode = rapid.SampledFrom([]Mode{ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany, ReadWriteMany}).Draw(t, "mode")
	r.epoch = max(r.epoch, 10)
	at := noon
	for i, node := range nodes {
		at = at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "later")) * time.Nanosecond)
		r.holders = append(r.holders, holder{
			node: node, uid: rapid.SampledFrom([]string{"", "u1"}).Draw(t, "uid"), epoch: uint64(i + 1), at: at,
			state: Uncertain, loaded: true, nodeID: rapid.SampledFrom([]string{"", "id-n"}).Draw(t, "nodeID"),
			by: rapid.SampledFrom([]string{"", "leader-1"}).Draw(t, "by"),
		})
	}
	if r.mode == ReadWriteMany && len(nodes) > 1 && rapid.Bool().Draw(t, "migrating") {
		r.migration = &Migration{StartedAt: at, Timeout: time.Duration(rapid.Int64Range(1, 1e15).Draw(t, "timeout")), Source: nodes[0], Target: nodes[1]}
	}
	return r
}

// What is written is what is read.
func TestDocumentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		stamp := rapid.SampledFrom([]time.Time{{}, noon}).Draw(t, "stamp")
		text, err := encode(want, stamp)
		require.NoError(t, err)
		got, gotStamp, err := decode(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		require.Equal(t, stamp, gotStamp)
		again, err := encode(got, gotStamp)
		require.NoError(t, err)
		require.Equal(t, text, again)
	})
}

// Whatever stands in an annotation, it is read or refused; and what is read is what it says.
func TestDocumentFromAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, _ := encode(drawRecord(t), noon)
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		text = text[:cut] + rapid.SampledFrom([]string{"", "x", "0", `"`, "}", ",", "null"}).Draw(t, "insert") + text[min(len(text), cut+rapid.IntRange(0, 9).Draw(t, "drop")):]
		r, stamp, err := decode(text)
		if err != nil {
			require.ErrorIs(t, err, ErrRecord)
			return
		}
		again, err := encode(r, stamp)
		require.NoError(t, err)
		same, sameStamp, err := decode(again)
		require.NoError(t, err, again)
		require.Equal(t, r, same)
		require.True(t, stamp.Equal(sameStamp))
	})
}

func TestDocumentRefused(t *testing.T) {
	const at = `"attachedAt":"2026-01-31T12:00:00Z"`
	one := func(instances string) string {
		return `{"version":1,"mode":"ReadWriteMany","epoch":7,"instances":[` + instances + `]}`
	}
	two := func(migration string) string {
		return `{"version":1,"mode":"ReadWriteMany","epoch":7,"instances":[{"node":"n1","epoch":6,"state":"held",` + at +
			`},{"node":"n2","epoch":7,"state":"held",` + at + `}],"migration":` + migration + `}`
	}
	for _, good := range []string{
		`{"version":1,"epoch":7}`,
		one(`{"node":"n1","epoch":7,"state":"held",` + at + `}`),
		two(`{"startedAt":"2026-01-31T12:00:00Z","timeout":"5m","source":"n1","target":"n2"}`),
	} {
		_, _, err := decode(good)
		require.NoError(t, err, good)
	}
	for text, why := range map[string]string{
		``:                                   "unexpected end",
		`null`:                               "version 0",
		`[]`:                                 "cannot unmarshal",
		`{"version":2,"epoch":7}`:            "version 2, not 1",
		`{"version":1}`:                      "epoch is missing",
		`{"version":1,"epoch":-7}`:           "cannot unmarshal",
		`{"version":1,"epoch":7} `:           "",
		`{"version":1,"epoch":7}}`:           "after top-level value",
		`{"version":1,"epoch":7,"colour":1}`: `unknown field "colour"`,
		`{"version":1,"Epoch":7}`:            `unknown field "Epoch"`,
		`{"version":1,"epoch":7,"epoch":8}`:  `duplicate field "epoch"`,
		`{"version":1,"epoch":7,"mode":"ReadWriteOnce"}`:                                                                                            `of no instance`,
		`{"version":1,"epoch":7,"detachedAt":"0001-01-01T00:00:00Z"}`:                                                                               "detachedAt is zero",
		`{"version":1,"epoch":7,"detachedAt":"yesterday"}`:                                                                                          "parsing time",
		strings.Replace(one(`{"node":"n1","epoch":7,"state":"held",`+at+`}`), "ReadWriteMany", "Any", 1):                                            `mode "Any"`,
		one(`{"epoch":7,"state":"held",` + at + `}`):                                                                                                "node is missing",
		one(`{"node":"n1","epoch":8,"state":"held",` + at + `}`):                                                                                    "epoch 8 is not in 1..7",
		one(`{"node":"n1","epoch":0,"state":"held",` + at + `}`):                                                                                    "epoch 0 is not in 1..7",
		one(`{"node":"n1","epoch":7,"state":"gone",` + at + `}`):                                                                                    `state "gone"`,
		one(`{"node":"n1","epoch":7,"state":"held"}`):                                                                                               "attachedAt is missing",
		one(`{"node":"n1","epoch":7,"state":"held",` + at + `,"colour":1}`):                                                                         `unknown field "instances[0].colour"`,
		one(`{"node":"n2","epoch":7,"state":"held",` + at + `},{"node":"n1","epoch":6,"state":"held",` + at + `}`):                                  "instance 1 is not in order",
		one(`{"node":"n2","epoch":6,"state":"held",` + at + `},{"node":"n1","epoch":6,"state":"held",` + at + `}`):                                  "instance 1 is not in order",
		two(`{"startedAt":"2026-01-31T12:00:00Z","timeout":"soon","source":"n1","target":"n2"}`):                                                    "invalid duration",
		two(`{"startedAt":"2026-01-31T12:00:00Z","timeout":"0s","source":"n1","target":"n2"}`):                                                      "timeout 0s",
		two(`{"timeout":"1s","source":"n1","target":"n2"}`):                                                                                         "startedAt is missing",
		two(`{"startedAt":"2026-01-31T12:00:00Z","timeout":"1s","source":"n1","target":"n1"}`):                                                      "not two of the instances",
		two(`{"startedAt":"2026-01-31T12:00:00Z","timeout":"1s","source":"n1","target":"n9"}`):                                                      "not two of the instances",
		strings.Replace(two(`{"startedAt":"2026-01-31T12:00:00Z","timeout":"1s","source":"n1","target":"n2"}`), "ReadWriteMany", "ReadOnlyMany", 1): "migration of a ReadOnlyMany volume",
		`{"version":1,"epoch":7}` + strings.Repeat(" ", documentBytesMax):                                                                           "more than 65536",
	} {
		_, _, err := decode(text)
		if why == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorIs(t, err, ErrRecord, text)
		require.ErrorContains(t, err, why, text)
	}
}
