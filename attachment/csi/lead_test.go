package csi_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/csi"
)

func TestNew_Requires(t *testing.T) {
	m, err := attachment.NewManager(nil)
	require.NoError(t, err)
	full := csi.Config{Manager: m, Client: fake.NewSimpleClientset(), Backend: &backend{}}
	_, err = csi.New(full)
	require.NoError(t, err)
	for want, without := range map[string]func(*csi.Config){
		"manager": func(c *csi.Config) { c.Manager = nil },
		"client":  func(c *csi.Config) { c.Client = nil },
		"backend": func(c *csi.Config) { c.Backend = nil },
	} {
		cfg := full
		without(&cfg)
		_, err := csi.New(cfg)
		require.ErrorContains(t, err, want)
	}
}

func TestLead_OutsideOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a")
		refuses := func() {
			w.code(csi.Unavailable, w.publish("a", rwo))
			w.code(csi.Unavailable, w.unpublish("a"))
			w.ok(w.Sweep(context.Background()))
			require.Empty(t, w.backend.calls())
		}
		refuses()
		w.run()
		w.ok(w.publish("a", rwo))
		w.backend.calls()
		w.depose()
		refuses()
		require.Contains(t, w.persisted(), `"node":"a"`)
	})
}

func TestLead_Twice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		w.code(csi.FailedPrecondition, w.Run(context.Background()))
		w.ok(w.publish("a", rwo))
	})
}

// Until the first rebuild of this leadership has succeeded nothing is served, and it is tried again and again.
func TestLead_Rebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a")
		failing := w.fail("list", "persistentvolumes", errDown)
		ready := 0
		var err error
		w.Controller, err = csi.New(csi.Config{Manager: w.manager, Client: w.client, Backend: w.backend, Driver: driver, OnReady: func() { ready++ }})
		require.NoError(t, err)
		w.run()
		w.code(csi.Unavailable, w.publish("a", rwo))
		w.code(csi.Unavailable, w.unpublish("a"))
		time.Sleep(time.Minute)
		synctest.Wait()
		w.code(csi.Unavailable, w.publish("a", rwo))
		require.Zero(t, ready)
		failing.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, ready)
		w.ok(w.publish("a", rwo))
		w.depose()
		failing.Store(true)
		w.run()
		w.code(csi.Unavailable, w.publish("a", rwo)) // another leadership has to rebuild anew
		w.depose()                                   // and may end before it could
		require.Equal(t, 1, ready)
	})
}

func TestLead_EndsBeforeTheCachesAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a")
		w.fail("list", "csinodes", errDown)
		w.run()
		w.code(csi.Unavailable, w.publish("a", rwo))
		time.Sleep(time.Hour)
		synctest.Wait()
		w.depose()
	})
}

// A new leadership knows what another process did meanwhile.
func TestLead_ReadsStateAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		w.ok(w.publish("a", rwo))
		w.depose()
		first := w.process
		w.start()
		w.run()
		w.va("v", "b", true)
		w.ok(w.unpublish("a"))
		w.ok(w.publish("b", rwo))
		w.depose()
		w.process = first
		w.run()
		defer w.depose()
		require.Equal(t, []string{"b b-uid held"}, w.believed())
		w.code(csi.FailedPrecondition, w.publish("a", rwo))
	})
}

// A call that is in flight when leadership ends issues no further write, wherever it is.
func TestLead_EndsDuringPublish(t *testing.T) {
	for verb, want := range map[string]struct {
		calls    []string
		believed []string
	}{
		"exists": {[]string{}, []string{}},
		"grant":  {[]string{"grant id-a"}, []string{"a a-uid uncertain"}},
	} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a")
				w.backend.hook = func(ctx context.Context, v, _, _ string, _ uint64) (bool, error) {
					if v == verb {
						w.depose()
					}
					return true, nil // done, whatever the context says
				}
				w.code(csi.Unavailable, w.publish("a", rwo))
				require.Equal(t, want.calls, w.backend.calls())
				require.Equal(t, want.believed, w.believed())
				require.Equal(t, len(want.believed) > 0, w.persisted() != "")
				require.Zero(t, w.metric("holdfast_attach_total"))
			})
		})
	}
}

func TestLead_EndsDuringEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictFencing, "a", "b")
		w.ok(w.publish("a", rwo))
		w.deleteNode("a")
		record := w.persisted()
		w.backend.hook = func(_ context.Context, v, _, _ string, _ uint64) (bool, error) {
			if v == "fence" {
				w.depose()
			}
			return true, nil
		}
		w.code(csi.Unavailable, w.publish("b", rwo))
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		require.Equal(t, record, w.persisted())
	})
}

func TestLead_EndsDuringUnpublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		w.ok(w.publish("a", rwo))
		record := w.persisted()
		w.backend.hook = func(context.Context, string, string, string, uint64) (bool, error) {
			w.depose()
			return true, nil
		}
		w.code(csi.Unavailable, w.unpublish("a"))
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		require.Equal(t, record, w.persisted())
	})
}

// A call that hangs ends with leadership, and Run does not wait for the backend's goodwill.
func TestLead_EndsDuringHungCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		w.backend.hook = func(ctx context.Context, verb, _, _ string, _ uint64) (bool, error) {
			if verb == "grant" {
				<-ctx.Done()
				return false, ctx.Err()
			}
			return true, nil
		}
		result := make(chan error)
		go func() {
			result <- w.Publish(context.Background(), csi.PublishRequest{Volume: "v", NodeID: "id-a", Mode: rwo})
		}()
		synctest.Wait()
		began := time.Now()
		w.depose()
		w.code(csi.Unavailable, <-result)
		require.Zero(t, time.Since(began))
	})
}

// One call at a time on a volume: the next one waits for its turn while its caller waits, and no other volume waits.
func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		defer w.depose()
		hung := make(chan struct{})
		w.backend.hook = func(_ context.Context, verb, volume, _ string, _ uint64) (bool, error) {
			if verb == "grant" && volume == "v" {
				<-hung
			}
			return true, nil
		}
		first, second := make(chan error), make(chan error)
		go func() {
			first <- w.Publish(context.Background(), csi.PublishRequest{Volume: "v", NodeID: "id-a", Mode: rwo})
		}()
		synctest.Wait()
		w.code(csi.Aborted, w.publish("b", rwo)) // after 15 s
		w.code(csi.Aborted, w.unpublish("a"))
		w.ok(w.publishWith(csi.PublishRequest{Volume: "w", NodeID: "id-b", Mode: rwo}))
		go func() { second <- w.Unpublish(context.Background(), "v", "id-a") }()
		synctest.Wait()
		close(hung)
		w.ok(<-first)
		w.ok(<-second)
		require.Empty(t, w.believed())
		require.Equal(t, []string{"grant id-a", "grant id-b", "revoke id-a"}, w.backend.calls())
	})
}

// The caller went on at its deadline. The OK that came too late still makes the instance held; one that never came does not.
func TestCallerGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		state string
		code  string
	}{
		"granted":    {nil, "held", ""},
		"nobody can": {context.DeadlineExceeded, "uncertain", csi.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a")
				defer w.depose()
				w.backend.hook = func(ctx context.Context, verb, _, _ string, _ uint64) (bool, error) {
					if verb == "grant" {
						<-ctx.Done()
						return true, c.err
					}
					return true, nil
				}
				err := w.publish("a", rwo)
				if c.code == "" {
					w.ok(err)
				} else {
					w.code(c.code, err)
				}
				require.Equal(t, []string{"a a-uid " + c.state}, w.believed())
			})
		})
	}
}

func TestCallerGivesUp_BeforeTheReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		ctx, cancel := context.WithCancel(context.Background())
		w.backend.hook = func(context.Context, string, string, string, uint64) (bool, error) {
			cancel()
			return true, nil
		}
		w.code(csi.Canceled, w.Publish(ctx, csi.PublishRequest{Volume: "v", NodeID: "id-a", Mode: rwo}))
		require.Empty(t, w.believed())
		require.Empty(t, w.persisted())
	})
}

func TestCallerGivesUp_BeforeTheGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		ctx, cancel := context.WithCancel(context.Background())
		w.client.PrependReactor("patch", "persistentvolumes", func(clienttesting.Action) (bool, runtime.Object, error) {
			cancel()
			return false, nil, nil
		})
		w.code(csi.Canceled, w.Publish(ctx, csi.PublishRequest{Volume: "v", NodeID: "id-a", Mode: rwo}))
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		require.Empty(t, w.backend.calls())
	})
}

func TestNodeID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a")
		require.Equal(t, "a", w.NodeID("a"), "nobody has told yet")
		w.run()
		defer w.depose()
		require.Equal(t, "id-a", w.NodeID("a"))
		require.Equal(t, "x", w.NodeID("x"))
	})
}

// orphan leaves volume v on record for node a without a VolumeAttachment, as a crash does whose wish ends meanwhile.
func orphan(t tb, volumes ...string) *world {
	w := lead(t, csi.EvictTrusting, "a", "b")
	w.backend.on("grant", true, errDown)
	for _, v := range volumes {
		w.code(csi.Unavailable, w.publishWith(csi.PublishRequest{Volume: v, NodeID: "id-a", Mode: rwo}))
	}
	w.backend.hook = nil
	w.restart()
	w.backend.calls()
	return w
}

func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := orphan(t, "v")
		defer w.depose()
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		failing := w.backend.on("revoke", false, errDown)
		require.ErrorIs(t, w.Sweep(context.Background()), errDown)
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		failing.Store(false)
		w.ok(w.Sweep(context.Background()))
		require.Empty(t, w.believed())
		require.Empty(t, w.backend.granted())
		require.Equal(t, []string{"revoke id-a", "revoke id-a"}, w.backend.calls())
		require.Zero(t, w.metric("holdfast_detach_total"), "an uncertain one counts neither way")
		w.ok(w.Sweep(context.Background()))
		require.Empty(t, w.backend.calls())
	})
}

func TestSweep_ANewWish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := orphan(t, "v")
		defer w.depose()
		w.va("v", "a", false)
		synctest.Wait()
		w.ok(w.Sweep(context.Background()))
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
		require.Empty(t, w.backend.calls())
	})
}

// A wish that appears, and is fulfilled, while the sweep waits for the volume's turn.
func TestSweep_ANewWishMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := orphan(t, "v")
		defer w.depose()
		turn, err := w.manager.Begin(context.Background(), "v")
		require.NoError(t, err)
		swept := make(chan error)
		go func() { swept <- w.Sweep(context.Background()) }()
		synctest.Wait()
		a, _ := turn.Attachment()
		turn.Confirm(a.Entries[0].Instance)
		turn.End()
		w.ok(<-swept)
		require.Equal(t, []string{"a a-uid held"}, w.believed())
		require.Empty(t, w.backend.calls())
	})
}

func TestSweep_OneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := orphan(t, "v", "w")
		defer w.depose()
		turn, err := w.manager.Begin(context.Background(), "v")
		require.NoError(t, err)
		require.ErrorContains(t, w.Sweep(context.Background()), "sweep v on a")
		turn.End()
		require.Len(t, w.believed(), 1)
		_, ok := w.manager.GetAttachment("w")
		require.False(t, ok, "the others had their turn")
	})
}

func TestSweep_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := orphan(t, "v", "w")
		defer w.depose()
		ctx, cancel := context.WithCancel(context.Background())
		w.backend.hook = func(context.Context, string, string, string, uint64) (bool, error) {
			cancel()
			return false, errDown
		}
		require.Error(t, w.Sweep(ctx))
		require.Equal(t, []string{"revoke id-a"}, w.backend.calls(), "the second one was not begun")
	})
}

// A rebuild that hangs is given up and tried again.
func TestLead_HungRebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a")
		lists := 0
		slow := &slowLists{Interface: w.client, hook: func(ctx context.Context) error {
			if lists++; lists == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		var err error
		w.manager, err = attachment.NewManager(slow)
		require.NoError(t, err)
		w.Controller, err = csi.New(csi.Config{Manager: w.manager, Client: slow, Backend: w.backend})
		require.NoError(t, err)
		w.run()
		defer w.depose()
		w.code(csi.Unavailable, w.publish("a", rwo))
		time.Sleep(time.Minute)
		synctest.Wait()
		w.ok(w.publish("a", rwo))
	})
}
