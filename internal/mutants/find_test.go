package mutants

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedianOfWhatWasNeverFound(t *testing.T) {
	inf := math.Inf(1)
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 1.5, median([]float64{2, 1}))
	require.Equal(t, inf, median([]float64{1, inf}), "not found in half of the samples")
	require.Equal(t, inf, median([]float64{inf, inf}))
	require.Equal(t, 2.0, median([]float64{inf, 1, 2}))
}

func TestWriteHunt(t *testing.T) {
	h := Hunt{Campaign: Campaign{Seeds: 400}, Strategies: []string{"random", "pct"}, Samples: 20}
	all := []Hunted{
		{Patch: Patch{ID: "X1", Title: "one"}, By: map[string]Found{"random": {CPU: 0.2, Runs: 7}, "pct": {CPU: 0.1, Runs: 3}}},
		{Patch: Patch{ID: "X2", Title: "two"}, By: map[string]Found{"random": {CPU: 0.4, Runs: 30}, "pct": {CPU: math.Inf(1), Runs: 400, Missed: 20}}},
		{Patch: Patch{ID: "X3", Title: "three"}, Err: errors.New("it does not build: and so on\nat length")},
	}
	var b bytes.Buffer
	require.NoError(t, h.WriteHunt(&b, all))
	require.Equal(t, strings.TrimPrefix(`
MUTANT  random           pct             SOONEST  WHAT IT DOES WRONG
X1      200ms (7 runs)   100ms (3 runs)  pct      one
X2      400ms (30 runs)  - (400 runs)    random   two
X3      no answer: it does not build: and so on

CPU time to find a mutant, from the start of a worker process: median of 20 samples of up to 400 runs each, and the median of those over 2 mutants
random               300ms  not in half of the samples: 0
pct                  -      not in half of the samples: 1
the soonest of each  250ms
`, "\n"), b.String())

	b.Reset()
	require.NoError(t, h.WriteHuntJSON(&b, all))
	var d struct {
		Results []struct {
			By      map[string]struct{ CPUSeconds *float64 }
			Soonest string
			Error   string
		}
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &d))
	require.Nil(t, d.Results[1].By["pct"].CPUSeconds)
	require.Equal(t, 0.4, *d.Results[1].By["random"].CPUSeconds)
	require.Equal(t, "pct", d.Results[0].Soonest)
	require.NotEmpty(t, d.Results[2].Error)
}
