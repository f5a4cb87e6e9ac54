package model

import (
	"slices"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Scene is what is true of one volume and of the processes at the end of a step, or just before a crash. It says nothing of
// anything else, so that runs meet the same ones again.
type Scene uint64

// What may be true of a volume. "A node" is one that the volume is held on, remembered or recorded for, unless said otherwise.
const (
	held         Scene = 1 << iota // a caller was told that a node has it
	heldTwice                      // that two have
	owed                           // a node may have it: nobody knows how a call ended
	uncertain                      // the leader's memory says so itself
	remembered                     // the leader's memory has an instance
	recorded                       // the record has one
	granted                        // the backend lets a node write
	writing                        // and its workload does
	wished                         // there is a VolumeAttachment
	wishedTwice                    // there are two
	unwished                       // one of them is being deleted
	nodeGone                       // a node is gone
	graceRuns                      // for less than the grace period
	reborn                         // and its name is another node's
	targetGone                     // the node of a publish in flight is gone
	machineDown                    // a node's machine is off, and its object lives
	strayWriter                    // the workload of a node that is gone writes on
	publishing                     // publish is in flight
	unpublishing                   // unpublish is
	migrating                      // to the leader, it has a source and a target
	overdue                        // for longer than its timeout
)

// What may be true of the processes and of what they run on.
const (
	leaderless     Scene = 1 << (32 + iota) // nobody leads
	twoLeaders                              // two do
	twoAlive                                // two processes run
	loopStopped                             // Stop has returned in the leader
	stopping                                // Stop is pending in it
	passing                                 // a pass is under way in it
	rebuildPending                          // nothing shows yet that it has rebuilt its memory
	troubled                                // an outage or a lag is on
	slowed                                  // the leader waits for a call that a fault failed or delays
	jumped                                  // the wall clock has just jumped
	crashing                                // a process is about to crash
)

// met are the instants and troubles that a state may meet, and is none the less the same state.
const met = troubled | slowed | jumped | crashing

// State is the scene without the troubles that it meets.
func (s Scene) State() Scene { return s &^ met }

// scenes collects the distinct scenes of a run, in the order of their first appearance.
type scenes struct {
	seen  map[Scene]bool
	all   []Scene
	moved bool // the present step may have changed something that a scene tells
	// touched are the volumes that the step names; wide means that it may have changed others too.
	touched []*volume
	wide    bool
}

// scenesMax is the number of volumes up to which all are looked at after each step. Of more, those that the step names are, and all when
// it names none: what only time changes in the others is seen a little later.
const scenesMax = 64

// before sees an event that has not been taken in yet.
func (c *scenes) before(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Op, trace.Return, trace.Change, trace.World, trace.Belief, trace.Trouble, trace.Process:
		c.moved = true
		c.touch(s, e)
	case trace.Counter:
		c.moved = true
	case trace.Call:
		c.moved = c.moved || e.Fault != ""
	}
	if e.Kind == trace.Process && e.Verb == "crash" { // what it was at is forgotten by the end of the step
		c.note(s, crashing)
	}
}

// settle sees the end of a step.
func (c *scenes) settle(s *state) {
	if c.moved {
		c.note(s, 0)
	}
	c.moved, c.wide, c.touched = false, false, c.touched[:0]
}

// touch notes what an event is about.
func (c *scenes) touch(s *state, e *trace.Event) {
	if e.Volume == "" {
		c.wide = true
	} else if v := s.volumes[e.Volume]; v != nil && !slices.Contains(c.touched, v) {
		c.touched = append(c.touched, v)
	}
}

// note adds the scenes of the present moment; more is true of all of them.
func (c *scenes) note(s *state, more Scene) {
	common, volumes := s.processScene()|more, s.order
	if len(volumes) > scenesMax && more == 0 && !c.wide {
		volumes = c.touched
	}
	for _, v := range volumes {
		if v.handle == "" {
			continue // whatever is not a volume of the driver's
		}
		if scene := common | s.volumeScene(v); !c.seen[scene] {
			c.seen[scene] = true
			c.all = append(c.all, scene)
		}
	}
}

// has returns a flag if something is so.
func has(is bool, flag Scene) Scene {
	if is {
		return flag
	}
	return 0
}

func (s *state) processScene() Scene {
	leaders := 0
	for _, p := range s.alive {
		if p.leading {
			leaders++
		}
	}
	out := has(leaders > 1, twoLeaders) | has(len(s.alive) > 1, twoAlive) | has(s.outages > 0, troubled) |
		has(s.jumped.step == s.now.step && s.stepped, jumped)
	p := s.leader
	if p == nil {
		return out | leaderless
	}
	return out | has(p.loop.stopped, loopStopped) | has(p.loop.stopping > 0, stopping) | has(p.pass.begun > p.pass.ended, passing) |
		has(p.rebuilding, rebuildPending) | has(len(p.slow) > 0, slowed)
}

func (s *state) volumeScene(v *volume) Scene {
	out := has(len(v.pv.doc.Instances) > 0, recorded) |
		has(len(v.wishes) > 0, wished) | has(len(v.wishes) > 1, wishedTwice)
	for _, w := range v.wishes {
		out |= has(w.deleting, unwished)
	}
	for _, d := range v.deals {
		switch {
		case d.held:
			out |= has(out&held != 0, heldTwice) | held | s.nodeScene(d.node, d.uid)
		case d.owed:
			out |= owed
		}
	}
	for _, i := range v.pv.doc.Instances {
		out |= s.nodeScene(i.Node, i.UID)
	}
	for _, g := range v.grants {
		out |= has(g.open, granted)
		if g.open && g.writing && !s.down[g.node] {
			out |= writing | has(s.current(g.node) == nil, strayWriter)
		}
	}
	for _, o := range v.flying {
		switch {
		case acquires(o.verb):
			out |= publishing | has(s.current(o.node) == nil, targetGone)
		case releases(o.verb):
			out |= unpublishing
		}
	}
	return out | s.memoryScene(v)
}

// memoryScene is what the leader believes.
func (s *state) memoryScene(v *volume) (out Scene) {
	if s.leader == nil || s.leader.mem[v.handle] == nil {
		return 0
	}
	m := s.leader.mem[v.handle]
	for _, i := range m.instances {
		out |= remembered | has(i.state == "uncertain", uncertain) | s.nodeScene(i.node, i.uid)
	}
	if m.moving != nil {
		out |= migrating | has(m.moving.timeout > 0 && s.now.at-m.moving.start() > m.moving.timeout, overdue)
	}
	return out
}

// nodeScene is what has become of a node.
func (s *state) nodeScene(name, uid string) Scene {
	now := s.current(name)
	if now != nil && sameUID(now.uid, uid) {
		return has(s.down[name], machineDown)
	}
	since, _ := s.missing(name, uid)
	return nodeGone | has(s.now.at-since.at < s.setup.Grace, graceRuns) | has(now != nil, reborn)
}
