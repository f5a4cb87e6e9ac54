package sim

import (
	"runtime"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/clock"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// machine is one node: its Node object, if it has one, and the computer behind it.
type machine struct {
	scenarios.Node
	object bool   // the Node object exists
	uid    string // its uid, or that of the last one
}

// setup makes the world and the first incarnation of the system.
func (e *engine) setup() {
	if e.src = e.opt.choices; e.src == nil {
		e.src = choice.Seeded(e.opt.seed)
	}
	e.plan = fault.NewPlan(e.src, rules(e.scn.Spec.Faults)...)
	spec := e.scn.Spec
	e.loop = sched.NewLoop(sched.Config{
		Strategy: e.newStrategy(), Together: e.together(), Beside: e.beside(), Source: e.src, Decide: e.decide, Sink: e.sink, Settled: e.settled,
		Crash:      func(int) { e.crashNow(e.downtime()) },
		LatencyMin: time.Duration(spec.Latency.Min), LatencyMax: time.Duration(spec.Latency.Max),
	})
	e.loop.Settle() // what an earlier run left behind has ended now, or never will
	e.before = runtime.NumGoroutine()
	e.wall = clock.NewWall(e.loop, wallStart)
	for _, n := range spec.Nodes {
		e.nodes[n.Name] = &machine{Node: n}
	}
	e.server = cluster.New(cluster.Config{Loop: e.loop, Clock: e.wall.Now, Source: e.src, Lag: e.lag, Driver: driver})
	e.backend = cluster.NewBackend(cluster.BackendConfig{Loop: e.loop, Node: e.nodeOf})
	first, err := e.newIncarnation()
	must(err)
	e.offers = offersOf(first.sys, spec.Backend.Fence)
	if e.tellsStamps(first.sys) {
		e.offers = append(e.offers, "stamps")
	}
	if r, ok := power[Retrier](first.sys); ok {
		e.retry = r.RetryMax()
	}
	h := e.header()
	e.mu.Lock()
	e.writer, e.checker = trace.NewWriter(e.opt.trace, h), model.New(h)
	e.mu.Unlock()
	e.phase("setup")
	for _, v := range spec.Volumes {
		e.addVolume(v)
	}
	for _, n := range spec.Nodes {
		if !n.Later {
			e.createNode(n.Name)
		}
	}
	e.addStrangers()
	e.loop.Emit(trace.Event{Kind: trace.Process, Proc: first.proc.Num, Verb: "start"})
	e.adopt(first)
}

// downtime is how long a process is away whose crash the fault plan decided.
func (e *engine) downtime() time.Duration {
	return time.Duration(e.src.Choose("downtime", 20)) * time.Second
}

// createNode makes a Node object with a new uid, and its CSINode. Under A-dead it is a new machine, else the one that was there.
func (e *engine) createNode(name string) {
	m := e.nodes[name]
	if m == nil || m.object {
		return
	}
	m.object = true
	m.uid = string(create(e.server, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: ready(true)}).GetUID())
	create(e.server, &storagev1.CSINode{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: driver, NodeID: m.ID}}},
	})
	if e.nodeDead() {
		e.backend.DropGrants(m.ID) // those that were given to the name while no machine had it
	}
	e.backend.StartMachine(m.ID)
}

// deleteNode removes the Node object. Under A-dead its machine dies.
func (e *engine) deleteNode(name string) {
	m := e.nodes[name]
	if m == nil || !m.object {
		return
	}
	m.object = false
	if e.nodeDead() {
		e.killMachine(name)
		e.backend.DropGrants(m.ID)
	}
	mustOrGone(cluster.Delete[*corev1.Node](e.server, name))
	mustOrGone(cluster.Delete[*storagev1.CSINode](e.server, name))
}

// killMachine stops a machine: its workloads end with it.
func (e *engine) killMachine(name string) { e.backend.KillMachine(e.nodeID(name)) }

// outOfService taints a node as one that somebody vouches for to be off: the attach/detach controller detaches at once what is attached
// there. Nobody looks whether that is true.
func (e *engine) outOfService(name string) {
	m := e.nodes[name]
	if m == nil || !m.object {
		return
	}
	node, err := cluster.Get[*corev1.Node](e.server, name)
	if gone := mustOrGone(err); gone {
		return
	}
	node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeOutOfService, Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute})
	_, err = cluster.Update(e.server, node)
	must(err)
	for _, x := range e.sortedEntries() {
		if x.node == name {
			x.again = false
			x.remove(true)
		}
	}
}

// use starts the workload of a volume on a node, if its machine runs: it writes from now on.
func (e *engine) use(volume, node string) {
	if m := e.nodes[node]; m != nil && e.backend.Alive(m.ID) && e.volume(volume).AccessMode != "ReadOnlyMany" {
		e.backend.Use(volume, m.ID)
	}
}

// rest ends it.
func (e *engine) rest(volume, node string) { e.backend.Rest(volume, e.nodeID(node)) }

func (e *engine) setReady(name string, is bool) {
	if m := e.nodes[name]; m != nil && m.object {
		node, err := cluster.Get[*corev1.Node](e.server, name)
		if gone := mustOrGone(err); gone {
			return
		}
		node.Status = ready(is)
		_, err = cluster.UpdateStatus(e.server, node)
		must(err)
	}
}

func ready(is bool) corev1.NodeStatus {
	status := corev1.ConditionFalse
	if is {
		status = corev1.ConditionTrue
	}
	return corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}}
}

// uid is that of the Node object of a name, or of the last one.
func (e *engine) uid(node string) string {
	if m := e.nodes[node]; m != nil {
		return m.uid
	}
	return ""
}

func (e *engine) away() bool { return e.outage }

// nodeID is the driver's id of a node.
func (e *engine) nodeID(name string) string {
	if m := e.nodes[name]; m != nil {
		return m.ID
	}
	return name
}

// nodeOf is the Node object of a driver's node id: its name, and its uid or that of the last one.
func (e *engine) nodeOf(id string) (name, uid string) {
	for _, n := range e.scn.Spec.Nodes {
		if n.ID == id {
			return n.Name, e.nodes[n.Name].uid
		}
	}
	return id, ""
}

func (e *engine) volume(name string) scenarios.Volume {
	i := slices.IndexFunc(e.scn.Spec.Volumes, func(v scenarios.Volume) bool { return v.Name == name })
	if i < 0 {
		panic("sim: the scenario has no volume " + name + "; it was not validated")
	}
	return e.scn.Spec.Volumes[i]
}

// offersOf names the optional powers of a system.
func offersOf(sys System, fence bool) []string {
	offers := []string{"backend", "metrics", "recorder", "record"}
	for name, has := range map[string]bool{
		"believer": is[Believer](sys), "stats": is[Stats](sys), "lifecycle": is[Lifecycle](sys), "nudger": is[Nudger](sys),
		"rebuilder": is[Rebuilder](sys), "direct": is[Direct](sys), "retrier": is[Retrier](sys), "fence": fence,
	} {
		if has {
			offers = append(offers, name)
		}
	}
	slices.Sort(offers)
	return offers
}

// tellsStamps asks a system that has done nothing yet whether it keeps detach stamps, on a goroutine of its own, for it may
// block or panic. If it does, it will again where that is a finding.
func (e *engine) tellsStamps(sys System) bool {
	b, ok := power[Believer](sys)
	if !ok {
		return false
	}
	answer := make(chan bool, 1)
	go func() {
		_ = guard(func() error {
			_, stamps := b.Attachments()
			answer <- stamps != nil
			return nil
		})
	}()
	e.loop.Settle()
	select {
	case tells := <-answer:
		return tells
	default:
		return false
	}
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

// create adds an object of the world.
func create[T cluster.Object](s *cluster.Server, obj T) T {
	created, err := cluster.Create(s, obj)
	must(err)
	return created
}

// lag draws what a watch event takes.
func (e *engine) lag(label string) time.Duration {
	d := e.scn.Spec.Deliver
	if span := d.Max - d.Min; span > 0 {
		return time.Duration(d.Min) + time.Duration(span)*time.Duration(e.src.Choose("lag/"+label, 1001))/1000
	}
	return time.Duration(d.Min)
}

// rules turns the faults of a scenario into those of a plan.
func rules(faults []scenarios.Fault) []fault.Rule {
	out := make([]fault.Rule, len(faults))
	for i, f := range faults {
		on := fault.Predicate{
			Verb: f.On.Verb, Resource: f.On.Resource, Name: f.On.Name, Actor: f.On.Actor, Label: f.On.Label, Nth: f.On.Nth, API: f.On.API,
			From: time.Duration(f.On.From), Until: time.Duration(f.On.Until),
		}
		out[i] = fault.Rule{On: on, Effect: f.Effect, For: time.Duration(f.For), Chance: f.Chance}
	}
	return out
}

// mustOrGone is must, but the system under test may have deleted the object: then it reports true.
func mustOrGone(err error) (gone bool) {
	if apierrors.IsNotFound(err) {
		return true
	}
	must(err)
	return false
}

// must panics on an error that only a fault of the harness can cause.
func must(err error) {
	if err != nil {
		panic("sim: " + err.Error())
	}
}
