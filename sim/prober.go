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
	ask     chan bool // whether a partial reading will do
	answer  chan reading
	waiting bool // one was asked for
	hung    bool // and that was told
	belief  map[beliefKey]trace.Event
	spare   map[beliefKey]trace.Event // the belief before, kept for its space
	gone    map[string]beliefKey      // the instance of a volume that went last
	stamps  map[string]int64
	parted  map[string]time.Duration // since when a stamp ages, in virtual time

	keysOf map[string][]beliefKey // by volume, while readings are partial; nil otherwise
	parts  int                    // partial readings since the last whole one
}

// reading is one answer of the system.
type reading struct {
	err       error // a panic of the system
	changed   bool
	part      bool     // it tells of these volumes only
	volumes   []string // in no order
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
		in: in, ask: make(chan bool, 1), answer: make(chan reading, 1), belief: make(map[beliefKey]trace.Event), spare: make(map[beliefKey]trace.Event),
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
	for part := range p.ask {
		var r reading
		r.err = guard(func() error { r = p.read(part, &last); return nil })
		p.answer <- r
	}
}

// read asks the system, unless its version is still the last one.
func (p *prober) read(part bool, last *uint64) (r reading) {
	if b, ok := power[Believer](p.in.sys); ok {
		version := b.Version()
		if version == *last {
			return r
		}
		*last = version
		d, ok := b.(differ)
		if part && ok {
			var all bool
			r.volumes, all = d.Changes()
			r.part = !all
		}
		if r.part {
			r.instances, r.stamps = d.AttachmentsOf(r.volumes)
		} else {
			r.instances, r.stamps = b.Attachments()
		}
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
		p.ask <- p.partial()
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

// wholeMax is the number of instances up to which all of them are read each time. Of more, all are read once in so many readings that
// the work for each stays the same.
const wholeMax = 64

// partial reports whether the next reading may be a partial one.
func (p *prober) partial() bool {
	return len(p.belief) > wholeMax && p.parts < len(p.belief)/wholeMax*16
}

// compare emits the differences between a reading and what was known.
func (p *prober) compare(r reading) {
	var events []trace.Event
	if r.part {
		p.parts++
		events = p.comparePart(r)
	} else {
		p.parts, p.keysOf = 0, nil
		events = p.compareAll(r)
	}
	for _, c := range r.counters {
		events = append(events, trace.Event{Kind: trace.Counter, Proc: p.in.proc.Num, Name: c.name, Value: c.value})
	}
	slices.SortFunc(events, func(a, b trace.Event) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Volume, b.Volume), cmp.Compare(order(a), order(b)), cmp.Compare(a.Node, b.Node),
			cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Name, b.Name))
	})
	for _, ev := range events {
		p.in.engine.loop.Emit(ev)
	}
}

// compareAll compares a whole reading.
func (p *prober) compareAll(r reading) (events []trace.Event) {
	seen := p.spare
	clear(seen)
	for _, i := range r.instances {
		seen[keyOf(i)] = p.event(i)
	}
	for k, was := range p.belief {
		if _, ok := seen[k]; !ok {
			events = append(events, p.lost(k, was))
		}
	}
	for k, is := range seen {
		if p.belief[k] != is {
			events = append(events, is)
		}
	}
	p.belief, p.spare = seen, p.belief
	for v, t := range r.stamps {
		events = p.stamped(events, v, t)
	}
	for v := range p.stamps {
		if _, ok := r.stamps[v]; !ok {
			events = p.unstamped(events, v)
		}
	}
	return events
}

// comparePart compares a reading of some volumes.
func (p *prober) comparePart(r reading) (events []trace.Event) {
	if p.keysOf == nil {
		p.keysOf = make(map[string][]beliefKey)
		for k := range p.belief {
			p.keysOf[k.volume] = append(p.keysOf[k.volume], k)
		}
	}
	now := make(map[string][]beliefKey, len(r.volumes))
	for _, i := range r.instances {
		k, is := keyOf(i), p.event(i)
		now[k.volume] = append(now[k.volume], k)
		if p.belief[k] != is {
			p.belief[k] = is
			events = append(events, is)
		}
	}
	for _, v := range r.volumes {
		for _, k := range p.keysOf[v] {
			if !slices.Contains(now[v], k) {
				events = append(events, p.lost(k, p.belief[k]))
				delete(p.belief, k)
			}
		}
		p.keysOf[v] = now[v]
		if len(now[v]) == 0 {
			delete(p.keysOf, v)
		}
		if t, ok := r.stamps[v]; ok {
			events = p.stamped(events, v, t)
		} else {
			events = p.unstamped(events, v)
		}
	}
	return events
}

func keyOf(i Instance) beliefKey { return beliefKey{i.Volume, i.Node, i.UID, i.Epoch} }

// event says what is believed of an instance.
func (p *prober) event(i Instance) trace.Event {
	return trace.Event{
		Kind: trace.Belief, Proc: p.in.proc.Num, Volume: i.Volume, Node: i.Node, UID: i.UID, Epoch: i.Epoch, State: i.State, Mode: i.Mode,
		Time: stamp(i.AttachedAt), Since: stamp(i.MigrationStart), Limit: i.MigrationTimeout,
	}
}

// lost is told when an instance is not there any more.
func (p *prober) lost(k beliefKey, was trace.Event) trace.Event {
	was.State = "gone"
	if last, ok := p.gone[k.volume]; !ok || last.epoch < k.epoch {
		p.gone[k.volume] = k
	}
	return was
}

// stamped takes over the detach stamp of a volume.
func (p *prober) stamped(events []trace.Event, volume string, t time.Time) []trace.Event {
	if p.stamps[volume] == stamp(t) {
		return events
	}
	p.stamps[volume] = stamp(t)
	p.parted[volume] = p.in.engine.loop.Now() - max(0, p.in.wall.Now().Sub(t))
	return append(events, trace.Event{Kind: trace.Belief, Proc: p.in.proc.Num, Volume: volume, Time: stamp(t)})
}

// unstamped forgets it.
func (p *prober) unstamped(events []trace.Event, volume string) []trace.Event {
	if _, ok := p.stamps[volume]; !ok {
		return events
	}
	delete(p.stamps, volume)
	delete(p.parted, volume)
	return append(events, trace.Event{Kind: trace.Belief, Proc: p.in.proc.Num, Volume: volume})
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
