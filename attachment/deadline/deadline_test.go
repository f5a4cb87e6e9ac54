package deadline_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/holdfast-sim/holdfast/attachment/deadline"
)

func TestWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := testingclock.NewFakeClock(time.Time{})
		ctx, cancel := deadline.With(context.Background(), clk, time.Second)
		defer cancel()
		clk.Step(time.Second - 1)
		synctest.Wait()
		require.NoError(t, ctx.Err())
		clk.Step(1)
		synctest.Wait()
		require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
	})
}

func TestWith_EndsEarly(t *testing.T) {
	for name, end := range map[string]func(parent, own context.CancelFunc){
		"parent": func(parent, _ context.CancelFunc) { parent() },
		"cancel": func(_, own context.CancelFunc) { own() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clk := testingclock.NewFakeClock(time.Time{})
				parent, endParent := context.WithCancel(context.Background())
				defer endParent()
				ctx, cancel := deadline.With(parent, clk, time.Second)
				defer cancel()
				end(endParent, cancel)
				synctest.Wait()
				require.ErrorIs(t, context.Cause(ctx), context.Canceled)
				require.False(t, clk.HasWaiters(), "the timer is gone")
			})
		})
	}
}

func TestWith_EndedContext(t *testing.T) {
	clk := testingclock.NewFakeClock(time.Time{})
	parent, end := context.WithCancel(context.Background())
	end()
	ctx, cancel := deadline.With(parent, clk, time.Second)
	defer cancel()
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	require.False(t, clk.HasWaiters())
}

// informer starts one whose list and watch are the given ones.
func informer(ctx context.Context, list func(context.Context) error, open func(context.Context) (watch.Interface, error)) cache.SharedIndexInformer {
	i := deadline.Informer(fake.NewSimpleClientset(), deadline.Source[*corev1.NodeList]{
		List: func(ctx context.Context, _ metav1.ListOptions) (*corev1.NodeList, error) {
			return &corev1.NodeList{Items: []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}}}, list(ctx)
		},
		Watch: func(ctx context.Context, _ metav1.ListOptions) (watch.Interface, error) { return open(ctx) },
	}, &corev1.Node{}, clock.RealClock{}, 10*time.Second, nil)
	go i.RunWithContext(ctx)
	return i
}

// A list that is never answered is given up, and tried again; so is the opening of a watch. An open watch lives on.
func TestInformer_Hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		lists, opens := 0, 0
		var stream context.Context
		i := informer(ctx, func(ctx context.Context) error {
			if lists++; lists == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, func(ctx context.Context) (watch.Interface, error) {
			if opens++; opens == 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			stream = ctx
			return watch.NewFake(), nil
		})
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.False(t, i.HasSynced())
		time.Sleep(time.Minute)
		synctest.Wait()
		require.True(t, i.HasSynced())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 2, opens)
		require.NoError(t, stream.Err(), "the bound is on the opening, not on the stream")
		cancel()
		synctest.Wait()
		require.Error(t, stream.Err())
	})
}

// An answer that comes with the end of the bound is too late: nobody would end its stream.
func TestInformer_LateWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var late *watch.FakeWatcher
		opens := 0
		informer(ctx, func(context.Context) error { return nil }, func(ctx context.Context) (watch.Interface, error) {
			if opens++; opens == 1 {
				<-ctx.Done()
				late = watch.NewFake()
				return late, nil
			}
			return watch.NewFake(), nil
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.True(t, late.IsStopped())
		require.Equal(t, 2, opens)
	})
}

// The errors of one informer do not hold up another one, or itself, beyond its own backoff.
func TestInformer_Errors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		lists := 0
		i := informer(ctx, func(context.Context) error {
			if lists++; lists < 5 {
				return errors.New("down")
			}
			return nil
		}, func(context.Context) (watch.Interface, error) { return watch.NewFake(), nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.True(t, i.HasSynced())
		w := i.GetStore().ListKeys()
		require.Equal(t, []string{"a"}, w)
		cancel()
		synctest.Wait()
	})
}

// Stopping a watch ends its context, so that a run with many watches does not gather them.
func TestInformer_EndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		var streams []context.Context
		var watches []*watch.FakeWatcher
		informer(ctx, func(context.Context) error { return nil }, func(ctx context.Context) (watch.Interface, error) {
			w := watch.NewFake()
			streams, watches = append(streams, ctx), append(watches, w)
			return w, nil
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		watches[0].Stop() // the server closes it
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, streams, 2)
		require.Error(t, streams[0].Err())
		require.NoError(t, streams[1].Err())
		cancel()
		synctest.Wait()
	})
}
