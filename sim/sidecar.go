package sim

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// The CSI sidecar's habits (SPEC.md section 4, Callers; the defaults of external-attacher).
const (
	callTimeout = 15 * time.Second
	backoffMin  = time.Second
	backoffMax  = 5 * time.Minute
	finalizer   = "external-attacher/csi-holdfast-dev"
)

// errConnection is what a caller sees when the process or the connection goes away.
var errConnection = &unavailable{errors.New("connection lost")}

type unavailable struct{ error }

func (*unavailable) Code() string { return "Unavailable" }

// entry is the sidecar's queue entry for one VolumeAttachment: one call in flight, retried for ever with backoff.
type entry struct {
	engine       *engine
	name         string
	volume, node string
	mode         string
	machine      string // the uid of the Node when publish was last called: under A-dead another one is another machine

	wished   bool // the VolumeAttachment exists and is not being deleted
	again    bool // wished again while it is being deleted
	attached bool // its status says so
	owed     bool // a publish may have been done
	busy     bool // a call is in flight, or its result is being written
	gone     bool // it was abandoned
	served   bool // it has one of the sidecar's workers
	waits    bool // it waits for one
	failures int
	next     *sched.Point
}

// wish creates a VolumeAttachment, or asks for it again once the one that is being deleted has gone.
func (e *engine) wish(a scenarios.Attachment) {
	name := a.Name
	if name == "" {
		name = "va-" + a.Volume + "-" + a.Node
	}
	if x := e.entries[name]; x != nil {
		x.again = !x.wished
		return
	}
	x := &entry{engine: e, name: name, volume: a.Volume, node: a.Node, mode: cmp.Or(a.AccessMode, e.volume(a.Volume).AccessMode)}
	e.entries[name] = x
	x.create()
}

// unwish deletes the VolumeAttachment of a volume and a node; the workload stops using the volume first, unless it is forced.
func (e *engine) unwish(a scenarios.Attachment) {
	for _, x := range e.sortedEntries() {
		if x.volume == a.Volume && x.node == a.Node && (a.Name == "" || a.Name == x.name) {
			x.again = false
			x.remove(a.Force)
			if a.Abandon {
				x.abandon()
			}
		}
	}
}

func (x *entry) create() {
	pv := x.engine.volume(x.volume).PV
	create(x.engine.server, &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: x.name, Finalizers: []string{finalizer}},
		Spec:       storagev1.VolumeAttachmentSpec{Attacher: driver, NodeName: x.node, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &pv}},
	})
	x.wished = true
	x.plan()
}

func (x *entry) remove(force bool) {
	if !x.wished {
		return
	}
	x.wished, x.failures = false, 0
	if !force {
		x.engine.rest(x.volume, x.node)
	}
	mustOrGone(cluster.Delete[*storagev1.VolumeAttachment](x.engine.server, x.name))
	x.plan()
}

// abandon lets the VolumeAttachment go without an unpublish. What is in flight ends, and nobody hears of it.
func (x *entry) abandon() {
	x.gone = true
	x.withdraw()
	x.forget()
}

// withdraw takes back what is planned, and the worker that was kept for it.
func (x *entry) withdraw() {
	if x.next == nil {
		return
	}
	x.engine.loop.Withdraw(x.next)
	x.next = nil
	x.engine.workers.free(x)
}

// plan offers what the sidecar does next for this entry.
func (x *entry) plan() {
	x.waits = false
	if x.gone || x.busy || x.wished && x.attached {
		return
	}
	x.withdraw()
	verb, wait := "publish", x.backoff()
	if !x.wished {
		verb = "unpublish"
	}
	if !x.wished && !x.attached && !x.owed {
		x.settle("forget")
		return
	}
	crew := &x.engine.workers
	if wait == 0 && !crew.take(x) {
		crew.wait(x)
		return
	}
	x.next = &sched.Point{
		Kind: trace.Op, Label: x.engine.label("sidecar", verb, x.name), Actor: "sidecar", Ready: x.engine.loop.Now() + wait,
		Held: func() bool { return !x.served && crew.full() },
		Fire: func(ev *trace.Event, _ fault.Decision) { x.next = nil; crew.take(x); x.call(ev, verb) },
	}
	x.engine.loop.Offer(x.next)
}

func (x *entry) backoff() time.Duration {
	if x.failures == 0 {
		return 0
	}
	return min(backoffMin<<min(x.failures-1, 16), backoffMax)
}

// call makes one CSI call.
func (x *entry) call(ev *trace.Event, verb string) {
	e, in := x.engine, x.engine.serving()
	if in == nil { // nobody listens on the socket
		ev.Verb, ev.Volume, ev.Node, ev.Mode, ev.Code = verb, x.volume, x.node, x.mode, "Unavailable"
		x.failures++
		e.workers.free(x)
		x.plan()
		return
	}
	x.busy = true
	op := &operation{verb: verb, volume: x.volume, node: x.node, mode: x.mode}
	op.done = func(err error) { x.returned(verb, err) }
	id := e.nodeID(x.node)
	if verb == "unpublish" {
		in.start(ev, op, func(ctx context.Context) error { return in.sys.Unpublish(ctx, x.volume, id) })
		return
	}
	x.owed = true
	x.machine = e.uid(x.node)
	request := PublishRequest{Volume: x.volume, NodeID: id, Mode: x.mode, Context: map[string]string{}}
	if d := e.volume(x.volume).MigrationTimeout; d > 0 {
		request.Context["migrationTimeoutSeconds"] = strconv.Itoa(int(time.Duration(d) / time.Second))
	}
	in.start(ev, op, func(ctx context.Context) error { return in.sys.Publish(ctx, request) })
}

// uncertainCodes are the outcomes after which a publish may have been done all the same.
var uncertainCodes = []string{"DeadlineExceeded", "Unavailable", "Aborted", "Canceled"}

// returned follows the result of a call as its caller sees it.
func (x *entry) returned(verb string, err error) {
	x.engine.workers.free(x)
	if x.gone {
		return
	}
	x.busy = false
	code := CodeOf(err)
	switch {
	case code != "OK":
		x.failures++
		if verb == "publish" && !slices.Contains(uncertainCodes, code) && x.failures == 1 {
			x.owed = false // refused for certain, and never tried before
		}
		x.plan()
	case x.engine.src.Choose("repeat/"+x.name, 8) == 0: // a sidecar that restarted asks again
		x.failures = 0
		x.plan()
	case verb == "publish":
		x.settle("attached")
	default:
		x.settle("forget")
	}
}

// settle writes what came of it to the API server, in a step of its own.
func (x *entry) settle(verb string) {
	x.busy, x.failures = true, 0
	x.engine.loop.Offer(&sched.Point{
		Kind: trace.Op, Label: x.engine.label("sidecar", verb, x.name), Actor: "sidecar", Ready: x.engine.loop.Now(), Held: x.engine.away,
		Fire: func(ev *trace.Event, _ fault.Decision) {
			ev.Verb, ev.Volume, ev.Node = verb, x.volume, x.node
			x.busy = false
			if x.gone {
				return
			}
			if verb == "forget" {
				x.forget()
				return
			}
			x.attached = true
			x.setAttached()
			// What the volume was wanted for went with its machine.
			if e := x.engine; x.wished && (!e.nodeDead() || e.uid(x.node) == x.machine) {
				e.use(x.volume, x.node)
			}
			x.plan()
		},
	})
}

func (x *entry) setAttached() {
	va, err := cluster.Get[*storagev1.VolumeAttachment](x.engine.server, x.name)
	if gone := mustOrGone(err); gone {
		return
	}
	va.Status.Attached = true
	_, err = cluster.UpdateStatus(x.engine.server, va)
	must(err)
}

func (x *entry) forget() {
	va, err := cluster.Get[*storagev1.VolumeAttachment](x.engine.server, x.name)
	if gone := mustOrGone(err); !gone {
		va.Finalizers = nil
		_, err = cluster.Update(x.engine.server, va)
		must(err)
	}
	delete(x.engine.entries, x.name)
	if x.again {
		x.engine.wish(scenarios.Attachment{Volume: x.volume, Node: x.node, Name: x.name, AccessMode: x.mode})
	}
}

func (e *engine) sortedEntries() []*entry {
	all := make([]*entry, 0, len(e.entries))
	for _, x := range e.entries {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.name, b.name) })
	return all
}

func sortedOps(m map[int]*operation) []*operation {
	all := make([]*operation, 0, len(m))
	for _, op := range m {
		all = append(all, op)
	}
	slices.SortFunc(all, func(a, b *operation) int { return cmp.Compare(a.num, b.num) })
	return all
}

// label makes the label of a point of the world outside the system, with the ordinal of that very combination.
func (e *engine) label(actor, verb, name string) string {
	base := "p0/" + actor + "/" + verb + "/" + name
	e.ordinals[base]++
	return base + "#" + strconv.Itoa(e.ordinals[base])
}
