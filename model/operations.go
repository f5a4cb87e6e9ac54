package model

import (
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// operation is one call of the system under test by a caller outside of it.
type operation struct {
	num    int
	verb   string
	volume *volume // nil for calls that are about no volume
	node   string  // empty is every node
	mode   string
	proc   *proc
	begun  moment
	ended  moment
	done   bool
	gaveUp bool // the caller has left, the handler may run on
	code   string
	uid    string // of node, as the operation itself read it live
	reads  []read // its live reads of nodes, one per node
	owed   bool   // the node may have had the volume when it began
	led    bool   // its incarnation led at some instant while it ran
	effect bool   // it wrote to the API server or to the backend while its incarnation did not lead
	denied bool   // the backend refused its grant
	starts int    // for start, stop and cancel: the others before it
	early  bool   // for stop: it came before leadership had started the loop
}

// read is what somebody was told of a node by the API server itself.
type read struct {
	node, uid, code string
	asked           moment // when the server answered
	told            moment // when the answer was seen
	missing         moment // the first answer of NotFound since one that found the node; zero if it was found
	pass            moment // when the pass of that answer began: it knows no instance that appeared later
	before          *read  // the one before, for a write that was sent before this one and seen after it; nil in that
}

// by returns the read, or the one before if this one was answered after a moment; ok is false if that was too.
func (r read) by(m moment) (last read, ok bool) {
	if r.told.step > m.step && r.before != nil {
		r = *r.before
	}
	return r, r.told.step <= m.step
}

// failed reports that the answer says nothing about the node.
func (r read) failed() bool { return r.code != "OK" && r.code != "NotFound" }

// dealing is what callers asked of one volume on one node, and what they were told.
type dealing struct {
	node string

	held    bool // an OK of publish stands, and no unpublish was called since that publish began
	uid     string
	mode    string
	by      *proc  // who said that OK
	begun   moment // the publish that it belongs to
	ok      moment
	again   moment // the last OK of publish, be it one that changed nothing
	answers *proc  // who said that
	owed    bool   // the node may have the volume: an unpublish is owed
	asked   bool
	publish moment // the last one called
	ending  bool   // the last call was an unpublish
	end     moment // the last one called
	ended   moment // when an unpublish returned OK, since when no publish was called; zero if there is none

	revoke, fence sever // W
}

// endedSince reports whether an unpublish was called after an operation had begun, and may have come later than it.
func (d *dealing) endedSince(o *operation) bool { return d.ending && d.end.step > o.begun.step }

// sever is the last time that the backend ended the node's access.
type sever struct {
	when  moment
	epoch uint64 // up to which
	actor string
	done  bool
}

// ends reports whether the access of an epoch was ended. An unknown epoch is ended by anything.
func (c sever) ends(epoch uint64) bool {
	return c.done && (epoch == 0 || c.epoch == 0 || c.epoch >= epoch)
}

// acquires reports whether a verb asks for a volume, as publish does.
func acquires(verb string) bool {
	switch verb {
	case "publish", "trackAttachment", "trackAttachmentWithMode", "addSecondaryAttachment":
		return true
	}
	return false
}

// releases reports whether a verb gives a volume back, as unpublish does.
func releases(verb string) bool {
	return verb == "unpublish" || verb == "removeNodeAttachment" || verb == "untrackAttachment"
}

// releasesNode reports whether the operation gives the volume back on a node.
func (o *operation) releasesNode(node string) bool {
	return releases(o.verb) && (o.node == "" || o.node == node)
}

// byHand reports whether a verb is a method of the Manager that changes a volume, called past publish and unpublish.
func byHand(verb string) bool {
	return (acquires(verb) && verb != "publish") || (releases(verb) && verb != "unpublish") || verb == "clearStale" || verb == "clearDetachTimestamp"
}

// lowered is a verb as the scenario language writes it: methods of the Manager may come in Go's spelling.
func lowered(verb string) string {
	if verb == "" || verb[0] < 'A' || verb[0] > 'Z' {
		return verb
	}
	return string(verb[0]+'a'-'A') + verb[1:]
}

func (s *state) takeOp(e *trace.Event) {
	if e.Op == 0 {
		return // the operator's, or a call that found nobody to serve it
	}
	o := &operation{num: e.Op, verb: lowered(e.Verb), node: e.Node, mode: e.Mode, proc: s.proc(e.Proc), begun: s.now}
	o.led = o.proc.leading
	s.ops[e.Op] = o
	o.proc.flying++
	switch o.verb {
	case "start", "stop", "cancel":
		o.proc.lifecycleCalled(s, o)
		return
	case "rebuild":
		o.proc.rebuiltByHand = true
	case "untrackAttachment":
		o.node = ""
	case "trackAttachment":
		o.mode = "ReadWriteOnce"
	}
	if e.Volume == "" {
		return
	}
	v := s.volume(e.Volume)
	o.volume = v
	v.flying = append(v.flying, o)
	v.direct = v.direct || byHand(o.verb)
	switch {
	case acquires(o.verb):
		d := v.deal(o.node)
		o.owed = d.owed
		d.owed, d.asked, d.publish, d.ending, d.ended = true, true, s.now, false, moment{}
	case releases(o.verb):
		for _, d := range v.deals {
			if o.releasesNode(d.node) {
				d.held, d.ending, d.end = false, true, s.now
			}
		}
	case o.verb == "clearStale":
		v.deal(o.node).held = false
	}
}

func (s *state) takeReturn(e *trace.Event) {
	o := s.ops[e.Op]
	if e.Op == 0 || o == nil || o.done {
		return
	}
	o.code = e.Code
	if e.Fault != "" {
		o.proc.faultCount++
		s.counts.fault(s, e.Fault)
	}
	s.finish(o)
	switch o.verb {
	case "start", "stop", "cancel":
		o.proc.lifecycleReturned(s, o)
	}
	v := o.volume
	if v == nil {
		return
	}
	s.counts.returned(o)
	if o.code == "OK" && (o.verb == "publish" || o.verb == "unpublish") {
		o.proc.ready(s)
	}
	switch {
	case acquires(o.verb) && o.code == "OK":
		s.grantDeal(o)
	case acquires(o.verb) && refusal(o.code) && !o.owed:
		if d := v.deal(o.node); d.publish == o.begun {
			d.owed = false
		}
	case releases(o.verb) && o.code == "OK":
		v.detach, v.parted = s.now, true
		for _, d := range v.deals {
			if o.releasesNode(d.node) && d.publish.step <= o.begun.step {
				d.owed, d.ended = false, s.now
				o.volume.grantOf(d.node).forgotten = false // whoever was told to end it needs to know of nothing
			}
		}
	}
}

// grantDeal notes an OK of publish. An unpublish that was called after this publish began may have come later than it.
func (s *state) grantDeal(o *operation) {
	d := o.volume.deal(o.node)
	if d.endedSince(o) || o.volume.direct && o.robbed() {
		return
	}
	uid := o.uid
	if uid == "" {
		if l := s.current(o.node); l != nil && l.born.step <= o.begun.step {
			uid = l.uid
		}
	}
	d.owed, d.again, d.answers = true, s.now, o.proc
	if d.held && sameUID(d.uid, uid) {
		return
	}
	d.held, d.uid, d.mode, d.by, d.begun, d.ok = true, uid, o.mode, o.proc, o.begun, s.now
	for _, w := range o.volume.wishes {
		if w.node == o.node && !o.overtaken() {
			w.shed = false
		}
	}
}

// robbed reports whether another incarnation has taken off the record, before its answer, what a call attached.
func (o *operation) robbed() bool {
	return slices.ContainsFunc(o.volume.dropped, func(d dropped) bool {
		return d.Node == o.node && d.when.step > o.begun.step && d.proc != o.proc.num && !containsNode(o.volume.pv.doc.Instances, o.node)
	})
}

// overtaken reports whether what a publish attached has left the record and memory again before its answer.
func (o *operation) overtaken() bool {
	for _, d := range o.volume.dropped {
		if d.Node == o.node && d.when.step > o.begun.step {
			return !o.proc.memory(o.volume.handle).names(o.node)
		}
	}
	return false
}

// refusal reports whether a code says that publish was refused for certain.
func refusal(code string) bool {
	switch code {
	case "FailedPrecondition", "NotFound", "InvalidArgument", "AlreadyExists", "ResourceExhausted", "OutOfRange":
		return true
	}
	return false
}

// retriable reports whether a code asks the caller to try again.
func retriable(code string) bool {
	switch code {
	case "Unavailable", "Aborted", "DeadlineExceeded", "Canceled":
		return true
	}
	return false
}

// operationsKept bounds the finished operations whose actors are still told apart: a handler may leave goroutines behind.
const operationsKept = 512

func (s *state) finish(o *operation) {
	o.done, o.ended = true, s.now
	o.proc.flying--
	if v := o.volume; v != nil {
		for i, x := range v.flying {
			if x == o {
				v.flying = append(v.flying[:i:i], v.flying[i+1:]...)
				break
			}
		}
	}
	o.proc.release(func(c *call) bool { return c.op == o.num })
	s.recent = append(s.recent, o.num)
	if len(s.recent) > operationsKept {
		delete(s.ops, s.recent[0])
		s.recent = s.recent[1:]
	}
}

// read returns the operation's last live read of a node.
func (o *operation) read(node string) (read, bool) { return findRead(o.reads, node) }

func findRead(all []read, node string) (read, bool) {
	for _, r := range all {
		if r.node == node {
			return r, true
		}
	}
	return read{}, false
}

// setRead keeps the last read of each node.
func setRead(all []read, r read) []read {
	if r.code == "NotFound" {
		r.missing = r.told
	}
	for i := range all {
		if all[i].node == r.node {
			if was := all[i].missing; was.step > 0 && r.code != "OK" { // a failed read stops no clock
				r.missing, r.pass = was, all[i].pass
			}
			was := all[i]
			was.before = nil
			r.before = &was
			all[i] = r
			return all
		}
	}
	return append(all, r)
}

// held returns the nodes on which the volume surely is held, by what callers were told.
func (v *volume) held() []*dealing {
	var out []*dealing
	for _, d := range v.deals {
		if d.held {
			out = append(out, d)
		}
	}
	return out
}

// latencyMax is the plan's largest call latency.
func (s *state) latencyMax() time.Duration { return s.setup.CallLatencyMax }
