package model

import "time"

// moving is a live migration as the system believes it.
type moving struct {
	proc     *proc
	volume   *volume
	earliest time.Duration // its clock runs since some time from here,
	latest   time.Duration // to here
	timeout  time.Duration
	pair     [2]string // source and target: the two that there were when it began
	began    int64     // what the system tells of its start
	restored bool      // a rebuild brought it: its clock began in another incarnation
	known    bool      // and when that was is known, for the wall clock has never jumped
	told     time.Duration
	seen     moment
	fault    time.Duration // A when it was seen
}

// move is the begin or the end of a migration in the present step.
type move struct {
	*moving
	ended bool
	left  []string // the nodes that are left at its end
	pair  [2]string
}

// follow keeps an eye on the migration of a volume after a change of belief.
func (s *state) follow(p *proc, v *volume, m *memory) {
	if len(m.instances) == 2 {
		a, b := m.instances[0], m.instances[1]
		if a.epoch > b.epoch || (a.epoch == b.epoch && a.attached > b.attached) {
			a, b = b, a
		}
		if pair := [2]string{a.node, b.node}; pair != m.last {
			m.last, m.former, m.turned = pair, m.last, s.now
		}
	}
	var of *instance
	for _, i := range m.instances {
		if i.migrating != 0 {
			of = i
		}
	}
	switch {
	case of != nil && m.moving == nil:
		p.migrating++
		s.counts.migrations++
		m.moving = &moving{
			proc: p, volume: v, latest: s.now.at, earliest: m.youngest().asked.at, timeout: of.timeout,
			began: of.migrating, restored: s.restored(p, v, m.youngest()), seen: s.now, fault: p.fault,
		}
		s.knowStart(m.moving, of)
		s.moves = append(s.moves, move{moving: m.moving})
	case of != nil && m.moving.began != of.migrating && m.moving.seen.step != s.now.step && m.youngest().seen.step == s.now.step && s.restored(p, v, m.youngest()):
		s.replaced(m, of)
	case of != nil && m.moving.seen.step == s.now.step: // the step tells of the two nodes one by one
		m.moving.earliest, m.moving.began, m.moving.restored = m.youngest().asked.at, of.migrating, s.restored(p, v, m.youngest())
	case of == nil && m.moving != nil:
		p.migrating--
		s.moves = append(s.moves, move{moving: m.moving, ended: true, pair: m.moving.pair, left: m.nodes()})
		m.moving = nil
	}
	if m.moving != nil && len(m.instances) == 2 && m.moving.seen.step == s.now.step {
		m.moving.pair = m.last
	}
}

// leftBy returns a side of a migration that memory does not name any more; empty if both are there, or not known.
func (m *moving) leftBy(in *memory) string {
	if m == nil {
		return ""
	}
	for _, n := range m.pair {
		if n != "" && !in.names(n) {
			return n
		}
	}
	return ""
}

// replaced notes that another incarnation has ended a volume's migration and begun the next one, before this one looked again.
func (s *state) replaced(m *memory, of *instance) {
	was := m.moving
	s.moves = append(s.moves, move{moving: was, ended: true, pair: was.pair, left: m.nodes()})
	m.moving = &moving{
		proc: was.proc, volume: was.volume, latest: s.now.at, earliest: m.youngest().asked.at, timeout: of.timeout,
		began: of.migrating, restored: true, seen: s.now, fault: was.proc.fault,
	}
	s.knowStart(m.moving, of)
	s.moves = append(s.moves, move{moving: m.moving})
}

// knowStart takes the start of a restored migration from what the system tells, which is the record's.
func (s *state) knowStart(m *moving, of *instance) {
	if began := time.Duration(of.migrating - s.setup.Start); m.restored && !s.stepped && began > 0 && began <= s.now.at {
		m.known, m.told = true, began
	}
}

// start is when a migration's clock began, or the latest time at which it can have.
func (m *moving) start() time.Duration {
	if m.known {
		return m.told
	}
	return m.latest
}

// restored reports whether a migration came from the record: another incarnation reserved its target, or this one did so
// before it began to lead, and it shows in the rebuild.
func (s *state) restored(p *proc, v *volume, of *instance) bool {
	if o := s.ops[s.point.op]; o != nil && o.volume == v && o.node != of.node && of.seen.step == s.now.step && !v.direct {
		return true // a call for another node read it, whoever reserved it
	}
	if author, known := v.authors[of.epoch]; known && author != p.num {
		return true
	}
	if of.state != "held" && v.pv.writer != p.num && v.pv.writer != 0 {
		return true // its own, but another one has made it his before this one learned that it was written
	}
	return p.rebuilding && !s.reserving(v)
}

// reserving reports whether the present step is that of an operation that asks for a volume.
func (s *state) reserving(v *volume) bool {
	o := s.ops[s.point.op]
	return o != nil && o.volume == v && acquires(o.verb)
}

// rebuiltIn reports whether a change of belief may be a rebuild's doing, and not an operation's.
func (s *state) rebuiltIn(c change) bool { return c.proc.rebuilds(s) && !s.reserving(c.volume) }

// adopted reports whether an instance was read off a record that another incarnation wrote, and not reserved here.
func (s *state) adopted(c change) bool {
	author, known := c.volume.authors[c.after.epoch]
	return known && author != c.proc.num
}

// youngest is the instance that was reserved last.
func (m *memory) youngest() *instance {
	out := m.instances[0]
	for _, i := range m.instances {
		if i.epoch > out.epoch || (i.epoch == out.epoch && i.attached > out.attached) {
			out = i
		}
	}
	return out
}

func (m *memory) nodes() []string {
	var out []string
	for _, i := range m.instances {
		out = append(out, i.node)
	}
	return out
}

// result is how a migration ended by the specification: the target is left, or it is not.
func (v move) result() string {
	for _, n := range v.left {
		if n == v.pair[1] && n != v.pair[0] {
			return "completed"
		}
	}
	return "aborted"
}
