package sched_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Two at once, then ten a second, in the order of labels whoever asked first.
func TestAClientLimitsItsOwnRequests(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		w.proc.Limit(10, 2)
		for i := range 5 {
			go func() { _, _ = w.call(context.Background(), fmt.Sprint(9-i)) }()
		}
		w.run()
		var sent []string
		for _, e := range w.events {
			if e.Kind == "call" {
				sent = append(sent, fmt.Sprint(e.Name, " ", e.At))
			}
		}
		require.ElementsMatch(t, []string{"5 0s", "6 0s"}, sent[:2])
		require.Equal(t, []string{"7 100ms", "8 200ms", "9 300ms"}, sent[2:])
	})
}

// What cannot be sent before its context ends is refused at once, costs no token, and never takes effect. What is given up while it waits
// is not sent either.
func TestWhatWouldWaitForTooLongIsRefusedAtOnce(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		w.proc.Limit(1, 1)
		errs := make(chan error, 3)
		call := func(ctx context.Context, name string) {
			go func() { _, err := w.call(ctx, name); errs <- err }()
			w.loop.Run(w.loop.Now(), 10, nil)
		}
		call(context.Background(), "first")
		require.NoError(t, <-errs)
		short, end := context.WithTimeout(context.Background(), 900*time.Millisecond)
		defer end()
		call(short, "refused")
		require.ErrorIs(t, <-errs, sched.ErrLimited)
		ctx, cancel := context.WithCancel(context.Background())
		call(ctx, "given up")
		cancel()
		w.run()
		require.ErrorIs(t, <-errs, context.Canceled)
		require.Equal(t, 1, w.count)
	})
}

// The storage system is another client's business.
func TestTheBackendIsNotLimited(t *testing.T) {
	bubble(t, func() {
		w := newWorld(1, nil)
		w.proc.Limit(1, 1)
		for i := range 3 {
			go func() {
				_, _ = w.proc.Call(context.Background(), sched.Request{
					Verb: "grant", Resource: fault.Backend, Name: fmt.Sprint(i), Code: func(error) string { return "OK" },
					Do: func(*trace.Event, fault.Decision) (any, error) { return nil, nil },
				})
			}()
		}
		w.run()
		require.Len(t, w.events, 6)
		require.Zero(t, w.events[5].At)
	})
}
