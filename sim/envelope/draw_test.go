package envelope_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/envelope"
)

// The picture is well-formed; its marks stand in the order of the values and within it, each value that is a border is told, and so
// is what breaks there.
func TestDraw(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, envelope.Draw(&b, []envelope.Row{
		{Name: "lag", Meaning: "a < b & c", Points: []envelope.Point{
			{Value: 0}, {Value: time.Second}, {Value: 10 * time.Second}, {Value: 20 * time.Second, Breaks: "L4"}, {Value: time.Minute, Breaks: "S10"},
		}},
		{Name: "grace", Points: []envelope.Point{{Value: time.Second}}},
	}))
	picture := b.String()
	var marks, classes []string
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "circle" && e.Name.Local != "line" {
			continue
		}
		for _, a := range e.Attr {
			switch {
			case a.Name.Local == "cx":
				marks = append(marks, a.Value)
			case a.Name.Local == "class" && e.Name.Local == "line":
				classes = append(classes, a.Value)
			}
		}
	}
	require.Equal(t, []string{"held", "held", "border", "broken"}, classes)
	require.Len(t, marks, 6)
	last := -1.0
	for _, m := range marks[:5] {
		x, err := strconv.ParseFloat(m, 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, x, last)
		require.LessOrEqual(t, x, 690.0)
		last = x
	}
	for _, text := range []string{">0s</text>", ">10s</text>", ">20s L4</text>", ">1m0s S10</text>", "a &lt; b &amp; c"} {
		require.Contains(t, picture, text)
	}
	require.NotContains(t, picture, ">1s</text>\n<circle", "it is no border")
}
