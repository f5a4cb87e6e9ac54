package attachment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Waiters of a volume pass in the order in which they came; another volume is free; nothing is left behind.
func TestTurnstileOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile()
		require.NoError(t, s.acquire(t.Context(), "v"))
		var order []int
		for i := range 5 {
			go func() {
				require.NoError(t, s.acquire(t.Context(), "v"))
				order = append(order, i)
				s.release("v")
			}()
			synctest.Wait()
		}
		require.False(t, s.try("v"))
		require.True(t, s.try("w"))
		s.release("w")
		require.Empty(t, order)
		require.Equal(t, 1, s.size())
		s.release("v")
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
		require.Zero(t, s.size())
	})
}

// A waiter goes away with its context, and says why.
func TestTurnstileContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile()
		require.NoError(t, s.acquire(t.Context(), "v"))
		why := errors.New("changed my mind")
		waiter, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		require.ErrorIs(t, s.acquire(waiter, "v"), why)
		require.ErrorIs(t, s.acquire(waiter, "w"), why, "not even a free one")
		s.release("v")
		require.Zero(t, s.size())
	})
}

// endsMeanwhile is a context that ends between the first look at it and the second.
type endsMeanwhile struct {
	context.Context
	looks int
}

func (c *endsMeanwhile) Err() error {
	if c.looks++; c.looks == 1 {
		return nil
	}
	return context.Canceled
}

// If the turn comes free and the context ends in one moment, the end of the context wins, whichever select takes, and the
// turn stays free.
func TestTurnstileTie(t *testing.T) {
	s := newTurnstile()
	err := s.acquire(&endsMeanwhile{Context: context.Background()}, "v")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, s.size())
	require.NoError(t, s.acquire(context.Background(), "v"))
}

// Never two at a time, under contention.
func TestTurnstileExcludes(t *testing.T) {
	s := newTurnstile()
	var all sync.WaitGroup
	inside := make([]int, 3)
	for i := range 30 {
		all.Go(func() {
			v := i % len(inside)
			for range 100 {
				require.NoError(t, s.acquire(context.Background(), fmt.Sprint(v)))
				inside[v]++ // -race sees a second one
				s.release(fmt.Sprint(v))
			}
		})
	}
	all.Wait()
	require.Equal(t, []int{1000, 1000, 1000}, inside)
	require.Zero(t, s.size())
}
