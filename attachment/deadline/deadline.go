// Package deadline bounds calls by an injected clock.
//
// A call that never answers must not stop whoever waits for it for ever, and context.WithTimeout asks the machine's clock.
// With does the same on a clock that a test, or a simulation, can move:
//
//	ctx, cancel := deadline.With(ctx, clock, 15*time.Second)
//	defer cancel()
//	node, err := client.CoreV1().Nodes().Get(ctx, "node-1", metav1.GetOptions{})
//
// Informer gives the lists and watches of an informer such a bound, for a reflector waits for ever too.
package deadline

import (
	"context"
	"fmt"
	"time"

	"k8s.io/utils/clock"
)

// With returns a context that ends with ctx, with cancel, or after d; then its cause wraps context.DeadlineExceeded. One
// goroutine waits for the timer, and ends with the context: always call cancel.
func With(ctx context.Context, clk clock.Clock, d time.Duration) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithCancelCause(ctx)
	if bounded.Err() != nil {
		return bounded, func() { cancel(context.Canceled) }
	}
	timer := clk.NewTimer(d)
	go func() {
		defer timer.Stop()
		select {
		case <-bounded.Done():
		case <-timer.C():
			cancel(fmt.Errorf("no answer within %v: %w", d, context.DeadlineExceeded))
		}
	}()
	return bounded, func() {
		timer.Stop()
		cancel(context.Canceled)
	}
}
