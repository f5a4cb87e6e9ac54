package model

// cause is why an instance left the system's memory.
type cause string

// The causes. Only becauseCleared is a clear by the Reconciler and is held against the node's absence and its grace.
const (
	becauseReleased cause = "released" // an unpublish asked for it
	becauseEvicted  cause = "evicted"  // a publish replaced it
	becauseRefused  cause = "refused"  // a publish took its own reservation back
	becauseDirect   cause = "direct"   // a method of the Manager was called for it
	becauseRebuilt  cause = "rebuilt"  // a rebuild does not know it
	becauseOwn      cause = "own"      // the controller unpublished what nobody else would
	becauseFinished cause = "finished" // the loop finished an unpublish that had ended the access
	becauseRepaired cause = "repaired" // a reservation that failed with an unknown result was taken back
	becauseSynced   cause = "synced"   // another incarnation wrote the record
	becauseCleared  cause = "cleared"  // the Reconciler cleared it
)

// removal is an instance that left the system's memory.
type removal struct {
	proc    *proc
	volume  *volume
	inst    *instance
	cause   cause
	op      *operation // whose doing it was; nil if no operation's
	decided moment     // when the record was written without it, or memory forgot it
	acted   moment     // when that write was sent, if it came late; else the same
	fenced  bool       // the backend had ended the access before
	check   read       // the actor's last live read of the node before the decision
	checked bool       // there was one
	foreign bool       // another incarnation wrote the record without it
	live    bool       // the node (name and uid) was there from the check to the decision
	pass    pass       // the pass that went on at the decision
}

// dropped is an instance that a write took off the record.
type dropped struct {
	holding
	proc  int
	actor string
	op    int
	when  moment
	pass  pass
	late  *lateCall // the write, if it came late

	carried bool // the other layers follow it, although the writer's memory does not show it
}

// droppedMax bounds the drops that a volume remembers: memory follows a write after one reply, or after a repair.
const droppedMax = 16

// drop notes that the present step's write took an instance off the record.
func (v *volume) drop(s *state, h holding) {
	d := dropped{holding: h, proc: s.point.proc, actor: s.point.actor, op: s.point.op, when: s.now}
	if p := s.procs[d.proc]; p != nil {
		d.pass, d.late = p.pass, p.lateCall(s.point.id)
	}
	if len(v.dropped) == droppedMax {
		v.dropped = append(v.dropped[:0], v.dropped[1:]...)
	}
	v.dropped = append(v.dropped, d)
	v.shed(h.Node)
}

// shed notes that what the VolumeAttachments on a node had asked for is gone: they stay as they are until their wish ends.
func (v *volume) shed(node string) {
	for _, w := range v.wishes {
		if w.node == node {
			w.shed = true
		}
	}
}

func (v *volume) droppedAs(i *instance) *dropped {
	for k := len(v.dropped) - 1; k >= 0; k-- {
		d := &v.dropped[k]
		if d.Node == i.node && sameUID(d.UID, i.uid) && (d.Epoch == i.epoch || d.Epoch == 0 || i.epoch == 0) {
			return d
		}
	}
	return nil
}

// foundedPast reports whether another incarnation wrote the volume's first record while this one believed in an instance
// without any, or was about to, and left it out.
func (v *volume) foundedPast(p *proc, i *instance) bool {
	_, named := v.pv.doc.find(i.node, i.uid, i.epoch)
	return v.pv.valid && !named && v.pv.founded.step > min(i.seen.step, p.led.step) && v.pv.founder != p.num && v.pv.founder != 0
}

// explain finds the cause of a removal: by the actor of the write that took the instance off the record, else by the actor of
// the present step, else by an operation in flight that could have done it.
func (s *state) explain(c change) removal {
	i := c.before
	r := removal{proc: c.proc, volume: c.volume, inst: i, decided: s.now, pass: c.pass}
	actor, op, wrote := s.point.actor, s.point.op, false
	var late *lateCall
	if s.point.proc != c.proc.num {
		actor, op = "", 0
	}
	if d := c.volume.droppedAs(i); d != nil && (d.when.step >= i.seen.step || c.outdated(d)) {
		actor, op, wrote, r.decided, r.pass, late = d.actor, d.op, true, d.when, d.pass, d.late
		if d.proc != c.proc.num {
			r.cause, r.foreign = becauseSynced, true
			if c.proc.hurt[c.volume.handle] { // its own removal, whose result it never learned, may have been first
				r.cause = becauseFinished
			}
			return r
		}
	}
	r.acted = r.decided
	if late != nil {
		r.acted, r.pass = late.sent, late.pass
	}
	if !wrote && c.volume.foundedPast(c.proc, i) {
		r.cause = becauseSynced
		return r
	}
	d := c.volume.deal(i.node)
	r.fenced = (d.fence.ends(i.epoch) && d.fence.when.step >= i.seen.step) || (d.revoke.ends(i.epoch) && d.revoke.when.step >= i.seen.step)
	if o := s.ops[op]; o != nil && o.volume == c.volume {
		r.op = o
	} else if !wrote {
		r.op = s.explainInFlight(c, actor)
	}
	if r.op != nil {
		r.cause = s.explainByOperation(r.op, i)
		blind := !r.op.releasesNode(i.node) || r.acted.step < i.seen.step // it is not what the operation asked for, or knew of
		if (r.cause == becauseEvicted || r.cause == becauseReleased && blind) && s.undone(c, i, r.acted) {
			r.cause = becauseRepaired // an operation repairs the record before it decides
		}
		r.check, r.checked = r.op.read(i.node)
	} else {
		r.cause = s.explainByLoop(c, d, r.acted)
		r.check, r.checked = findRead(c.proc.reads, i.node)
	}
	if late != nil {
		r.check, r.checked = findRead(late.reads, i.node)
	}
	if r.checked {
		r.check, r.checked = r.check.by(r.acted)
	}
	from := r.decided.step
	if r.checked {
		from = r.check.asked.step
	}
	r.live = !s.absentSince(i.node, i.uid, from, r.decided.step)
	return r
}

// outdated reports whether memory took an instance from a record that another incarnation had already written without it.
func (c change) outdated(d *dropped) bool {
	_, named := c.volume.pv.doc.find(d.Node, d.UID, d.Epoch)
	return d.proc != c.proc.num && d.when.step >= c.proc.led.step && !named
}

// synced reports whether an instance of a volume went in the present step because another incarnation wrote the record.
func (s *state) synced(p *proc, v *volume) bool {
	for _, r := range s.removals {
		if r.proc == p && r.volume == v && r.foreign {
			return true
		}
	}
	return false
}

func (s *state) explainByOperation(o *operation, i *instance) cause {
	switch {
	case releases(o.verb):
		return becauseReleased
	case o.verb == "rebuild":
		return becauseRebuilt
	case !acquires(o.verb):
		return becauseDirect
	case o.node == i.node && sameUID(o.uid, i.uid):
		return becauseRefused
	}
	return becauseEvicted
}

// explainInFlight finds an operation in flight that could have removed the instance without a write.
func (s *state) explainInFlight(c change, actor string) *operation {
	for _, o := range c.volume.flying {
		if o.proc == c.proc && (o.releasesNode(c.before.node) || o.verb == "clearStale") {
			return o
		}
	}
	if actor == "run" {
		return nil
	}
	for _, o := range c.volume.flying {
		if o.proc == c.proc && acquires(o.verb) {
			return o
		}
	}
	return nil
}

// explainByLoop tells what else the process does by itself from a clear.
func (s *state) explainByLoop(c change, d *dealing, acted moment) cause {
	i, v := c.before, c.volume
	revoked := d.revoke.ends(i.epoch) && d.revoke.when.step >= i.seen.step
	switch {
	case c.proc.rebuilds(s):
		return becauseRebuilt
	case d.ending && (revoked || !s.offers("backend")):
		return becauseFinished
	case revoked && d.revoke.actor == "run" && d.fence.when.step < d.revoke.when.step && v.unwished(i.node, c.proc.relied(d)) && !c.proc.blindTo(v, i.node):
		return becauseOwn
	case s.undone(c, i, acted):
		return becauseRepaired
	}
	return becauseCleared
}

// undone reports whether an instance may be a reservation that failed with an unknown result: nobody was told of it, and the
// backend never granted it. Taking it off the record repairs that. If its node is absent that could be a clear as well, unless
// the write was sent before memory had the instance; and nobody fences what he only takes back.
func (s *state) undone(c change, i *instance, acted moment) bool {
	if f := c.volume.deal(i.node).fence; f.ends(i.epoch) && f.when.step >= i.seen.step {
		return false
	}
	return c.proc.hurt[c.volume.handle] && !i.wasHeld && !c.volume.granted(i) && (!s.absent(i.node, i.uid) || acted.step < i.seen.step)
}

// granted reports whether the backend ever granted an instance's access.
func (v *volume) granted(i *instance) bool {
	g := v.grantOf(i.node)
	if i.epoch == 0 {
		return g.when.step > 0 && g.when.step >= i.seen.step
	}
	return g.epoch >= i.epoch
}

// blindTo reports whether a VolumeAttachment asks for the volume on a node, and the incarnation's cache of them is not filled yet.
func (p *proc) blindTo(v *volume, node string) bool {
	c := p.listing("volumeattachments").cache
	wanted, _, _ := v.wished(node)
	return wanted && c.tried && c.told.step <= p.led.step
}

// relied returns the step from which on an incarnation is to look for a wish before it ends an instance by itself: since it leads, and
// since it told a caller last that the node has the volume.
func (p *proc) relied(d *dealing) int {
	if d.answers == p {
		return max(p.led.step, d.again.step)
	}
	return p.led.step
}

// unwished reports whether at some instant from a step on no VolumeAttachment asked for the volume on a node.
func (v *volume) unwished(node string, from int) bool {
	for _, w := range v.wishes {
		if w.node == node && w.made.step <= from {
			return false
		}
	}
	return true
}
