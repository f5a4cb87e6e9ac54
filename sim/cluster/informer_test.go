package cluster_test

import (
	"context"
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// run is client-go's informer against the server under the real scheduler, while nodes come, change and go, and watches
// and requests fail. It returns the trace, what the cache holds when all is over, and what the server holds.
func run(t *testing.T, seed uint64) (events []trace.Event, cached, stored []string) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	rand.Seed(int64(seed)) //nolint:staticcheck // client-go draws its jitter from the global source
	// client-go's second error handler sleeps until a millisecond after the error before, which another bubble, or the time
	// before any, may have seen years later.
	handlers := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil
	defer func() { utilruntime.ErrorHandlers = handlers }()
	synctest.Test(t, func(t *testing.T) {
		src := choice.Seeded(seed)
		faults := fault.NewPlan(src,
			fault.Rule{On: fault.Predicate{Resource: "nodes", Until: time.Minute}, Effect: fault.ReplyLost, Chance: 0.2},
			fault.Rule{On: fault.Predicate{Resource: "nodes", Until: time.Minute}, Effect: fault.Unreachable, Chance: 0.2},
			fault.Rule{On: fault.Predicate{Resource: "nodes", Until: time.Minute}, Effect: fault.StaleRead, Chance: 0.3},
		)
		loop := sched.NewLoop(sched.Config{
			Strategy: sched.Random(src), Source: src, Decide: faults.Decide,
			Sink: func(e trace.Event) { events = append(events, e) }, LatencyMax: 50 * time.Millisecond,
		})
		server := cluster.New(cluster.Config{
			Loop: loop, Clock: time.Now, Source: src, HistoryMax: 5,
			Lag: func(label string) time.Duration {
				return time.Duration(src.Choose("lag/"+label, 3)) * time.Second
			},
		})
		process := loop.NewProcess(1)
		ctx, cancel := context.WithCancel(context.Background())
		factory := informers.NewSharedInformerFactory(server.Client(process.Num, process), 0)
		lister := factory.Core().V1().Nodes().Lister()
		factory.Start(ctx.Done())

		for i := range 60 {
			loop.Offer(&sched.Point{
				Kind: trace.Op, Label: fmt.Sprintf("0/operator/%02d", i), Ready: time.Duration(i) * time.Second,
				Fire: func(*trace.Event, fault.Decision) { disturb(server, src, loop.Now()) },
			})
		}
		loop.Run(time.Minute, 10_000, nil)
		server.SetAway(false)
		loop.Run(10*time.Minute, 10_000, nil)
		require.Zero(t, server.Undelivered())

		synctest.Wait()
		nodes, err := lister.List(labels.Everything())
		require.NoError(t, err)
		cached, stored = shown(nodes), shown(cluster.List[*corev1.Node](server))
		cancel()
		synctest.Wait()
		factory.Shutdown()
	})
	return events, cached, stored
}

// disturb does one thing to the cluster.
func disturb(s *cluster.Server, src choice.Source, now time.Duration) {
	key := fmt.Sprintf("node-%d", src.Choose("which", 3))
	switch src.Choose("what", 9) {
	case 0, 1:
		_, _ = cluster.Create(s, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: key}})
	case 2, 3:
		if n, err := cluster.Get[*corev1.Node](s, key); err == nil {
			n.Labels = map[string]string{"at": now.String()}
			_, _ = cluster.Update(s, n)
		}
	case 4:
		_ = cluster.Delete[*corev1.Node](s, key)
	case 5:
		s.Disconnect("nodes", cluster.History(src.Choose("gone", 2)))
	case 6:
		s.SetAway(src.Choose("away", 2) == 0)
	case 7:
		s.Replay("nodes", 1+src.Choose("events", 10))
	case 8:
		s.SetLag("nodes", now+5*time.Second)
	}
}

func shown(nodes []*corev1.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, strings.Join([]string{n.Name, string(n.UID), n.ResourceVersion, n.Labels["at"]}, "/"))
	}
	slices.Sort(out)
	return out
}

// TestInformersConverge: whatever was lost, late or repeated, in the end a cache holds what the server holds.
func TestInformersConverge(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(40) {
		events, cached, stored := run(t, seed)
		require.Equal(t, stored, cached, "seed %d", seed)
		for _, e := range events {
			if e.Kind == trace.Deliver || e.Kind == trace.Call {
				seen[string(e.Kind)+" "+e.Verb+" "+e.Code+" "+e.Fault]++
			}
		}
	}
	for _, want := range []string{
		"deliver ADDED  ", "deliver MODIFIED  ", "deliver DELETED  ", "deliver ERROR  ",
		"call watch OK replyLost", "call watch Expired ", "call list OK staleRead", "call list Unreachable unreachable",
	} {
		require.Positive(t, seen[want], "%q never happened: %v", want, seen)
	}
}

// TestSameSeedSameTrace: nothing in the server depends on anything but the seed.
func TestSameSeedSameTrace(t *testing.T) {
	distinct := map[string]bool{}
	for seed := range uint64(10) {
		a, _, _ := run(t, seed)
		b, _, _ := run(t, seed)
		require.Equal(t, trace.Hash(a), trace.Hash(b), "seed %d", seed)
		distinct[trace.Hash(a)] = true
	}
	require.Len(t, distinct, 10)
}
