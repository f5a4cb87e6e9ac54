package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// grant is a node's access to a volume at the backend (W).
type grant struct {
	node    string
	epoch   uint64
	when    moment
	uid     string // of the node that it was meant for
	open    bool   // the backend lets the node write
	writing bool   // and the workload on it does
	stray   bool   // it was meant for a machine that is dead, and its successor has it
	late    bool   // it came late and had no epoch by which to refuse it
	// forgotten: the record that named it went with its PersistentVolume, and the memory of it with the process.
	forgotten bool
}

// grantOf returns what the world says of a volume on a node.
func (v *volume) grantOf(node string) *grant {
	for _, g := range v.grants {
		if g.node == node {
			return g
		}
	}
	g := &grant{node: node}
	v.grants = append(v.grants, g)
	return g
}

// writers returns the nodes that write: granted, alive and writing.
func (s *state) writers(v *volume) []*grant {
	var out []*grant
	for _, g := range v.grants {
		if g.writing && g.open && !g.stray && !s.down[g.node] {
			out = append(out, g)
		}
	}
	return out
}

func (s *state) takeWorld(e *trace.Event) {
	switch e.Verb {
	case "machineUp":
		delete(s.down, e.Node)
		return
	case "machineDown":
		s.down[e.Node] = true
		return
	}
	if e.Volume == "" {
		return
	}
	v := s.volume(e.Volume)
	g := v.grantOf(e.Node)
	switch e.Verb {
	case "grant":
		g.open, g.epoch, g.when, g.uid = true, max(g.epoch, e.Epoch), s.now, s.currentUID(e.Node)
		g.stray, g.forgotten = false, false
		if uid := v.meant(e.Node, e.Epoch); uid != "" {
			// The node may have been replaced since the reservation. Under A-dead the successor is another machine.
			g.stray = s.setup.NodeDead && uid != g.uid
			g.uid = uid
		}
		g.late = e.Epoch == 0 && s.point.fault == "lateEffect"
	case "revoke", "fence":
		if e.Epoch == 0 || g.epoch == 0 || g.epoch <= e.Epoch {
			g.open = false
		}
		if s.point.proc != 0 { // not the machine's own end
			s.severed(e)
		}
		switch o := s.ops[s.point.op]; {
		case e.Verb != "revoke":
		case o != nil && o.verb == "unpublish":
			v.released(s, o, e.Node)
		case s.point.actor == "run" && v.unwished(e.Node, s.now.step):
			v.deal(e.Node).held = false // the controller unpublishes what nobody else would
		}
	case "write":
		if !g.open && g.when == (moment{}) { // the grant was not traced
			g.open, g.when, g.uid = true, s.now, s.currentUID(e.Node)
		}
		g.writing = true
	case "rest":
		g.writing = false
	case "io":
		v.device.takeWrite(s, e)
	}
}

// meant is the uid of the node that an epoch was reserved for, as the record says or said; empty if it is not known.
func (v *volume) meant(node string, epoch uint64) string {
	if epoch == 0 {
		return ""
	}
	if h, ok := v.pv.doc.find(node, "", epoch); ok {
		return h.UID
	}
	if d := v.droppedAs(&instance{node: node, epoch: epoch}); d != nil {
		return d.UID
	}
	return ""
}

// released notes that an unpublish took a node's access. If a publish was called after it, the unpublish is a late duplicate,
// and its caller's newest wish is not served any more.
func (v *volume) released(s *state, o *operation, node string) {
	d := v.deal(node)
	if !d.held || o.begun.step >= d.begun.step {
		return
	}
	if o.done && o.ended.step < d.begun.step && v.grantOf(node).epoch > 0 {
		return // the unpublish had its answer before: what it left on its way is for epochs to refuse
	}
	d.held = false
	v.shed(node)
}
