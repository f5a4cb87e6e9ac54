package capacity_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/benchmarks/capacity"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// server is a driver with one worker whose publish takes a while and two requests.
func server(t *testing.T, busy time.Duration) func(context.Context, *scenarios.Scenario, func(trace.Event)) ([]string, error) {
	return func(_ context.Context, s *scenarios.Scenario, each func(trace.Event)) ([]string, error) {
		_, err := scenarios.Parse(s.Metadata.Name, bytes.NewReader(scenarios.Format(s)))
		require.NoError(t, err)
		events := []trace.Event{
			{Kind: trace.Change, Resource: "volumeattachments", Verb: "created", Name: "of-another-driver", State: "wished"},
			{Kind: trace.Change, Resource: "volumeattachments", Verb: "updated", Name: "of-another-driver", State: "attached"},
		}
		free, last := time.Duration(0), time.Duration(0)
		for i, step := range s.Spec.Timeline {
			at, name := time.Duration(step.At), step.Publish.Volume
			free = max(free, at)
			events = append(events,
				trace.Event{At: at, Kind: trace.Change, Resource: "volumeattachments", Verb: "created", Name: name, Volume: name, State: "wished"},
				trace.Event{At: free, Kind: trace.Op, Verb: "publish", Op: i + 1},
				trace.Event{At: free, Kind: trace.Call, Proc: 1, Resource: "nodes"},
				trace.Event{At: free, Kind: trace.Call, Proc: 1, Resource: "backend"},
				trace.Event{At: free, Kind: trace.Call, Proc: 1, Resource: "nodes", Code: trace.RateLimited},
				trace.Event{At: free, Kind: trace.Call, Proc: 1, Resource: "persistentvolumes"})
			free += busy
			events = append(events, trace.Event{At: free, Kind: trace.Return, Op: i + 1},
				trace.Event{At: free, Kind: trace.Change, Resource: "volumeattachments", Verb: "updated", Name: name, State: "attached"})
			last = at
		}
		end := last + 10*time.Minute
		slices.SortStableFunc(events, func(a, b trace.Event) int { return cmp.Compare(a.At, b.At) })
		for _, e := range events {
			if e.At < end {
				each(e)
			}
		}
		each(trace.Event{At: end, Kind: trace.Phase, Name: "drain"})
		each(trace.Event{At: end, Kind: trace.Change, Resource: "volumeattachments", Verb: "created", Name: "late", Volume: "late"})
		return nil, nil
	}
}

func plan(t *testing.T) capacity.Plan {
	return capacity.Plan{Latency: 100 * time.Millisecond, QPS: 20, Workers: 1, Deadline: 15 * time.Second, Window: 5 * time.Minute,
		From: 30, To: 2000, Precision: 0.05, Seed: 1, Do: server(t, 500*time.Millisecond)}
}

// A worker that is busy for half a second serves 120 a minute.
func TestTheLargestRateIsWhatTheWorkersServe(t *testing.T) {
	p, rates := plan(t), 0
	p.Each = func(capacity.Trial) { rates++ }
	a, err := p.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, len(a.Trials)+1, rates)
	require.InDelta(t, 115, a.Kept, 25)
	require.Greater(t, a.Missed, a.Kept)
	require.LessOrEqual(t, a.Missed, a.Kept*1.05)
	require.Equal(t, "workers", a.Bound)
	require.InDelta(t, 120, a.Ceiling, 1e-6)
	require.InDelta(t, 60*15, a.Overload.Predicted, 1e-6)
	require.InDelta(t, 0, a.Overload.Error(), 0.1)
	light := a.Trials[0]
	require.Equal(t, 500*time.Millisecond, light.P50)
	require.Equal(t, 500*time.Millisecond, light.Waits[0])
	require.InDelta(t, 2, light.Calls, 0.05)
	require.Len(t, light.Waits, light.Starts)
	again, err := p.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, a, again)
}

func TestRequestsBoundWhatWorkersDoNot(t *testing.T) {
	p := plan(t)
	p.QPS, p.To = 1, 30
	a, err := p.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, "requests", a.Bound)
	require.InDelta(t, 30, a.Ceiling, 1)
	require.Zero(t, a.Missed)
	require.EqualValues(t, 30, a.Kept)
	p.QPS, p.Workers = 0, 0
	a, err = p.Run(context.Background())
	require.NoError(t, err)
	require.Nil(t, a.Overload)
}

// What never happened has taken until the end, and is not kept.
func TestWhatIsNotDoneIsNotKept(t *testing.T) {
	p := plan(t)
	p.Do = server(t, time.Minute)
	a, err := p.Run(context.Background())
	require.NoError(t, err)
	require.Zero(t, a.Kept)
	require.EqualValues(t, 30, a.Missed)
	require.Len(t, a.Trials, 1)
	require.Positive(t, a.Trials[0].Waiting)
	require.Greater(t, a.Trials[0].P99, 10*time.Minute)
	var out strings.Builder
	require.NoError(t, p.WriteQuestion(&out))
	require.NoError(t, a.Trials[0].WriteText(&out))
	require.NoError(t, a.WriteText(&out))
	require.Contains(t, out.String(), "never")
	require.Contains(t, out.String(), "No rate is kept: 30 a minute is too much.")
}

func TestAFailureIsTold(t *testing.T) {
	p := plan(t)
	p.Do = func(context.Context, *scenarios.Scenario, func(trace.Event)) ([]string, error) {
		return nil, errors.New("no worker")
	}
	_, err := p.Run(context.Background())
	require.EqualError(t, err, "30 a minute: no worker")
}

func ExampleAnswer_WriteText() {
	a := capacity.Answer{Kept: 523.4, Missed: 546.8, Ceiling: 534, Bound: "requests", Overload: &capacity.Overload{
		Trial: capacity.Trial{Rate: 801, Backlog: []capacity.Point{{At: 15 * time.Minute, Waiting: 3966}}}, Predicted: 4005, Found: 3966}}
	var out strings.Builder
	_ = a.WriteText(&out)
	fmt.Println(strings.TrimSpace(out.String()))
	// Output:
	// The largest rate that is kept is 523 a minute; 547 is not.
	// By the first trial, requests set a ceiling of 534 a minute. At 801 a backlog of 4,005 is to grow in 15m0s; a simulation found 3,966 (-1.0 %).
}
