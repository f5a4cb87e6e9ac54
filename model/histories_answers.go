package model

import (
	"github.com/holdfast-sim/holdfast/model/history"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// answered takes the end of an operation in.
func (b *histories) answered(s *state, e *trace.Event, x *observed) {
	h := b.volumes[s.volumes[e.Volume]]
	if o := s.ops[e.Op]; o != nil && o.volume != nil {
		h = b.volumes[o.volume]
		b.identify(s, o, x)
	}
	x.late, x.lost = e.Late, e.Lost
	b.finish(s, h, x, b.outcome(s, e, x), e.Code)
}

// outcome reads an answer. That its caller did not see it does not make it less true, unless the process had lost
// leadership by then: what it then did may have come too late for the next one.
func (b *histories) outcome(s *state, e *trace.Event, x *observed) history.Outcome {
	switch {
	case e.Code == "OK" && (e.Late || e.Lost) && !x.proc.leading:
		return history.Unknown
	case e.Code == "OK":
		return history.Done
	case x.tried || !s.offers("backend") || x.Kind != history.Acquire:
		return b.unanswered(s, x)
	}
	switch e.Code {
	case "FailedPrecondition":
		x.Excused = b.shared[x.proc] || b.doomed(s, x)
		return history.Taken
	case "AlreadyExists":
		x.Excused = b.shared[x.proc]
		return history.OtherMode
	case "NotFound":
		x.Excused = !b.clear(s, x)
		return history.Missing
	}
	return history.Nothing
}

// unanswered is the outcome of an operation of which nobody was told that it is done. One that never sent a write to where
// writes are seen has changed nothing.
func (b *histories) unanswered(s *state, x *observed) history.Outcome {
	if x.tried || !s.offers("backend") {
		return history.Unknown
	}
	return history.Nothing
}

func (b *histories) finish(s *state, h *volumeHistory, x *observed, outcome history.Outcome, answer string) {
	x.Outcome, x.Return, x.returned, x.answer = outcome, s.now.step, s.now, answer
	delete(b.open, x.Num)
	if outcome != history.Done {
		b.done[x.Num] = x
	}
	for i, y := range h.flying {
		if y == x {
			h.flying = append(h.flying[:i:i], h.flying[i+1:]...)
			break
		}
	}
}

// identify finds out which Node object an operation was about, and whether it is there still.
func (b *histories) identify(s *state, o *operation, x *observed) {
	if x.Kind == history.Release {
		x.Fleeting = o.verb == "unpublish" && b.nameless(s, x)
		return
	}
	now := s.current(o.node)
	switch {
	case o.uid != "":
		x.Life = s.lifeOf(o.node, o.uid)
		x.Fleeting = s.absent(o.node, o.uid)
	case now == nil || now.born.step > o.begun.step:
		x.Fleeting = true
	default:
		x.Life = s.lifeOf(o.node, now.uid)
	}
	if any, _, _ := o.volume.wished(o.node); o.verb == "publish" && !any {
		x.Fleeting = true // a rebuild that is under way may take it for nobody's
	}
}

// nameless reports whether the driver's id of a node may not have been found: it stands in a CSINode, which goes with its Node.
func (b *histories) nameless(s *state, x *observed) bool {
	n := s.nodes[x.Node]
	if n == nil || len(n.lives) == 0 {
		return true
	}
	last := n.lives[len(n.lives)-1]
	return last.dead || last.born.step >= x.proc.led.step
}

// doomed reports whether a volume is, or was, on its way out: publish refuses it then.
func (b *histories) doomed(s *state, x *observed) bool {
	v := s.ops[x.Num].volume
	return v.pv.deleting || v.pv.lost
}

// clear reports whether a node must be known to everybody: it was there all the time, and nothing hid it.
func (b *histories) clear(s *state, x *observed) bool {
	n := s.nodes[x.Node]
	return n != nil && len(n.lives) == 1 && !n.lives[0].dead && n.lives[0].born.step < x.proc.led.step && x.proc.faultCount == 0 && !b.trouble
}

// settled completes the operations before they are weighed: what is known only now.
func (h *volumeHistory) settled() *history.History {
	h.Mode = h.volume.requested()
	for _, x := range h.calls {
		for _, y := range x.rivals {
			x.Excused = x.Excused || y.blocks(x)
		}
	}
	return &h.History
}

// describe puts the operations into words.
func (h *volumeHistory) describe() {
	for _, x := range h.calls {
		switch {
		case x.Text != "":
			continue
		case x.late:
			x.answer += ", too late for its caller"
		case x.lost:
			x.answer += ", and the answer was lost"
		}
		x.Text = x.verb + " of " + h.Volume + " on " + or(x.Node, "every node") + ": " + or(x.answer, "no answer")
	}
}

// blocks reports whether what an operation had reserved for another node may be why a call was refused, although nothing came
// of it.
func (x *observed) blocks(refused *observed) bool {
	return x.Kind != history.Release && x.Node != refused.Node && (x.Outcome == history.Unknown || x.Outcome == history.Nothing)
}
