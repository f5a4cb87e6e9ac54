package model

import (
	"maps"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/model/expression"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// view is the oracle's picture of the world as users' rules see it.
type view struct {
	volumes, nodes, attachments, vas bool // what the rules mention; the rest is not filled in

	dirty   bool            // something of it may have changed since it was last taken
	ready   map[string]bool // nodes by name
	touched map[string]int  // the step in which a volume or a node last changed, by "volume/" or "node/" and name
}

func (v *view) sees(p *expression.Program) {
	v.volumes = v.volumes || p.Sees("volumes")
	v.nodes = v.nodes || p.Sees("nodes")
	v.attachments = v.attachments || p.Sees("attachments")
	v.vas = v.vas || p.Sees("vas")
}

// note sees an event that may change the view.
func (v *view) note(e *trace.Event) {
	v.dirty = true
	if e.Kind == trace.Change && e.Resource == "nodes" {
		v.ready[nodeNamed(e)] = e.State != "notReady" && e.Verb != "deleted"
		v.touched["node/"+nodeNamed(e)] = e.Step
	}
	switch e.Kind {
	case trace.Change, trace.World, trace.Belief, trace.Return:
		v.touched["volume/"+e.Volume] = e.Step
	}
}

// witnesses are the steps in which what a rule is false for came to be so, as far as that is known.
func (v *view) witnesses(about any) []int {
	switch x := about.(type) {
	case *expression.Volume:
		return []int{v.touched["volume/"+x.Handle]}
	case *expression.Node:
		return []int{v.touched["node/"+x.Name]}
	case *expression.Attachment:
		return []int{v.touched["volume/"+x.Volume], v.touched["node/"+x.Node]}
	case *expression.VolumeAttachment:
		return []int{v.touched["volume/"+x.Volume], v.touched["node/"+x.Node]}
	}
	return nil
}

// state takes the view. What it returns is never changed again. The memory is the leader's; nil is none that is known.
func (v *view) state(s *state, leader *proc) *expression.State {
	out := &expression.State{Now: time.Unix(0, s.wall()).UTC(), Elapsed: s.now.at, Phase: s.phase}
	if v.nodes {
		for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
			out.Nodes = append(out.Nodes, v.node(s, s.nodes[name]))
		}
	}
	if v.vas {
		for _, name := range slices.Sorted(maps.Keys(s.wishes)) {
			w := s.wishes[name]
			if w.volume == "" {
				continue // another driver's
			}
			out.VAs = append(out.VAs, &expression.VolumeAttachment{
				Name: w.name, UID: w.uid, Volume: w.volume, Node: w.node, Attached: w.state == "attached", Deleting: w.deleting, Since: w.since.at,
			})
		}
	}
	for _, x := range s.order {
		if x.handle == "" {
			continue // whatever is not a volume of the driver's
		}
		if v.volumes {
			out.Volumes = append(out.Volumes, s.viewVolume(x, leader))
		}
		if v.attachments && leader != nil && leader.mem[x.handle] != nil {
			for _, i := range leader.mem[x.handle].instances {
				out.Attachments = append(out.Attachments, s.viewInstance(i))
			}
		}
	}
	return out
}

func (v *view) node(s *state, n *node) *expression.Node {
	out := &expression.Node{Name: n.name, Ready: v.ready[n.name], Alive: !s.down[n.name]}
	if len(n.lives) == 0 {
		return out
	}
	l := n.lives[len(n.lives)-1]
	out.UID, out.Exists, out.Since = l.uid, !l.dead, l.born.at
	if l.dead {
		out.Since = l.died.at
	}
	return out
}

func (s *state) viewVolume(x *volume, leader *proc) *expression.Volume {
	out := &expression.Volume{Handle: x.handle, PV: x.pv.name, Mode: x.mode, Epoch: int64(x.pv.doc.Epoch)}
	for _, d := range x.held() {
		out.Holders = append(out.Holders, d.node)
	}
	for _, g := range x.grants {
		if g.open {
			out.Granted = append(out.Granted, g.node)
		}
	}
	for _, g := range s.writers(x) {
		out.Writers = append(out.Writers, g.node)
	}
	for _, i := range x.pv.doc.Instances {
		out.Recorded = append(out.Recorded, i.Node)
	}
	for _, names := range [][]string{out.Holders, out.Granted, out.Writers, out.Recorded} {
		slices.Sort(names)
	}
	if leader != nil && leader.mem[x.handle] != nil {
		out.DetachedAt = stamp(leader.mem[x.handle].stamp)
	}
	return out
}

func (s *state) viewInstance(i *instance) *expression.Attachment {
	out := &expression.Attachment{
		Volume: i.volume, Node: i.node, UID: i.uid, Epoch: int64(i.epoch), State: i.state, Mode: i.mode,
		AttachedAt: stamp(i.attached), MigrationStart: stamp(i.migrating), MigrationTimeout: i.timeout,
	}
	since, gone := s.missing(i.node, i.uid)
	if out.NodeExists = !gone; !gone {
		since = s.current(i.node).born
	}
	out.NodeSince = since.at
	return out
}

// stamp is a wall clock time of the trace; 0 is none.
func stamp(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}
