package trace_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Whatever bytes a file has, it is read or refused; and what was read can be written and read again.
func TestReadFromAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		w := trace.NewWriter(&out, trace.Header{Format: trace.FormatVersion, Scenario: "s"})
		for _, e := range rapid.SliceOfN(event(), 0, 3).Draw(t, "events") {
			w.Append(e)
		}
		text := out.Bytes()
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		end := min(len(text), cut+rapid.IntRange(0, 30).Draw(t, "drop"))
		insert := rapid.SampledFrom([]string{"", "x", "0", `"`, "}", "\n", "{}\n", "null", "\x00", `{"step":1e99}`}).Draw(t, "insert")
		text = append(append(append([]byte{}, text[:cut]...), insert...), text[end:]...)

		h, events, err := trace.Read("x.trace", bytes.NewReader(text))
		if err != nil {
			require.ErrorContains(t, err, "x.trace")
			return
		}
		var again bytes.Buffer
		w = trace.NewWriter(&again, h)
		for _, e := range events {
			w.Append(e)
		}
		_, same, err := trace.Read("again", &again)
		require.NoError(t, err)
		require.Equal(t, trace.Hash(events), trace.Hash(same))
	})
}
