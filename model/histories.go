package model

import (
	"slices"

	"github.com/holdfast-sim/holdfast/model/history"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// histories collects what S11 weighs: the calls on each volume, and what happened around them.
type histories struct {
	order   []*volumeHistory // as first called
	volumes map[*volume]*volumeHistory
	open    map[int]*observed
	done    map[int]*observed // those that did not end in OK: a request of theirs may land yet
	shared  map[*proc]bool    // they led while another process did, so that the memory of each may be behind
	trouble bool              // something kept some process from seeing the cluster as it is
}

// volumeHistory is a volume's history, and what is needed to extend it.
type volumeHistory struct {
	history.History
	volume *volume
	calls  []*observed // one for each of Ops
	flying []*observed
	nodes  []string // for which somebody asked for the volume
	still  []string // what happened by itself since the last call, while none was in flight: once more changes nothing
}

// observed is an operation, and what was seen of it besides its answer.
type observed struct {
	*history.Operation
	proc     *proc
	verb     string
	answer   string
	late     bool // its caller had left
	lost     bool // its caller never saw the answer
	tried    bool // it sent a write to the API server or to the backend
	rivals   []*observed
	returned moment
}

func newHistories() *histories {
	return &histories{
		volumes: make(map[*volume]*volumeHistory), open: make(map[int]*observed), done: make(map[int]*observed), shared: make(map[*proc]bool),
	}
}

func (b *histories) take(s *state, e *trace.Event) {
	switch e.Kind {
	case trace.Op:
		b.called(s, e)
	case trace.Return:
		if x := b.open[e.Op]; x != nil && e.Op != 0 {
			b.answered(s, e, x)
		}
	case trace.Call:
		b.requested(s, e)
	case trace.Reply:
		o, p := s.ops[operationOf(e)], s.procs[e.Proc]
		reads := o != nil && o.verb == "rebuild" || p != nil && p.rebuilding && e.Actor == "run"
		if reads && e.Verb == "list" && e.Resource != "nodes" {
			b.forget(s) // a rebuild may come after an operation that did not wait for it
		}
	case trace.Process:
		b.lived(s, e)
	case trace.Change:
		b.changed(s, e)
	case trace.Trouble:
		b.trouble = true
	}
}

// called takes the begin of an operation in.
func (b *histories) called(s *state, e *trace.Event) {
	o := s.ops[e.Op]
	if e.Op == 0 || o == nil || o.begun != s.now {
		return
	}
	if o.verb == "rebuild" {
		b.forget(s)
		b.surmise(s, s.order...)
		return
	}
	v := o.volume
	if v == nil || !(acquires(o.verb) || releases(o.verb) || o.verb == "clearStale") {
		return
	}
	h := b.of(s, v)
	if o.verb == "clearStale" {
		h.lapse(s, o.node, 0, "clearStale of "+v.handle+" on "+o.node)
		return
	}
	x := &observed{proc: o.proc, verb: o.verb, Operation: &history.Operation{
		Num: e.Op, Kind: kindOf(o.verb), Outcome: history.Unknown, Node: o.node, Mode: o.mode, Call: s.now.step, Return: history.Never,
	}}
	if x.Kind == history.Join {
		x.Mode = "" // it takes the volume's
	}
	for _, y := range h.flying {
		x.rivals, y.rivals = append(x.rivals, y), append(y.rivals, x)
	}
	h.flying, h.still = append(h.flying, x), h.still[:0]
	h.add(x)
	b.open[e.Op] = x
}

// of returns a volume's history.
func (b *histories) of(s *state, v *volume) *volumeHistory {
	h := b.volumes[v]
	if h == nil {
		h = &volumeHistory{volume: v}
		h.Volume, h.MaxHolders = v.handle, s.setup.MaxHolders
		b.volumes[v] = h
		b.order = append(b.order, h)
	}
	return h
}

func kindOf(verb string) history.Kind {
	switch {
	case verb == "addSecondaryAttachment":
		return history.Join
	case acquires(verb):
		return history.Acquire
	}
	return history.Release
}

func (h *volumeHistory) add(x *observed) {
	h.calls, h.Ops = append(h.calls, x), append(h.Ops, x.Operation)
	if x.Kind == history.Release || x.Node == "" {
		return
	}
	if !h.asked(x.Node) {
		h.nodes = append(h.nodes, x.Node)
	}
}

// lapse notes that from now on a node's access may end by itself. Life 0 is whichever Node object has it.
func (h *volumeHistory) lapse(s *state, node string, life int, why string) {
	h.happens(s, history.Lapse, node, life, why)
}

func (h *volumeHistory) happens(s *state, kind history.Kind, node string, life int, why string) {
	if len(h.flying) == 0 {
		what := itoa(int(kind)) + "/" + itoa(life) + "/" + node
		if slices.Contains(h.still, what) {
			return
		}
		h.still = append(h.still, what)
	}
	h.add(&observed{returned: s.now, Operation: &history.Operation{
		Kind: kind, Node: node, Life: life, Call: s.now.step, Return: s.now.step, Text: why,
	}})
}

// requested notes what an operation sent, and that a request of an operation without an answer has just landed.
func (b *histories) requested(s *state, e *trace.Event) {
	if !writes(e.Verb) {
		return
	}
	op := operationOf(e)
	if op == 0 {
		return
	}
	if x := b.open[op]; x != nil {
		x.tried = true
	} else if x := b.done[op]; x != nil && e.Code == "OK" {
		x.tried = true
		x.Return, x.returned = s.now.step, s.now
		if x.Outcome == history.Nothing {
			x.Outcome = history.Unknown
		}
	}
}

// lived takes births, deaths and leaders in.
func (b *histories) lived(s *state, e *trace.Event) {
	p := s.procs[e.Proc]
	switch e.Verb {
	case "lead":
		for _, q := range s.alive {
			if q != p && q.leading {
				b.shared[p], b.shared[q] = true, true
			}
		}
		b.forget(s)
		b.surmise(s, s.order...)
	case "crash":
		for _, h := range b.order {
			for _, x := range append([]*observed(nil), h.flying...) {
				if x.proc == p {
					b.finish(s, h, x, b.unanswered(s, x), "no answer, for its process died")
				}
			}
		}
		b.forget(s)
	}
}

// changed takes in what happens at the API server to nodes, VolumeAttachments and PersistentVolumes.
func (b *histories) changed(s *state, e *trace.Event) {
	switch {
	case e.Resource == "volumeattachments" && e.Verb != "deleted" && b.rebuilding(s):
		b.surmise(s, s.volume(e.Volume))
	case e.Verb != "deleted":
	case e.Resource == "nodes":
		name := nodeNamed(e)
		for _, h := range b.order {
			if h.asked(name) {
				h.lapse(s, name, s.lifeOf(name, e.UID), "node "+name+" was deleted")
			}
		}
	case e.Resource == "volumeattachments":
		if h := b.volumes[s.volumes[e.Volume]]; h != nil && h.asked(e.Node) {
			h.lapse(s, e.Node, 0, "the VolumeAttachment for "+e.Node+" was deleted")
		}
	case e.Resource == "persistentvolumes":
		if h := b.volumes[s.volumes[e.Volume]]; h != nil {
			for _, n := range h.nodes {
				h.lapse(s, n, 0, "the PersistentVolume was deleted")
			}
		}
	}
}

func (h *volumeHistory) asked(node string) bool { return slices.Contains(h.nodes, node) }

// forget notes what a rebuild cannot know, or will end by itself: holders without a VolumeAttachment, and those of a volume
// whose record is gone (SPEC.md section 5, S13).
func (b *histories) forget(s *state) {
	for _, h := range b.order {
		v := h.volume
		kept := s.setup.Persist && v.pv.exists && !v.pv.lost && (v.pv.raw == "" || v.pv.valid)
		for _, n := range h.nodes {
			if wished, attached, _ := v.wished(n); !wished || !kept && !attached {
				h.lapse(s, n, 0, "a restart need not know "+n)
			}
		}
	}
}

// surmise notes what a rebuild takes for held or uncertain although nobody may have the volume: without a record it can only
// look at VolumeAttachments that are attached or being deleted.
func (b *histories) surmise(s *state, volumes ...*volume) {
	for _, v := range volumes {
		if s.offers("record") && s.recorded(v) && v.pv.raw != "" && v.pv.valid {
			continue
		}
		for _, w := range v.wishes {
			if w.deleting || w.state == "attached" {
				b.of(s, v).happens(s, history.Surmise, w.node, 0, "a restart may take "+w.node+" for a holder")
			}
		}
	}
}

// rebuilding reports whether some process reads what there is right now.
func (b *histories) rebuilding(s *state) bool {
	for _, p := range s.alive {
		if p.rebuilding {
			return true
		}
	}
	return false
}

// lifeOf numbers the Node objects of one name, from 1; 0 if the uid was never seen.
func (s *state) lifeOf(name, uid string) int {
	n := s.nodes[name]
	if n == nil {
		return 0
	}
	for i := range n.lives {
		if n.lives[i].uid == uid {
			return i + 1
		}
	}
	return 0
}
