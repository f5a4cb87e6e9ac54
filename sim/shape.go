package sim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// shape is what shows of the state of a run, in 64 bits: API objects, what the backend has granted, what the system believes, what each
// operation in flight has asked and been answered, who waits for whom, and what is to come. Two runs of the same shape go on in the
// same ways, as far as the system has no memory that none of this shows.
//
// It is the sum of its parts, so that a step costs what it changes (Zobrist: A New Hashing Method with Application for Game
// Playing, 1970).
type shape struct {
	parts map[string]uint64
	sum   uint64
	moved map[string]int // by name of an operation in flight: its last step
	whose map[string]int // the process that parts die with
}

func newShape() *shape {
	return &shape{parts: make(map[string]uint64), moved: make(map[string]int), whose: make(map[string]int)}
}

func (s *shape) set(part string, value uint64) {
	s.sum += value - s.parts[part]
	s.parts[part] = value
}

func (s *shape) drop(part string) {
	s.sum -= s.parts[part]
	delete(s.parts, part)
	delete(s.whose, part)
}

// die forgets what a process knew.
func (s *shape) die(proc int) {
	for part, p := range s.whose {
		if p == proc {
			s.drop(part)
			delete(s.moved, strings.TrimPrefix(part, asking))
		}
	}
}

// asking begins the parts of who has requests of his own.
const asking = "asked "

// take enters an event. called names operations by what they do.
func (s *shape) take(e trace.Event, called map[string]calling) {
	switch e.Kind {
	case trace.Change:
		part := "object " + e.Resource + "/" + e.Name
		if e.Verb == "deleted" {
			s.drop(part)
			return
		}
		s.set(part, explore.Digest(part, e.Verb, e.UID, e.State, e.Record))
	case trace.World:
		part := strings.Join([]string{"world", e.Verb, e.Volume, e.Node}, " ")
		s.set(part, explore.Digest(part, e.UID, strconv.FormatUint(e.Epoch, 10), strconv.Itoa(e.Count), strconv.FormatFloat(e.Value, 'g', -1, 64), e.Code))
	case trace.Belief:
		part := strings.Join([]string{"belief", strconv.Itoa(e.Proc), e.Volume, e.Node, e.UID, strconv.FormatUint(e.Epoch, 10)}, " ")
		if e.State == "gone" {
			s.drop(part)
			return
		}
		s.set(part, explore.Digest(part, e.State, e.Mode, strconv.FormatInt(e.Since, 10), strconv.FormatBool(e.Time != 0)))
		s.whose[part] = e.Proc
	case trace.Process, trace.Trouble:
		part := strings.Join([]string{"process", strconv.Itoa(e.Proc), e.Resource}, " ")
		s.set(part, explore.Digest(part, e.Verb))
		if e.Verb == "crash" {
			s.die(e.Proc)
		}
	case trace.Op:
		if op, ok := called["op-"+strconv.Itoa(e.Op)]; ok && e.Op > 0 {
			s.moved[op.name] = e.Step
			s.set(asking+op.name, explore.Digest(asking, op.name))
			s.whose[asking+op.name] = e.Proc
		}
	case trace.Call, trace.Reply:
		s.asked(e, called)
	case trace.Return:
		op := called["op-"+strconv.Itoa(e.Op)]
		s.drop(asking + op.name)
		delete(s.moved, op.name)
		s.set("told "+op.name, explore.Digest("told", op.name, e.Code))
	}
}

// asked enters a request or an answer: whoever made it knows of it until the operation ends.
func (s *shape) asked(e trace.Event, called map[string]calling) {
	if e.Actor == "informer" {
		return
	}
	who := strconv.Itoa(e.Proc) + "/" + e.Actor
	if op, ok := called[e.Actor]; ok {
		who = op.name
		s.moved[who] = e.Step
	}
	part := asking + who
	s.set(part, explore.Digest(part, strconv.FormatUint(s.parts[part], 16), string(e.Kind), e.Verb, e.Resource, e.Name, e.Node, e.Code, e.Fault, e.Record,
		strconv.FormatUint(e.Epoch, 10), strconv.Itoa(e.Count)))
	s.whose[part] = e.Proc
}

// state is the shape with what is to come: the points of which one is next, those that are due later, what the sidecar has in mind, and
// in which order operations on one volume have come to wait for something that is no point.
func (g *guide) state(points []*sched.Point) uint64 {
	e, s := g.engine, g.engine.shape
	sum := s.sum
	ready := make(map[string]bool)
	for _, p := range points {
		o := g.option(p, "")
		ready[strings.TrimPrefix(o.Actor, strconv.Itoa(p.Proc)+"/")] = true
		sum += explore.Digest("next", o.Name)
	}
	e.loop.Later(func(p *sched.Point) {
		label, _, _ := strings.Cut(g.option(p, "").Name, "#")
		sum += explore.Digest("later", label, strconv.FormatInt(int64(p.Ready-e.loop.Now()), 10))
	})
	for name, x := range e.entries {
		sum += explore.Digest("entry", name, strconv.FormatBool(x.wished), strconv.FormatBool(x.attached), strconv.FormatBool(x.owed), strconv.FormatBool(x.busy),
			strconv.FormatBool(x.again), strconv.Itoa(x.failures), strconv.Itoa(e.ordinals["p0/sidecar/publish/"+name]))
	}
	waiting := make(map[string][]string) // by volume
	for name := range s.moved {
		if !ready[name] {
			v := g.volumes[name]
			waiting[v] = append(waiting[v], name)
		}
	}
	for v, names := range waiting {
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(s.moved[a], s.moved[b]) })
		sum += explore.Digest(append([]string{"waiting", v}, names...)...)
	}
	return sum
}
