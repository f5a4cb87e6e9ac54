package deadline

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Source is what an informer reads: one resource of the API server.
type Source[L runtime.Object] struct {
	List  func(context.Context, metav1.ListOptions) (L, error)
	Watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// Informer returns a shared informer over a resource, each of whose lists, and the opening of each of whose watches, may
// take d at most.
func Informer[L runtime.Object](client kubernetes.Interface, src Source[L], example runtime.Object, clk clock.Clock, d time.Duration, indexers cache.Indexers) cache.SharedIndexInformer {
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			ctx, cancel := With(ctx, clk, d)
			defer cancel()
			return src.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return open(ctx, clk, d, func(ctx context.Context) (watch.Interface, error) { return src.Watch(ctx, o) })
		},
	}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, client), example, 0, indexers)
	// client-go's own handler ends in a limiter of the whole process, which measures by the machine's clock, and may hold up
	// this informer because of another one's errors. An informer backs off by itself. Only one that has run refuses the call.
	_ = informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, _ *cache.Reflector, err error) {
		klog.FromContext(ctx).V(1).Info("Watch ended; it will be begun again", "type", fmt.Sprintf("%T", example), "reason", err.Error())
	})
	return informer
}

// open starts a watch within d. The stream itself lives as long as ctx, so its context is the unbounded one, and a timer
// that fires while the watch opens cancels it.
func open(ctx context.Context, clk clock.Clock, d time.Duration, start func(context.Context) (watch.Interface, error)) (watch.Interface, error) {
	stream, end := context.WithCancel(ctx)
	opening, opened := With(ctx, clk, d)
	keep := context.AfterFunc(opening, end)
	w, err := start(stream)
	stopped := keep()
	opened()
	if err == nil && !stopped {
		w.Stop() // the timer and the answer met
		err = context.Cause(opening)
	}
	if err != nil {
		end()
		return nil, err
	}
	return &boundedWatch{Interface: w, end: end}, nil
}

// boundedWatch ends its context when it is stopped, so that a run with many watches does not gather them.
type boundedWatch struct {
	watch.Interface
	once sync.Once
	end  context.CancelFunc
}

func (w *boundedWatch) Stop() {
	w.Interface.Stop()
	w.once.Do(w.end)
}
