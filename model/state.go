package model

import (
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// moment is a step and its virtual time.
type moment struct {
	step int
	at   time.Duration
}

// state is the oracle's picture of the world after a prefix of the trace. It is built from events alone, one at a time, and
// each event costs a few map look-ups: nothing in here scans the history.
type state struct {
	setup trace.Setup
	now   moment
	phase string
	began map[string]moment // phases seen
	ended bool              // the run was seen to its end: phase quiesce or teardown

	point struct { // what opened the present step
		kind  trace.Kind
		verb  string
		proc  int
		actor string
		op    int
		id    int // of the request
		fault string
		reply *call // the request that it answers
	}

	nodes   map[string]*node
	volumes map[string]*volume
	byPV    map[string]*volume // by the name of the PersistentVolume that was last seen of it
	order   []*volume          // as first seen
	wishes  map[string]*wish
	procs   map[int]*proc
	alive   []*proc // not crashed
	leader  *proc   // the last that became leader and has not lost that
	ops     map[int]*operation
	recent  []int // finished operations that are still in ops, the oldest first
	calls   map[int]*call

	changes  []change  // of belief, in the present step
	moves    []move    // of migrations, in the present step
	removals []removal // among them, with their causes; set when the step is settled

	skew      time.Duration     // the wall clock's steps so far, but those of one process only
	skews     []time.Duration   // what a wall clock was off by before or after each step
	wallMax   int64             // the largest wall clock so far
	stepped   bool              // the wall clock has been stepped
	jumped    moment            // when it was last
	outages   int               // lasting faults that are on
	down      map[string]bool   // machines that are switched off, by node
	records   int               // changes of records
	claimUIDs map[string]string // of PersistentVolumeClaims, by name
	claims    bool              // the set-up tells what is bound to which claim
	counts    counts
	reached   reached
}

func newState(h trace.Header) *state {
	s := &state{
		setup: h.Setup, began: make(map[string]moment), nodes: make(map[string]*node), volumes: make(map[string]*volume), byPV: make(map[string]*volume),
		wishes: make(map[string]*wish), procs: make(map[int]*proc), ops: make(map[int]*operation), calls: make(map[int]*call),
		wallMax: h.Setup.Start, down: make(map[string]bool), counts: newCounts(), reached: make(reached),
		claimUIDs: make(map[string]string),
	}
	if h.Setup.NodeDead {
		s.counts.assumed = 1
	}
	for _, v := range h.Setup.Volumes {
		s.volume(v.Handle).mode, s.volume(v.Handle).claim = v.Mode, v.Claim
		s.volume(v.Handle).timeout = v.MigrationTimeout
		s.claims = s.claims || v.Claim != ""
		s.name(s.volume(v.Handle), v.PV)
	}
	return s
}

// offers reports whether the system offers a power. The world's own truth is offered by whoever traces it.
func (s *state) offers(power string) bool {
	if power == "persist" {
		return s.setup.Persist
	}
	return s.setup.Offer(power)
}

// take takes one event in. The caller has settled the step before and moved the time.
func (s *state) take(e *trace.Event) {
	s.reached.other(e)
	switch e.Kind {
	case trace.Op:
		s.takeOp(e)
	case trace.Return:
		s.takeReturn(e)
	case trace.Call:
		s.takeCall(e)
	case trace.Reply:
		s.takeReply(e)
	case trace.Deliver:
		s.takeDeliver(e)
	case trace.Process:
		s.takeProcess(e)
	case trace.Change:
		s.takeChange(e)
	case trace.World:
		s.takeWorld(e)
	case trace.Belief:
		s.takeBelief(e)
	case trace.Counter:
		s.takeCounter(e)
	case trace.Trouble:
		s.takeTrouble(e)
	case trace.Phase:
		s.phase = e.Name
		s.began[e.Name] = s.now
		s.ended = s.ended || e.Name == "quiesce" || e.Name == "teardown"
	}
}

// open notes the point of a new step. What has a label was chosen by the scheduler; what has none was observed in its step.
func (s *state) open(e *trace.Event) {
	if !e.Kind.Point() || (e.Step == s.now.step && s.point.kind != "" && e.Label == "") {
		return
	}
	s.point.kind, s.point.verb, s.point.proc, s.point.actor = e.Kind, e.Verb, e.Proc, e.Actor
	s.point.op, s.point.id, s.point.fault, s.point.reply = operationOf(e), e.ID, e.Fault, nil
}

// operationOf returns the number of the operation in whose name an event happened, 0 if none.
func operationOf(e *trace.Event) int {
	if e.Op != 0 {
		return e.Op
	}
	return opNumber(e.Actor)
}

// opNumber reads the number out of an actor's name, op-<n>.
func opNumber(actor string) int {
	if rest, ok := strings.CutPrefix(actor, "op-"); ok {
		if n, err := strconv.Atoi(rest); err == nil {
			return n
		}
	}
	return 0
}

// wall is the wall clock at the present moment, in nanoseconds since 1970.
func (s *state) wall() int64 { return s.setup.Start + int64(s.now.at) + int64(s.skew) }

// wallOf is what the wall clock of a process shows.
func (s *state) wallOf(p *proc) int64 { return s.wall() + int64(p.skew) }

// latest is the most that a wall clock shows now.
func (s *state) latest() int64 {
	most := s.wall()
	for _, p := range s.alive {
		most = max(most, s.wallOf(p))
	}
	return most
}

// volume returns the volume with a handle, which is made when it is first spoken of.
func (s *state) volume(handle string) *volume {
	v := s.volumes[handle]
	if v == nil {
		v = &volume{handle: handle, authors: make(map[uint64]int)}
		s.volumes[handle] = v
		s.order = append(s.order, v)
	}
	return v
}

// proc returns an incarnation, which is made when it is first spoken of.
func (s *state) proc(num int) *proc {
	p := s.procs[num]
	if p == nil {
		p = newProc(num)
		s.procs[num] = p
		s.alive = append(s.alive, p)
	}
	return p
}

// volume is all that is known of one volume, by layer.
type volume struct {
	handle  string
	mode    string        // of the set-up
	timeout time.Duration // of its migrations, as its volume context asks; 0 if that is silent
	claim   string        // that its PersistentVolume is bound to; empty if to none

	pv      claim      // K and P
	wishes  []*wish    // K: its VolumeAttachments
	deals   []*dealing // what callers asked for, by node
	grants  []*grant   // W
	device  device     // W
	flying  []*operation
	authors map[uint64]int // the incarnation that put an instance on the record, by epoch
	before  document       // the record before its last change
	touched moment         // when its objects at the API server last changed
	dropped []dropped      // instances that left its record lately
	direct  bool           // a method of the Manager was called on it directly: caller and backend need not agree
	detach  moment         // the last unpublish that returned OK
	parted  bool           // there was one
}

// single reports whether one node at most may have the volume.
func (v *volume) single() bool { return oneNode(v.mode) }

// manyNode reports whether a mode allows several nodes.
func manyNode(mode string) bool { return mode == "ReadWriteMany" || mode == "ReadOnlyMany" }

// oneNode reports whether a mode allows one node only. An unknown mode allows what it may.
func oneNode(mode string) bool { return mode != "" && !manyNode(mode) }

// holdersMax is how many nodes a mode allows; 0 is unbounded.
func (s *state) holdersMax(mode string) int {
	switch mode {
	case "ReadOnlyMany":
		return 0
	case "ReadWriteMany":
		return s.setup.MaxHolders
	}
	return 1
}

// deal returns what callers asked for a volume on a node.
func (v *volume) deal(node string) *dealing {
	for _, d := range v.deals {
		if d.node == node {
			return d
		}
	}
	d := &dealing{node: node}
	v.deals = append(v.deals, d)
	return d
}

// recorded reports whether what the system knows of a volume survives a crash.
func (s *state) recorded(v *volume) bool { return s.setup.Persist && !v.pv.lost }

func itoa(n int) string { return strconv.Itoa(n) }
