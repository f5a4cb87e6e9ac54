package reconciler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/reconciler"
)

func TestNewAttachmentReconciler_RequiresManager(t *testing.T) {
	_, err := reconciler.New(reconciler.Config{Client: fake.NewSimpleClientset()})
	require.ErrorIs(t, err, reconciler.ErrNoManager)
	require.ErrorContains(t, err, "manager")
}

func TestNewAttachmentReconciler_RequiresK8sClient(t *testing.T) {
	m, err := attachment.NewManager(nil)
	require.NoError(t, err)
	_, err = reconciler.New(reconciler.Config{Manager: m})
	require.ErrorIs(t, err, reconciler.ErrNoClient)
	require.ErrorContains(t, err, "client")
}

func TestNewAttachmentReconciler_DefaultValues(t *testing.T) {
	m, err := attachment.NewManager(nil)
	require.NoError(t, err)
	for _, given := range []time.Duration{0, -time.Second} {
		r, err := reconciler.New(reconciler.Config{Manager: m, Client: fake.NewSimpleClientset(), Interval: given, GracePeriod: given, CallTimeout: given})
		require.NoError(t, err)
		require.Equal(t, 5*time.Minute, r.GetInterval())
		require.Equal(t, 30*time.Second, r.GetGracePeriod())
	}
}

func TestNew_MetricsTwice(t *testing.T) {
	m, err := attachment.NewManager(nil)
	require.NoError(t, err)
	cfg := reconciler.Config{Manager: m, Client: fake.NewSimpleClientset(), Metrics: prometheus.NewRegistry()}
	_, err = reconciler.New(cfg)
	require.NoError(t, err)
	_, err = reconciler.New(cfg)
	require.ErrorAs(t, err, &prometheus.AlreadyRegisteredError{})
}

func TestReconciler_StartStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.start()
		require.Equal(t, 1.0, w.metric("holdfast_reconcile_passes_total"))
		w.Stop()
		w.Stop() // again: nothing, and no panic
		w.after(time.Hour)
		require.Equal(t, 1.0, w.metric("holdfast_reconcile_passes_total"), "nothing happens after Stop")
	})
}

func TestReconciler_ContextCancellation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		ctx, cancel := context.WithCancel(context.Background())
		require.NoError(t, w.Start(ctx))
		synctest.Wait()
		cancel()
		synctest.Wait() // the bubble fails if a goroutine is left
		w.Trigger()
		w.after(time.Hour)
		require.Equal(t, 1.0, w.metric("holdfast_reconcile_passes_total"))
	})
}

func TestReconciler_ClearsStaleAttachment_NodeDeleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b"})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		w.delete("a")
		w.after(grace)
		require.Empty(t, w.holders("v"))
	})
}

func TestReconciler_PreservesValidAttachment_NodeExists(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a", "b"})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		w.delete("b")
		w.after(time.Hour)
		require.Equal(t, []string{"a"}, w.holders("v"))
	})
}

func TestReconciler_RespectsGracePeriod(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, []string{"a"})
		w.attach("v", "a")
		w.start()
		defer w.Stop()
		w.delete("a")
		w.pass()
		require.Equal(t, []string{"a"}, w.holders("v"), "missing for 0")
		w.after(grace - 1)
		w.pass()
		require.Equal(t, []string{"a"}, w.holders("v"), "missing for G - 1ns")
		passes := w.metric("holdfast_reconcile_passes_total")
		w.after(1)
		require.Empty(t, w.holders("v"), "missing for G, with a pass of its own and not at the next interval")
		require.Equal(t, passes+1, w.metric("holdfast_reconcile_passes_total"))
		require.Equal(t, 1.0, w.metric("holdfast_grace_deferred_total"))
	})
}

func TestReconciler_HandlesAPIErrors(t *testing.T) {
	for name, failure := range map[string]error{
		"internal":      apierrors.NewInternalError(errors.New("etcd")),
		"unauthorized":  apierrors.NewUnauthorized("who are you"),
		"throttled":     apierrors.NewTooManyRequests("later", 1),
		"server's time": apierrors.NewServerTimeout(nodeResource, "get", 1),
		"connection":    errors.New("connection refused"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, []string{"a"})
				var broken atomic.Bool
				broken.Store(true)
				w.react("get", func(clienttesting.Action) (bool, runtime.Object, error) { return broken.Load(), nil, failure })
				w.attach("v", "a")
				w.start()
				defer w.Stop()
				w.delete("a")
				w.after(time.Hour)
				require.Equal(t, []string{"a"}, w.holders("v"), "fail open")
				require.Positive(t, w.metric("holdfast_fail_open_total"))
				broken.Store(false)
				w.after(10*time.Second + grace)
				require.Empty(t, w.holders("v"), "tried again soon, and grace began with the first answer")
			})
		})
	}
}

func TestReconciler_GetGracePeriod(t *testing.T) {
	m, err := attachment.NewManager(nil)
	require.NoError(t, err)
	r, err := reconciler.New(reconciler.Config{Manager: m, Client: fake.NewSimpleClientset(), GracePeriod: 42 * time.Second})
	require.NoError(t, err)
	require.Equal(t, 42*time.Second, r.GetGracePeriod())
}
