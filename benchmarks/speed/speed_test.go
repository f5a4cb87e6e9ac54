package speed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/benchmarks/speed"
	"github.com/holdfast-sim/holdfast/scenarios"
)

// plan measures runs that take a millisecond for each entry of the timeline, and a second for each hour.
func plan(t *testing.T) speed.Plan {
	return speed.Plan{Machines: []int{1, 30}, Idle: []int{0, 25}, Rounds: 2, Do: func(_ context.Context, s *scenarios.Scenario) (speed.Spent, error) {
		_, err := scenarios.Parse(s.Metadata.Name, bytes.NewReader(scenarios.Format(s)))
		require.NoError(t, err)
		n := len(s.Spec.Timeline)
		hours := time.Duration(s.Spec.Timeline[n-1].At) / time.Hour
		return speed.Spent{CPU: time.Duration(n)*time.Millisecond + hours*time.Second, Steps: 10 * n}, nil
	}}
}

func TestRowsAreWhatRunsTake(t *testing.T) {
	p, last := plan(t), 0
	p.Each = func(done, of int) {
		last++
		require.Equal(t, last, done)
		require.Equal(t, 2*p.Trials(), of)
	}
	rows, err := p.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, 2*p.Trials(), last)
	got := map[string]float64{}
	for _, r := range rows {
		require.Len(t, r.Values, 2)
		require.Equal(t, r.Values[0], r.Values[1])
		got[fmt.Sprintf("%s %s %d", r.Name, r.Unit, r.Size)] = r.Values[0]
	}
	require.Equal(t, map[string]float64{
		"Empty cpu-ns/run 1":  float64(time.Second + time.Millisecond),
		"Work cpu-ns/step 1":  float64(2*time.Second+800*time.Millisecond) / 8000,
		"Work steps/op 1":     20,
		"Work cpu-ns/step 30": float64(time.Millisecond) / 10,
		"Work steps/op 30":    20,
		"Idle cpu-ns/hour 0":  float64(time.Second),
		"Idle cpu-ns/hour 25": float64(time.Second),
	}, got)
}

func TestAFailureIsTold(t *testing.T) {
	p := plan(t)
	p.Do = func(context.Context, *scenarios.Scenario) (speed.Spent, error) {
		return speed.Spent{}, errors.New("no worker")
	}
	_, err := p.Run(context.Background())
	require.EqualError(t, err, "idle-0: no worker")
}
