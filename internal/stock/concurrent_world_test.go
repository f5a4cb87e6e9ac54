package stock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/clock"
	"github.com/holdfast-sim/holdfast/sim/cluster"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// call is an operation with its interval, in steps, and its answer.
type call struct {
	op
	answer
	from, to int
	done     bool
}

// stage is a Manager, a simulated API server, and the loop between them.
type stage struct {
	story   *story
	cast    cast
	src     choice.Source // nil before and after the play: then all goes in order, and nothing fails
	loop    *sched.Loop
	proc    *sched.Process
	server  *cluster.Server
	manager *attachment.Manager
	first   map[string]attachment.Instance
	asked   map[string]int // requests so far, by actor
	life    context.Context
	end     context.CancelFunc

	mu      sync.Mutex // guards the rest, which callers' goroutines touch
	calls   []*call
	waiting map[string]int // requests under way, by actor
}

// play makes a story out of the answers of a source.
func play(t *testing.T, src choice.Source) *story {
	s := &story{}
	left := make(chan any, 1)
	go func() {
		defer func() { left <- recover() }()
		synctest.Test(t, func(*testing.T) { newStage(s, draw(src)).play(src) })
	}()
	if why := <-left; why != nil {
		s.accuse("goroutines are left over: %v", why)
	}
	return s
}

func newStage(s *story, c cast) *stage {
	st := &stage{story: s, cast: c, waiting: map[string]int{}, asked: map[string]int{}, first: map[string]attachment.Instance{}}
	st.loop = sched.NewLoop(sched.Config{Strategy: st, Source: st, Decide: st.decide, Sink: st.sink, Settled: st.settled, Crash: func(int) {}})
	st.life, st.end = context.WithCancel(context.Background())
	st.proc = st.loop.NewProcess(1)
	wall := clock.NewWall(st.loop, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	st.server = cluster.New(cluster.Config{Loop: st.loop, Clock: wall.Now})
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-" + disk}}
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: "csi.holdfast.dev", VolumeHandle: disk}
	_, err := cluster.Create(st.server, pv)
	must(err)
	st.manager, err = attachment.NewManager(st.server.Client(1, onStage{st.proc, st}), attachment.WithClock(clock.New(st.proc, wall)))
	must(err)
	return st
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// play is the whole: what was there before, the drawn part, and what is there in the end.
func (st *stage) play(src choice.Source) {
	defer st.leave()
	st.perform(op{kind: "rebuild", actor: "start"})
	for _, v := range stageVolumes {
		for _, n := range st.cast.first[v] {
			st.perform(op{kind: "track", actor: "start", volume: v, node: n, mode: st.cast.modes[v]})
		}
		st.first[v] = attachment.Instance{Volume: v, Node: "n1", Epoch: 1 << 50}
		if a, has := st.manager.GetAttachment(v); has {
			st.first[v] = a.Entries[0].Instance
		}
	}
	st.calls = nil
	st.src = src
	st.perform(st.cast.ops...)
	st.src = nil
	if st.story.wrong != "" {
		return
	}
	st.loop.Run(st.loop.Now()+5*time.Second, 10_000, nil) // what is late arrives
	for range 3 {
		st.perform(op{kind: "repair", actor: "end"})
	}
	for _, v := range stageVolumes {
		st.perform(op{kind: "get", actor: "end", volume: v})
	}
	st.judge()
}

// perform starts operations, each in a step of its own, and lets everything happen until they have ended.
func (st *stage) perform(ops ...op) {
	for _, o := range ops {
		c := &call{op: o}
		ctx, giveUp := context.WithCancel(sched.WithActor(st.life, o.actor))
		context.AfterFunc(st.life, giveUp)
		st.proc.Offer(&sched.Point{Kind: trace.Op, Label: "p1/" + o.actor + "/1 start", Actor: o.actor, Fire: func(*trace.Event, fault.Decision) {
			c.from = st.loop.Steps()
			st.mu.Lock()
			st.calls = append(st.calls, c)
			st.mu.Unlock()
			if st.src != nil {
				st.story.tell(o.actor, "%v", o)
			}
			go func() {
				defer giveUp()
				st.do(ctx, c)
			}()
		}})
		if !o.hasty {
			continue
		}
		st.proc.Offer(&sched.Point{
			Kind: trace.Op, Label: "p1/" + o.actor + "/9 give up", Actor: o.actor, Held: func() bool { return !st.underWay(c) },
			Fire: func(*trace.Event, fault.Decision) {
				st.story.tell(o.actor, "gives up")
				giveUp()
			},
		})
	}
	want := len(st.calls) + len(ops)
	st.loop.Run(st.loop.Now()+time.Minute, 10_000, func() bool { return st.story.wrong != "" || st.ended() == want })
	for _, c := range st.calls {
		if !c.done {
			st.story.accuse("%s never comes to an end: %v", c.actor, c.op)
		}
	}
}

// ended counts the calls that have come to their end.
func (st *stage) ended() (n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, c := range st.calls {
		if c.done {
			n++
		}
	}
	return n
}

func (st *stage) underWay(c *call) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Contains(st.calls, c) && !c.done
}

// leave ends everything, so that the bubble can end.
func (st *stage) leave() {
	st.end()
	st.proc.Kill()
	st.loop.Settle()
}

// do performs an operation on its own goroutine.
func (st *stage) do(ctx context.Context, c *call) {
	var a answer
	defer func() {
		if p := recover(); p != nil {
			a.code = fmt.Sprint("panic: ", p)
		}
		st.mu.Lock()
		c.answer, c.to, c.done = a, st.loop.Steps(), true
		st.mu.Unlock()
	}()
	m := st.manager
	var err error
	switch c.kind {
	case "track":
		err = m.TrackAttachmentWithMode(ctx, c.volume, c.node, c.mode)
	case "secondary":
		err = m.AddSecondaryAttachment(ctx, c.volume, c.node, time.Hour)
	case "remove":
		err = m.RemoveNodeAttachment(ctx, c.volume, c.node)
	case "untrack":
		err = m.UntrackAttachment(ctx, c.volume)
	case "clear":
		a.cleared, err = m.ClearStale(ctx, st.first[c.volume])
	case "leave":
		m.ClearDetachTimestamp(c.volume)
	case "get":
		a.seen = st.look(c.volume)
	case "repair":
		err = m.Repair(ctx)
	case "rebuild":
		err = m.Rebuild(ctx)
	}
	a.code = codeOf(err)
}

func (st *stage) look(volume string) page {
	p := page{stamped: st.manager.IsWithinGracePeriod(volume, 20*time.Second)}
	a, _ := st.manager.GetAttachment(volume)
	p.mode = a.Mode
	for _, e := range a.Entries {
		p.nodes += e.Node + " "
	}
	return p
}

func codeOf(err error) string {
	for code, target := range map[string]error{
		elsewhere: attachment.ErrAttachedElsewhere, tooMany: attachment.ErrTooManyHolders, mismatch: attachment.ErrModeMismatch, untracked: attachment.ErrNotTracked,
	} {
		if errors.Is(err, target) {
			return code
		}
	}
	if err != nil {
		return failed
	}
	return ok
}

// judge compares what everybody was told with the reference, and the record with memory.
func (st *stage) judge() {
	for _, v := range stageVolumes {
		p := page{}
		for i, n := range st.cast.first[v] {
			if i == 0 {
				n += "*"
			}
			p = p.with(n, st.cast.modes[v])
		}
		var history []call
		for _, c := range st.calls {
			if c.volume == v {
				history = append(history, *c)
			}
		}
		if !linearizable(p, history) {
			last := history[len(history)-1].seen
			st.story.accuse("no order of the calls about %s explains these answers, and that it is attached to [%s] in the end", v, strings.TrimSpace(last.nodes))
		}
	}
	if n := st.manager.Sizes(); n["dirty"]+n["turns"] > 0 {
		st.story.accuse("something is left in doubt: %v", n)
	}
	if record, memory := st.named(), strings.TrimSpace(st.look(disk).nodes); record != memory {
		st.story.accuse("the record of %s names [%s], memory [%s]", disk, record, memory)
	}
}

// named are the nodes that the record names.
func (st *stage) named() string {
	pv, err := cluster.Get[*corev1.PersistentVolume](st.server, "pv-"+disk)
	must(err)
	var nodes []string
	for _, part := range strings.Split(pv.Annotations[attachment.Annotation], `"node":"`)[1:] {
		node, _, _ := strings.Cut(part, `"`)
		nodes = append(nodes, node)
	}
	return strings.Join(nodes, " ")
}

// Name implements sched.Strategy.
func (*stage) Name() string { return "drawn" }

// Pick implements sched.Strategy. Each turn takes as many bits as the next, so that a shrunk story keeps its turns.
func (st *stage) Pick(points []*sched.Point) int {
	if st.src == nil || len(points) == 1 {
		return 0
	}
	return st.src.Choose("schedule", 8) % len(points)
}

// Choose implements choice.Source for what single requests ask: one whose caller gave up stays on its way.
func (*stage) Choose(_ string, n int) int { return n - 1 }

// fates are what a request may meet.
var fates = []fault.Effect{fault.Error, fault.Conflict, fault.Timeout, fault.ReplyLost, fault.ReplyLost, fault.LateEffect, fault.Throttled, fault.LateEffect}

func (st *stage) decide(s fault.Site) fault.Decision {
	for _, o := range st.cast.ops {
		if st.src == nil || o.actor != s.Actor || o.faulty == 0 {
			continue
		}
		if st.asked[s.Actor]++; st.asked[s.Actor] == o.faulty {
			return fault.Decision{Effect: o.fault, For: time.Second}
		}
	}
	return fault.Decision{}
}

// sink tells the requests and their answers.
func (st *stage) sink(e trace.Event) {
	if st.src == nil || e.Kind != trace.Call && e.Kind != trace.Reply {
		return
	}
	what := e.Verb + " " + e.Resource
	if e.Verb == "list" {
		what = "list"
	}
	switch {
	case e.Kind == trace.Reply && e.Code == ok:
		st.story.tell(e.Actor, "hears of it")
	case e.Kind == trace.Reply:
		st.story.tell(e.Actor, "hears %s", e.Code)
	case e.Fault != "":
		st.story.tell(e.Actor, "%s (%s, %s)", what, e.Code, e.Fault)
	case e.Code != ok:
		st.story.tell(e.Actor, "%s (%s)", what, e.Code)
	default:
		st.story.tell(e.Actor, "%s", what)
	}
}

// settled looks at everything after each step.
func (st *stage) settled() {
	all := make(chan []attachment.Attachment, 1)
	go func() { all <- st.manager.ListAttachments() }()
	st.loop.Settle()
	select {
	case list := <-all:
		for _, a := range list {
			if n := len(a.Entries); n > 2 && a.Mode == attachment.ReadWriteMany || n > 1 && !a.Mode.ManyNode() {
				st.story.accuse("%s is %s and has %d holders", a.Volume, a.Mode, n)
			}
		}
	default:
		st.story.accuse("a reader gets no answer")
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, c := range st.calls {
		if c.done && c.to == st.loop.Steps() {
			st.returned(c)
		}
		if !c.done && st.waiting[c.actor] == 0 && c.volume != "" && !st.wanted(c) {
			st.story.accuse("%s waits for others, and nobody else wants %s", c.actor, c.volume)
		}
	}
}

func (st *stage) returned(c *call) {
	if strings.HasPrefix(c.code, "panic") {
		st.story.accuse("%s: %s", c.actor, c.code)
	}
	switch {
	case st.src == nil:
	case c.kind == "get":
		st.story.tell(c.actor, "sees [%s]", strings.TrimSpace(c.seen.nodes))
	case c.kind == "clear" && c.code == ok:
		st.story.tell(c.actor, "is told %v", c.cleared)
	default:
		st.story.tell(c.actor, "is told %s", c.code)
	}
}

// wanted reports whether somebody else is at work who may have the volume's turn.
func (st *stage) wanted(c *call) bool {
	return slices.ContainsFunc(st.calls, func(o *call) bool { return o != c && !o.done && o.about(c.volume) })
}

// onStage is the caller of all requests: it counts those under way.
type onStage struct {
	*sched.Process
	st *stage
}

func (o onStage) Call(ctx context.Context, r sched.Request) (any, error) {
	count := func(n int) {
		o.st.mu.Lock()
		defer o.st.mu.Unlock()
		o.st.waiting[sched.Actor(ctx)] += n
	}
	count(1)
	defer count(-1)
	return o.Process.Call(ctx, r)
}
