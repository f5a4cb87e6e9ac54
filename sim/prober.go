package sim

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// prober reads what an incarnation believes and counts, on a goroutine of its own: a system that answers no reads while
// everything is still would otherwise stop the loop.
type prober struct {
	in      *incarnation
	ask     chan struct{}
	answer  chan reading
	waiting bool // a question is out
	hung    bool // and that was told
	belief  map[beliefKey]trace.Event
	spare   map[beliefKey]trace.Event // the belief before, kept for its space
	gone    map[string]beliefKey      // the instance of a volume that went last
	stamps  map[string]int64
	parted  map[string]time.Duration // since when a stamp ages, in virtual time
}

// reading is one answer of the system.
type reading struct {
	err       error // a panic of the system
	changed   bool
	instances []Instance
	stamps    map[string]time.Time
	counters  []change
}

type beliefKey struct {
	volume, node, uid string
	epoch             uint64
}

func newProber(in *incarnation) *prober {
	p := &prober{
		in: in, ask: make(chan struct{}, 1), answer: make(chan reading, 1), belief: make(map[beliefKey]trace.Event), spare: make(map[beliefKey]trace.Event),
		gone: make(map[string]beliefKey), stamps: make(map[string]int64), parted: make(map[string]time.Duration),
	}
	go p.serve()
	return p
}

// end lets the prober's goroutine go.
func (p *prober) end() { close(p.ask) }

// serve answers until the prober ends.
func (p *prober) serve() {
	last := ^uint64(0)
	for range p.ask {
		var r reading
		r.err = guard(func() error { r = p.read(&last); return nil })
		p.answer <- r
	}
}

// read asks the system, unless its version is still the last one.
func (p *prober) read(last *uint64) (r reading) {
	if b, ok := p.in.sys.(Believer); ok {
		version := b.Version()
		if version == *last {
			return r
		}
		*last = version
		r.instances, r.stamps = b.Attachments()
	}
	r.changed, r.counters = true, p.in.registry.read()
	return r
}

// observe traces what changed since the last step.
func (in *incarnation) observe() {
	for _, b := range in.bursts {
		b.observe()
	}
	in.bursts = slices.DeleteFunc(in.bursts, func(b *burst) bool { return b.done && b.told() })
	p, loop := in.prober, in.engine.loop
	if !p.waiting {
		p.waiting = true
		p.ask <- struct{}{}
	}
	loop.Settle()
	select {
	case r := <-p.answer:
		p.waiting = false
		if p.hung {
			p.hung = false
			loop.Emit(trace.Event{Kind: trace.Probe, Proc: in.proc.Num, Name: "hang", Code: "OK"})
		}
		p.in.engine.panicked(r.err)
		if r.changed {
			p.compare(r)
		}
	default:
		if !p.hung {
			p.hung = true
			loop.Emit(trace.Event{Kind: trace.Probe, Proc: in.proc.Num, Name: "hang", Code: "Hang", Message: "a read of all attachments does not answer while everything is still"})
		}
	}
}

// compare emits the differences between a reading and what was known.
func (p *prober) compare(r reading) {
	loop, proc := p.in.engine.loop, p.in.proc.Num
	seen := p.spare
	clear(seen)
	for _, i := range r.instances {
		seen[beliefKey{i.Volume, i.Node, i.UID, i.Epoch}] = trace.Event{
			Kind: trace.Belief, Proc: proc, Volume: i.Volume, Node: i.Node, UID: i.UID, Epoch: i.Epoch, State: i.State, Mode: i.Mode,
			Time: stamp(i.AttachedAt), Since: stamp(i.MigrationStart), Limit: i.MigrationTimeout,
		}
	}
	var events []trace.Event
	for k, was := range p.belief {
		if _, ok := seen[k]; !ok {
			was.State = "gone"
			events = append(events, was)
			if last, ok := p.gone[k.volume]; !ok || last.epoch < k.epoch {
				p.gone[k.volume] = k
			}
		}
	}
	for k, is := range seen {
		if p.belief[k] != is {
			events = append(events, is)
		}
	}
	p.belief, p.spare = seen, p.belief
	for v, t := range r.stamps {
		if p.stamps[v] != stamp(t) {
			events = append(events, trace.Event{Kind: trace.Belief, Proc: proc, Volume: v, Time: stamp(t)})
			p.stamps[v] = stamp(t)
			p.parted[v] = loop.Now() - max(0, p.in.wall.Now().Sub(t))
		}
	}
	for v := range p.stamps {
		if _, ok := r.stamps[v]; !ok {
			events = append(events, trace.Event{Kind: trace.Belief, Proc: proc, Volume: v})
			delete(p.stamps, v)
			delete(p.parted, v)
		}
	}
	for _, c := range r.counters {
		events = append(events, trace.Event{Kind: trace.Counter, Proc: proc, Name: c.name, Value: c.value})
	}
	slices.SortFunc(events, func(a, b trace.Event) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Volume, b.Volume), cmp.Compare(order(a), order(b)), cmp.Compare(a.Node, b.Node),
			cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Name, b.Name))
	})
	for _, ev := range events {
		loop.Emit(ev)
	}
}

// order puts what has gone before what has come, so that a hand-over never looks like two holders.
func order(e trace.Event) int {
	if e.State == "gone" {
		return 0
	}
	return 1
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// keys are the instances that the system believes, sorted.
func (p *prober) keys() []beliefKey {
	keys := slices.Collect(maps.Keys(p.belief))
	slices.SortFunc(keys, func(a, b beliefKey) int {
		return cmp.Or(cmp.Compare(a.volume, b.volume), cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.node, b.node), cmp.Compare(a.uid, b.uid))
	})
	return keys
}
