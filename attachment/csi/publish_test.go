package csi_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/csi"
)

const (
	rwo  = attachment.ReadWriteOnce
	rwop = attachment.ReadWriteOncePod
	rox  = attachment.ReadOnlyMany
	rwx  = attachment.ReadWriteMany
)

var (
	errDown      = errors.New("connection refused")
	errForbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "persistentvolumes"}, "pv-v", errors.New("no"))
)

func TestPublish_Invalid(t *testing.T) {
	for name, r := range map[string]csi.PublishRequest{
		"volume":            {NodeID: "id-a", Mode: rwo},
		"node":              {Volume: "v", Mode: rwo},
		"mode":              {Volume: "v", NodeID: "id-a"},
		"unknown mode":      {Volume: "v", NodeID: "id-a", Mode: "ReadOften"},
		"migration timeout": {Volume: "v", NodeID: "id-a", Mode: rwx, Context: map[string]string{"migrationTimeoutSeconds": "5m"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, csi.EvictTrusting, "a") // not even leading: what is wrong with the request comes first
				w.code(csi.InvalidArgument, w.publishWith(r))
			})
		})
	}
}

func TestPublish_MigrationTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 5 * time.Minute, "90": 90 * time.Second, "29": 30 * time.Second, "0": 30 * time.Second, "-1": 30 * time.Second,
		"3600": time.Hour, "3601": time.Hour, "9223372036854775807": time.Hour,
	} {
		t.Run("seconds="+text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a", "b")
				defer w.depose()
				r := csi.PublishRequest{Volume: "v", NodeID: "id-a", Mode: rwx}
				if text != "" {
					r.Context = map[string]string{"migrationTimeoutSeconds": text}
				}
				w.ok(w.publishWith(r))
				a, _ := w.manager.GetAttachment("v")
				require.Nil(t, a.Migration, "one holder does not migrate")
				r.NodeID = "id-b"
				w.ok(w.publishWith(r))
				a, _ = w.manager.GetAttachment("v")
				require.Equal(t, want, a.Migration.Timeout)
				require.Equal(t, []string{"a", "b"}, []string{a.Migration.Source, a.Migration.Target})
				require.Equal(t, []string{"VolumeAttached", "VolumeAttached", "MigrationStarted"}, w.events())
			})
		})
	}
}

func TestPublish_Node(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *world)
		id      string
		code    string // "": OK
	}{
		"by its CSINode":                 {id: "id-a"},
		"no such node":                   {id: "id-x", code: csi.NotFound},
		"no CSINode: the id is the name": {id: "bare", prepare: func(w *world) { w.create("nodes", bare("bare")) }},
		"a name that has another id":     {id: "a", code: csi.NotFound},
		"two CSINodes with one id":       {id: "id-a", code: csi.Unavailable, prepare: func(w *world) { w.create("csinodes", csiNode("b", "id-a")) }},
		"a CSINode without the driver": {id: "c", prepare: func(w *world) {
			w.create("nodes", bare("c"))
			n := csiNode("c", "y")
			n.Spec.Drivers = n.Spec.Drivers[:1]
			w.create("csinodes", n)
		}},
		"API error":                           {id: "id-a", code: csi.Unavailable, prepare: func(w *world) { w.fail("get", "nodes", errDown) }},
		"CSINode without node":                {id: "id-y", code: csi.NotFound, prepare: func(w *world) { w.create("csinodes", csiNode("y", "id-y")) }},
		"a conflict of the API is no refusal": {id: "id-a", code: csi.Aborted, prepare: func(w *world) { w.fail("get", "nodes", apierrors.NewConflict(schema.GroupResource{}, "a", errDown)) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, csi.EvictTrusting, "a")
				if c.prepare != nil {
					c.prepare(w)
				}
				w.run()
				defer w.depose()
				err := w.publishWith(csi.PublishRequest{Volume: "v", NodeID: c.id, Mode: rwo})
				if c.code == "" {
					w.ok(err)
					require.Equal(t, []string{c.id}, w.backend.granted())
					return
				}
				w.code(c.code, err)
				require.Empty(t, w.believed())
				require.Empty(t, w.backend.calls())
			})
		})
	}
}

// The uid on record is the one that the API server tells now, and no cache's.
func TestPublish_RecordsTheLiveUID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		w.deleteNode("a")
		w.createNode("a", "second")
		synctest.Wait()
		w.ok(w.publish("a", rwo))
		require.Equal(t, []string{"a second held"}, w.believed())
		require.Contains(t, w.persisted(), `"uid":"second"`)
	})
}

func TestPublish_Volume(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *world)
		code    string
	}{
		"the backend has none": {func(w *world) { delete(w.backend.grants, "v") }, csi.NotFound},
		"the backend is down":  {func(w *world) { w.backend.on("exists", true, errDown) }, csi.Unavailable},
		"PV being deleted": {func(w *world) {
			now := metav1.Now()
			obj := pv("v")
			obj.DeletionTimestamp = &now
			require.NoError(w.t, w.client.Tracker().Update(pvs, obj, ""))
		}, csi.FailedPrecondition},
		"two PVs": {func(w *world) {
			obj := pv("v")
			obj.Name = "pv-too"
			w.create("persistentvolumes", obj)
		}, csi.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, csi.EvictTrusting, "a")
				c.prepare(w)
				w.run()
				defer w.depose()
				w.code(c.code, w.publish("a", rwo))
				require.Empty(t, w.believed())
				require.Empty(t, w.backend.calls())
				require.Zero(t, w.metric("holdfast_conflict_total"))
			})
		})
	}
}

func TestPublish_WithoutPersistentVolume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		defer w.depose()
		w.backend.create("bare")
		r := csi.PublishRequest{Volume: "bare", NodeID: "id-a", Mode: rwo}
		w.ok(w.publishWith(r))
		r.NodeID = "id-b"
		w.code(csi.FailedPrecondition, w.publishWith(r))
	})
}

// Reserve and persist, then grant, then OK.
func TestPublish_Order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		looked := false
		w.backend.hook = func(_ context.Context, verb, _, id string, epoch uint64) (bool, error) {
			if verb == "grant" {
				looked = true
				require.Equal(t, []string{"a a-uid uncertain"}, w.believed(), "reserved, and not held yet")
				require.Contains(t, w.persisted(), fmt.Sprintf(`"epoch":%d`, epoch), "on record before the grant")
				require.Zero(t, w.metric("holdfast_attach_total"), "counts at OK")
			}
			return true, nil
		}
		w.ok(w.publish("a", rwo))
		require.True(t, looked)
		require.Equal(t, []string{"a a-uid held"}, w.believed())
		require.Equal(t, 1.0, w.metric("holdfast_attach_total"))
		require.Equal(t, []string{"VolumeAttached"}, w.events())
	})
}

func TestPublish_Idempotent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		w.ok(w.publish("a", rwo))
		w.backend.calls()
		version, record := w.manager.Version(), w.persisted()
		w.ok(w.publish("a", rwo))
		require.Equal(t, version, w.manager.Version(), "no state, time, counter or event")
		require.Equal(t, record, w.persisted())
		require.Empty(t, w.backend.calls())
	})
}

func TestPublish_Capability(t *testing.T) {
	for _, c := range []struct {
		held, wanted attachment.Mode
	}{{rwo, rwx}, {rwx, rwo}, {rwo, rwop}, {rwx, rox}} {
		t.Run(fmt.Sprintf("%s as %s", c.held, c.wanted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a", "b")
				defer w.depose()
				w.ok(w.publish("a", c.held))
				w.code(csi.AlreadyExists, w.publish("a", c.wanted))
				require.Zero(t, w.metric("holdfast_conflict_total"))
				w.code(csi.FailedPrecondition, w.publish("b", c.wanted))
				require.Equal(t, 1.0, w.metric("holdfast_conflict_total"))
				require.Equal(t, []string{"a a-uid held"}, w.believed())
			})
		})
	}
}

func TestPublish_Holders(t *testing.T) {
	for mode, limit := range map[attachment.Mode]int{rwo: 1, rwop: 1, rwx: 2, rox: 4} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := []string{"a", "b", "c", "d"}
				w := lead(t, csi.EvictTrusting, names...)
				defer w.depose()
				for i, n := range names {
					if i < limit {
						w.ok(w.publish(n, mode))
						continue
					}
					w.events()
					w.code(csi.FailedPrecondition, w.publish(n, mode))
					require.Equal(t, float64(i+1-limit), w.metric("holdfast_conflict_total"), "once for each refused call")
					require.Equal(t, []string{"AttachmentConflict"}, w.events())
				}
				require.Len(t, w.believed(), limit)
				for _, call := range w.backend.calls() {
					require.Equal(t, mode == rox, len(call) > len("grant id-x"), "read-only exactly for ReadOnlyMany: %s", call)
				}
				require.Equal(t, mode == rwx, w.metric("holdfast_active_migrations") > 0)
			})
		})
	}
}

// A single writer's holder whose node is gone is evicted at any age; one that exists is a conflict, and one that nobody can
// tell of is waited for.
func TestPublish_SingleWriterWithAnotherHolder(t *testing.T) {
	for name, c := range map[string]struct {
		eviction csi.Eviction
		happens  func(w *world)
		code     string
		calls    []string
		conflict float64
		evicted  float64
	}{
		"exists":         {happens: func(*world) {}, code: csi.FailedPrecondition, conflict: 1},
		"cannot be read": {happens: func(w *world) { failGet(w, "a") }, code: csi.Unavailable},
		"is deleted":     {happens: func(w *world) { w.deleteNode("a") }, calls: []string{"grant id-b"}, evicted: 1},
		"is another one": {happens: func(w *world) { w.deleteNode("a"); w.createNode("a", "second") }, calls: []string{"grant id-b"}, evicted: 1},
		"is fenced first": {eviction: csi.EvictFencing, happens: func(w *world) { w.deleteNode("a") },
			calls: []string{"fence id-a", "grant id-b"}, evicted: 1},
		"cannot be fenced": {eviction: csi.EvictFencing, code: csi.Unavailable, calls: []string{"fence id-a"},
			happens: func(w *world) { w.deleteNode("a"); w.backend.on("fence", false, errDown) }},
		"cannot be removed": {code: csi.Unavailable, happens: func(w *world) { w.deleteNode("a"); w.fail("patch", "persistentvolumes", errForbidden) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, c.eviction, "a", "b")
				defer w.depose()
				w.ok(w.publish("a", rwo))
				w.backend.calls()
				w.events()
				c.happens(w)
				err := w.publish("b", rwo)
				require.Equal(t, append([]string{}, c.calls...), w.backend.calls())
				require.Equal(t, c.conflict, w.metric("holdfast_conflict_total"))
				require.Equal(t, c.evicted, w.metric("holdfast_evicted_total"))
				if c.code == "" {
					w.ok(err)
					require.Equal(t, []string{"b b-uid held"}, w.believed())
					require.Equal(t, []string{"StaleAttachmentCleared", "VolumeAttached"}, w.events())
					return
				}
				w.code(c.code, err)
				state := "held"
				if name == "cannot be fenced" || name == "cannot be removed" {
					state = "uncertain"
				}
				require.Equal(t, []string{"a a-uid " + state}, w.believed())
				require.Equal(t, c.conflict > 0, len(w.events()) > 0)
			})
		})
	}
}

// A holder that is gone does not hold the next one to its mode.
func TestPublish_AnotherModeAfterAGoneHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		defer w.depose()
		w.ok(w.publish("a", rwo))
		w.deleteNode("a")
		w.ok(w.publish("b", rwx))
		require.Equal(t, []string{"b b-uid held"}, w.believed())
	})
}

// Nothing is evicted before all that stand in the way are known to be gone, and then all go at once.
func TestPublish_SeveralInTheWay(t *testing.T) {
	for name, bToo := range map[string]bool{"one exists": false, "all gone": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictFencing, "a", "b", "c")
				defer w.depose()
				w.ok(w.publish("a", rwx))
				w.ok(w.publish("b", rwx))
				w.backend.calls()
				w.deleteNode("a")
				if bToo {
					w.deleteNode("b")
					w.ok(w.publish("c", rwo))
					require.Equal(t, []string{"c c-uid held"}, w.believed())
					require.Equal(t, []string{"fence id-a", "fence id-b", "grant id-c"}, w.backend.calls())
					require.Equal(t, 1.0, w.metric("holdfast_migrations_total", "result=aborted"), "two to none in one step")
					return
				}
				w.code(csi.FailedPrecondition, w.publish("c", rwo))
				require.Equal(t, []string{"a a-uid held", "b b-uid held"}, w.believed())
				require.Empty(t, w.backend.calls())
			})
		})
	}
}

// A holder of the same name and another uid is replaced in every mode, before holders are counted, and is no migration.
func TestPublish_SameNameOtherUID(t *testing.T) {
	for _, mode := range []attachment.Mode{rwo, rwop, rox, rwx} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictFencing, "a")
				defer w.depose()
				w.ok(w.publish("a", mode))
				old := w.epoch("a")
				w.deleteNode("a")
				w.createNode("a", "second")
				synctest.Wait()
				w.ok(w.publish("a", mode))
				require.Equal(t, []string{"a second held"}, w.believed())
				require.Greater(t, w.epoch("a"), old)
				require.Equal(t, []string{"id-a"}, w.backend.granted(), "the fence ended the old epoch and not the new one")
				require.Equal(t, 1.0, w.metric("holdfast_evicted_total"))
				require.Zero(t, w.metric("holdfast_migrations_total"))
			})
		})
	}
}

func TestPublish_ReplacesBeforeCounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a", "b")
		defer w.depose()
		w.ok(w.publish("a", rwx))
		w.ok(w.publish("b", rwx))
		w.deleteNode("b")
		w.createNode("b", "second")
		synctest.Wait()
		w.ok(w.publish("b", rwx))
		require.Equal(t, []string{"a a-uid held", "b second held"}, w.believed(), "two of two, and not three")
	})
}

// What the backend answers to the grant of a new reservation.
func TestPublish_Grant(t *testing.T) {
	for name, c := range map[string]struct {
		effect  bool
		err     error
		code    string
		removed bool
	}{
		"refused for certain":  {err: refusal("FailedPrecondition"), code: csi.FailedPrecondition, removed: true},
		"no permission":        {err: refusal("PermissionDenied"), code: "PermissionDenied", removed: true},
		"connection lost":      {effect: true, err: refusal("Unavailable"), code: csi.Unavailable},
		"internal":             {effect: true, err: refusal("Internal"), code: csi.Unavailable},
		"plain error":          {err: errDown, code: csi.Unavailable},
		"no answer in time":    {effect: true, err: refusal("DeadlineExceeded"), code: csi.DeadlineExceeded},
		"another in progress":  {err: refusal("Aborted"), code: csi.Aborted},
		"wrapped, for certain": {err: fmt.Errorf("storage: %w", refusal("NotFound")), code: csi.NotFound, removed: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a", "b")
				defer w.depose()
				failing := w.backend.on("grant", c.effect, c.err)
				w.code(c.code, w.publish("a", rwo))
				require.Zero(t, w.metric("holdfast_attach_total"))
				require.Empty(t, w.events())
				if c.removed {
					require.Empty(t, w.believed())
					require.NotContains(t, w.persisted(), "instances")
					require.NotContains(t, w.persisted(), "detachedAt", "a reservation that came to nothing is no detach")
				} else {
					require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
					w.code(csi.FailedPrecondition, w.publish("b", rwo))
				}
				failing.Store(false)
				w.ok(w.publish("a", rwo))
				require.Equal(t, []string{"a a-uid held"}, w.believed())
				require.Equal(t, []string{"id-a"}, w.backend.granted())
				require.Equal(t, 1.0, w.metric("holdfast_attach_total"))
			})
		})
	}
}

func TestPublish_UncertainIsGrantedTheSameEpochAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		failing := w.backend.on("grant", true, errDown)
		w.code(csi.Unavailable, w.publish("a", rwo))
		epoch := w.epoch("a")
		failing.Store(false)
		w.ok(w.publish("a", rwo))
		require.Equal(t, epoch, w.epoch("a"))
	})
}

// The PersistentVolume says for how many nodes the volume is. Nobody makes it one for many nodes by asking.
func TestPublish_MoreThanThePersistentVolumeAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a", "b")
		w.narrow("v")
		w.run()
		defer w.depose()
		for _, mode := range []attachment.Mode{attachment.ReadWriteMany, attachment.ReadOnlyMany} {
			w.code(csi.InvalidArgument, w.publish("a", mode))
			require.Empty(t, w.backend.granted())
			require.Empty(t, w.believed())
		}
		w.ok(w.publish("a", attachment.ReadWriteOncePod))
		w.code(csi.FailedPrecondition, w.publish("b", attachment.ReadWriteMany))
	})
}

// An uncertain instance is no excuse for a second writer.
func TestPublish_UncertainBesideAnotherHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictTrusting, "a", "b")
		w.narrow("v")
		w.va("v", "a", true) // from before there were records: both are attached
		w.va("v", "b", true)
		w.run()
		defer w.depose()
		require.Len(t, w.believed(), 2)
		w.backend.on("revoke", false, errDown)
		w.code(csi.Unavailable, w.unpublish("a"))
		w.backend.calls()
		w.code(csi.FailedPrecondition, w.publish("a", rwo))
		require.Empty(t, w.backend.calls())
	})
}

// A revoke that was done and whose answer was lost has ended the epoch; then the node needs a new one.
func TestPublish_AfterALostRevoke(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(w *world)
		code   string
	}{
		"heals":            {func(*world) {}, ""},
		"revoke fails":     {func(w *world) { w.backend.on("revoke", false, errDown) }, csi.Unavailable},
		"removal fails":    {func(w *world) { w.fail("patch", "persistentvolumes", errForbidden) }, csi.Unavailable},
		"refused for good": {func(w *world) { w.backend.on("grant", false, refusal("FailedPrecondition")) }, csi.FailedPrecondition},
		"given up meanwhile": {func(w *world) {
			w.backend.hook = func(ctx context.Context, verb, _, _ string, _ uint64) (bool, error) {
				if verb == "grant" {
					<-ctx.Done()
				}
				return true, nil
			}
		}, csi.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a")
				defer w.depose()
				w.ok(w.publish("a", rwo))
				old := w.epoch("a")
				lost := w.backend.on("revoke", true, errDown)
				w.code(csi.Unavailable, w.unpublish("a"))
				require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
				lost.Store(false)
				w.backend.calls()
				c.breaks(w)
				err := w.publish("a", rwo)
				if c.code == "" {
					w.ok(err)
					require.Equal(t, []string{"grant id-a", "revoke id-a", "grant id-a"}, w.backend.calls())
					require.Greater(t, w.epoch("a"), old)
					require.Equal(t, []string{"id-a"}, w.backend.granted())
					return
				}
				w.code(c.code, err)
				if name == "refused for good" {
					require.Empty(t, w.believed())
				} else {
					require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
				}
			})
		})
	}
}

func TestPublish_Persist(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"unknown result": {errDown, csi.Unavailable},
		"refused":        {errForbidden, csi.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lead(t, csi.EvictTrusting, "a", "b")
				defer w.depose()
				failing := w.fail("patch", "persistentvolumes", c.err)
				w.code(c.code, w.publish("a", rwo))
				require.Empty(t, w.believed(), "no trace, and no reader saw it")
				require.Empty(t, w.backend.calls(), "nothing is granted that is not on record")
				failing.Store(false)
				w.ok(w.publish("b", rwo))
			})
		})
	}
}

// A refused grant whose reservation cannot be taken back leaves it uncertain, and the caller owes an unpublish.
func TestPublish_RefusedAndNotTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		w.backend.hook = func(_ context.Context, verb, _, _ string, _ uint64) (bool, error) {
			if verb == "grant" {
				w.fail("patch", "persistentvolumes", errForbidden)
				return false, refusal("FailedPrecondition")
			}
			return true, nil
		}
		w.code(csi.Unavailable, w.publish("a", rwo))
		require.Equal(t, []string{"a a-uid uncertain"}, w.believed())
	})
}

// An eviction of an attachment from before there were records fences by the id that the CSINode tells.
func TestPublish_FencesWithoutAKeptID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, csi.EvictFencing, "a", "b")
		w.va("v", "a", true)
		w.run()
		defer w.depose()
		require.NoError(t, w.client.CoreV1().Nodes().Delete(context.Background(), "a", metav1.DeleteOptions{}))
		w.ok(w.publish("b", rwo))
		require.Equal(t, []string{"fence id-a", "grant id-b"}, w.backend.calls())
	})
}

// The second PersistentVolume of a handle appears after the turn has begun.
func TestPublish_AmbiguousMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lead(t, csi.EvictTrusting, "a")
		defer w.depose()
		w.backend.hook = func(context.Context, string, string, string, uint64) (bool, error) {
			obj := pv("v")
			obj.Name = "pv-too"
			w.create("persistentvolumes", obj)
			time.Sleep(time.Second) // for the cache
			return true, nil
		}
		w.code(csi.Internal, w.publish("a", rwo))
		require.Empty(t, w.believed())
	})
}

func failGet(w *world, name string) {
	w.client.PrependReactor("get", "nodes", getFails(name))
}
