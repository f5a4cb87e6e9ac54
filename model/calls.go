package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// call is a request that has taken effect, or failed, and whose answer has not been seen yet.
type call struct {
	id             int
	proc           *proc
	actor          string
	op             int
	verb, resource string
	name           string
	code, fault    string
	deaf           bool // its caller waits for the answer, whatever becomes of its context
	begun          moment
	until          time.Duration // a fault delays it no longer than this
}

// lateCall is a request that takes effect after its caller was told of a timeout. What its actor knew when it sent it is what
// it is judged by, however late it comes.
type lateCall struct {
	id    int
	sent  moment
	reads []read // the actor's last live reads of nodes by then
	pass  pass
}

func (p *proc) lateCall(id int) *lateCall {
	for _, l := range p.late {
		if l.id == id {
			return l
		}
	}
	return nil
}

// sendLate notes such a request when it is sent.
func (p *proc) sendLate(s *state, c *call) {
	reads := p.reads
	if o := s.ops[c.op]; o != nil {
		reads = o.reads
	}
	p.late = append(p.late, &lateCall{id: c.id, sent: s.now, reads: append([]read(nil), reads...), pass: p.pass})
}

// hangMax is the longest time for which a connection without an answer is believed to be alive: client-go's own limit.
const hangMax = 45 * time.Second

func (s *state) takeCall(e *trace.Event) {
	p := s.proc(e.Proc)
	op := operationOf(e)
	s.reached.call(s, e)
	if e.Fault != "" {
		s.counts.fault(s, e.Fault)
	}
	if e.Fault != "" || e.Code == trace.RateLimited {
		p.faulted(s, e)
	}
	if e.Verb == "watch" && e.Resource == "nodes" && e.Fault == "" && e.Code == "OK" {
		p.blind = false
	}
	if e.Code == "Conflict" {
		s.counts.conflicts++
	}
	if e.Verb == "list" && e.Actor == "informer" {
		p.listing(e.Resource).cache.tried = true
	}
	if writes(e.Verb) {
		if o := s.ops[op]; o != nil && !p.leading && !o.led {
			o.effect = true
		}
	}
	if e.Resource == "backend" && e.Code == "OK" && e.Volume != "" {
		s.severed(e)
	}
	if _, twice := s.calls[e.ID]; twice || e.ID == 0 || p.lateCall(e.ID) != nil {
		return // a late effect: its caller was told of a timeout when it was sent
	}
	c := &call{
		id: e.ID, proc: p, actor: e.Actor, op: op, verb: e.Verb, resource: e.Resource, name: e.Name, code: e.Code, fault: e.Fault,
		deaf: e.Fault == "deaf" && !e.Late, begun: s.now, until: s.now.at + hangMax + e.Limit + s.latencyMax(),
	}
	if e.Fault == "lateEffect" {
		p.sendLate(s, c)
	}
	s.calls[e.ID] = c
	p.pending = append(p.pending, c)
	if e.Fault != "" {
		p.slow = append(p.slow, c)
	}
}

// writes reports whether a verb changes something at the API server or at the backend.
func writes(verb string) bool {
	switch verb {
	case "create", "update", "patch", "delete", "grant", "revoke", "fence":
		return true
	}
	return false
}

// written is the volume whose record or access a call changes; nil if it changes none.
func (s *state) written(e *trace.Event) *volume {
	if !writes(e.Verb) || e.Resource != "persistentvolumes" && e.Resource != "backend" {
		return nil
	}
	if e.Resource == "backend" {
		return s.volumes[e.Name]
	}
	return s.recordedOn(e.Name)
}

// severed notes that the backend ended a node's access. Such a call is idempotent: it counts even if it changed nothing.
func (s *state) severed(e *trace.Event) {
	c := sever{when: s.now, epoch: e.Epoch, actor: s.point.actor, done: true}
	for _, d := range s.volume(e.Volume).deals {
		switch {
		case e.Node != "" && e.Node != d.node:
		case e.Verb == "revoke":
			d.revoke = c
		case e.Verb == "fence":
			d.fence = c
		}
	}
}

func (s *state) takeReply(e *trace.Event) {
	p := s.proc(e.Proc)
	asked := s.now
	if c := s.calls[e.ID]; c != nil {
		asked, s.point.reply = c.begun, c
		p.release(func(x *call) bool { return x == c })
		delete(s.calls, e.ID)
	}
	op := operationOf(e)
	if o := s.ops[op]; o != nil && e.Verb == "grant" && refusal(e.Code) {
		o.denied = true
	}
	switch {
	case e.Resource == "nodes" && e.Verb == "get":
		s.takeRead(p, op, e, read{node: nodeNamed(e), uid: e.UID, code: e.Code, asked: asked, told: s.now})
	case e.Verb == "list":
		p.listed(s, e, asked)
	}
}

// takeRead notes a live read of one node.
func (s *state) takeRead(p *proc, op int, e *trace.Event, r read) {
	if r.code == "OK" && r.uid == "" { // the answer's uid was not traced: take the one at the answer
		for _, l := range s.node(r.node).lives {
			if l.born.step <= r.asked.step && (!l.dead || l.died.step > r.asked.step) {
				r.uid = l.uid
			}
		}
	}
	if !r.failed() {
		p.signal(s, r.node, r.uid)
	}
	if e.Actor == "run" {
		r.pass = p.pass.at
		p.reads = setRead(p.reads, r)
		return
	}
	if o := s.ops[op]; o != nil {
		o.reads = setRead(o.reads, r)
		if r.node == o.node && r.code == "OK" {
			o.uid = r.uid
		}
	}
}

func (s *state) takeDeliver(e *trace.Event) {
	if (e.Resource != "nodes" && e.Resource != "csinodes") || e.Proc == 0 {
		return
	}
	p := s.proc(e.Proc)
	p.delivered = s.now
	if e.Resource != "nodes" {
		return
	}
	p.watching = true
	switch e.Verb {
	case "DELETED":
		p.signal(s, nodeNamed(e), "")
	case "ADDED", "MODIFIED":
		p.signal(s, nodeNamed(e), e.UID)
	}
}

func (s *state) takeTrouble(e *trace.Event) {
	switch e.Verb {
	case "outageBegin", "lagBegin", "pauseBegin":
		s.outages++
		s.counts.trouble(s, e.Verb)
	case "outageEnd", "lagEnd", "pauseEnd":
		s.outages = max(0, s.outages-1)
	case "clockStep":
		s.noteSkews()
		if e.Proc == 0 {
			s.skew += e.Limit
		} else {
			s.proc(e.Proc).skew += e.Limit
		}
		s.noteSkews()
		s.stepped, s.jumped = true, s.now
		s.counts.trouble(s, e.Verb)
	case "disconnect", "replay":
		s.counts.trouble(s, e.Verb)
	}
	for _, p := range s.alive {
		p.faultAt = s.now.at
	}
	s.wallMax = max(s.wallMax, s.latest())
}

// noteSkews keeps what the wall clocks are off by.
func (s *state) noteSkews() {
	s.skews = append(s.skews, s.skew)
	for _, p := range s.alive {
		if p.skew != 0 {
			s.skews = append(s.skews, s.skew+p.skew)
		}
	}
}
