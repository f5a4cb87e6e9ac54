package stock_test

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// A trace may come from anywhere, and may have been edited by hand. The oracle judges it; it never panics, and it says of the
// same events the same.
func TestTheOracleJudgesEditedTraces(t *testing.T) {
	type recording struct {
		header trace.Header
		events []trace.Event
	}
	var recordings []recording
	for seed := range uint64(12) {
		var out bytes.Buffer
		s := scenarios.Chaos(choice.Seeded(seed), scenarios.Profile{StepsMin: 3, StepsMax: 12})
		sim.Run(t, stock.Builder, s, sim.Seed(seed), sim.TraceTo(&out))
		h, events, err := trace.Read("x", &out)
		require.NoError(t, err)
		recordings = append(recordings, recording{h, events})
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := recordings[rapid.IntRange(0, len(recordings)-1).Draw(rt, "recording")]
		events := slices.Clone(r.events)
		for range rapid.IntRange(1, 8).Draw(rt, "edits") {
			events = edit(rt, events)
		}
		first, again := verdict(r.header, events), verdict(r.header, events)
		require.Equal(rt, first.Outcome(), again.Outcome())
		require.Equal(rt, first.Results, again.Results)
	})
}

func verdict(h trace.Header, events []trace.Event) model.Verdict {
	c := model.New(h)
	for _, e := range events {
		c.Step(e)
	}
	return c.Verdict()
}

// edit changes one thing as an editor would.
func edit(t *rapid.T, events []trace.Event) []trace.Event {
	if len(events) < 2 {
		return events
	}
	i := rapid.IntRange(0, len(events)-1).Draw(t, "at")
	j := rapid.IntRange(0, len(events)-1).Draw(t, "from")
	switch rapid.SampledFrom([]string{"field", "field", "field", "delete", "cut", "insert", "swap"}).Draw(t, "edit") {
	case "delete":
		return slices.Delete(events, i, i+1)
	case "cut":
		return events[:i]
	case "insert":
		return slices.Insert(events, i, events[j])
	case "swap":
		events[i], events[j] = events[j], events[i]
		return events
	}
	e := reflect.ValueOf(&events[i]).Elem()
	n := rapid.IntRange(0, e.NumField()-1).Draw(t, "field")
	switch f, other := e.Field(n), reflect.ValueOf(events[j]).Field(n); {
	case rapid.Bool().Draw(t, "another's"):
		f.Set(other)
	case f.CanInt():
		f.SetInt(rapid.SampledFrom([]int64{0, -1, 1, math.MaxInt64, math.MinInt64}).Draw(t, "number"))
	case f.CanUint():
		f.SetUint(rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}).Draw(t, "number"))
	case f.CanFloat():
		f.SetFloat(rapid.SampledFrom([]float64{0, -1, math.NaN(), math.Inf(1)}).Draw(t, "number"))
	case f.Kind() == reflect.Bool:
		f.SetBool(!f.Bool())
	case f.Kind() == reflect.String:
		f.SetString(rapid.SampledFrom([]string{"", "nonsense", `{"version":1}`}).Draw(t, "text"))
	default:
		f.SetZero()
	}
	return events
}
