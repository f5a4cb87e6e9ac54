package history

import (
	"slices"
	"strings"
)

// access is what a state says of one node.
type access uint8

const (
	out    access = iota // it surely has not the volume
	either               // it may have it, or may get it without a further call
	in                   // it surely has it
)

// mode is an access mode as a small number.
type mode uint8

const (
	anyMode mode = iota // unknown
	readWriteOnce
	readWriteOncePod
	readOnlyMany
	readWriteMany
)

func modeOf(text string) mode {
	return mode(1 + slices.Index([]string{"ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany", "ReadWriteMany"}, text))
}

func (m mode) String() string {
	return []string{"", "ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany", "ReadWriteMany"}[m]
}

func (m mode) many() bool { return m == readOnlyMany || m == readWriteMany }

// slot is one node's part of a state.
type slot struct {
	node   uint16 // index into the table of nodes
	life   uint8
	mode   mode
	access access
}

// state is a set of states of the sequential manager: the slots of the nodes that are not out, ordered by node, four bytes
// each. As a string it is immutable, and compares as a value.
type state string

const slotSize = 4

func (s state) len() int { return len(s) / slotSize }

func (s state) slot(i int) slot {
	b := s[i*slotSize : (i+1)*slotSize]
	return slot{node: uint16(b[0])<<8 | uint16(b[1]), life: b[2], mode: mode(b[3] >> 2), access: access(b[3] & 3)}
}

func (x slot) bytes() [slotSize]byte {
	return [slotSize]byte{byte(x.node >> 8), byte(x.node), x.life, byte(x.mode)<<2 | byte(x.access)}
}

// with returns the state in which a node's slot is another one, and keep says which of the others stay.
func (s state) with(x slot, keep func(slot) bool) state {
	var buf [16 * slotSize]byte
	next, placed := buf[:0], x.access == out
	put := func(y slot) {
		b := y.bytes()
		next = append(next, b[:]...)
	}
	for i := range s.len() {
		y := s.slot(i)
		if !placed && y.node >= x.node {
			put(x)
			placed = true
		}
		if y.node != x.node && (keep == nil || keep(y)) {
			put(y)
		}
	}
	if !placed {
		put(x)
	}
	if string(next) == string(s) {
		return s
	}
	return state(next)
}

// of returns a node's slot.
func (s state) of(node uint16) slot {
	for i := range s.len() {
		if x := s.slot(i); x.node == node {
			return x
		}
	}
	return slot{node: node}
}

// call is an operation as the sequential manager takes it.
type call struct {
	op      *Operation
	in      *volume
	kind    Kind
	outcome Outcome
	node    uint16
	every   bool // the node is every node
	life    uint8
	mode    mode
	index   int // in the history
}

// volume is what the manager knows of a volume for good.
type volume struct {
	name       string
	mode       mode
	maxHolders int
	nodes      []string
}

// limit is how many holders some modes allow together; 0 is unbounded.
func (v *volume) limit(a, b mode) int { return least(v.allows(a), v.allows(b)) }

// allows is how many holders a mode allows; 0 is unbounded, and so is an unknown mode.
func (v *volume) allows(m mode) int {
	switch m {
	case anyMode, readOnlyMany:
		return 0
	case readWriteMany:
		return v.maxHolders
	}
	return 1
}

func least(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// step is the sequential manager: whether a call can have ended as it did in any of the states, and those it leaves.
func (c *call) step(s state) (bool, state) {
	switch c.kind {
	case Lapse:
		return true, c.lapse(s)
	case Surmise:
		return true, c.surmise(s)
	case Release:
		return true, c.release(s)
	}
	switch c.outcome {
	case Done:
		return c.acquire(s)
	case Unknown:
		return true, c.attempt(s)
	case Taken:
		return c.op.Excused || c.blocked(s), s
	case OtherMode:
		mine := s.of(c.node)
		return c.op.Excused || mine.access != out && (mine.mode == anyMode || mine.mode != c.mode), s
	case Missing:
		return c.op.Excused, s
	}
	return true, s
}

// acquire makes the node a holder, if those that surely hold leave room. That there was room says who cannot hold.
func (c *call) acquire(s state) (bool, state) {
	mine, holders, limit := slot{}, 0, c.in.limit(c.in.mode, c.mode)
	for i := range s.len() {
		x := s.slot(i)
		switch {
		case x.node == c.node:
			mine = x
		case x.access == in:
			holders++
			limit = least(limit, c.in.allows(x.mode))
		}
	}
	switch {
	case limit > 0 && holders+1 > limit:
		return false, s
	case mine.access == in && mine.mode != anyMode && c.mode != anyMode && mine.mode.many() != c.mode.many():
		return false, s
	case c.kind == Join && (s.len() == 0 || limit == 1):
		return false, s // there is nobody to join, or nobody may be joined
	}
	next := slot{node: c.node, life: c.life, mode: c.mode, access: in}
	if next.mode == anyMode {
		next.mode = mine.mode
	}
	if c.op.Fleeting {
		next.access = either
	}
	full := limit > 0 && holders+1 == limit
	return true, s.with(next, func(x slot) bool { return x.access == in || !full })
}

// attempt may have made the node a holder. One that it was before it stays, unless an earlier Node of that name was.
func (c *call) attempt(s state) state {
	mine := s.of(c.node)
	if mine.access == in && (mine.life == 0 || c.life == 0 || mine.life == c.life) {
		return s
	}
	next := slot{node: c.node, life: 0, mode: c.mode, access: either}
	if mine.access != out && mine.mode != c.mode {
		next.mode = anyMode
	}
	return s.with(next, nil)
}

// blocked reports whether a refusal in favour of others can be true: they may have the volume, and leave no room. A node
// that surely has it is not refused.
func (c *call) blocked(s state) bool {
	others, limit, mixed := 0, c.in.limit(c.in.mode, c.mode), false
	for i := range s.len() {
		x := s.slot(i)
		if x.node == c.node {
			if x.access == in && (x.life == 0 || c.life == 0 || x.life == c.life) {
				return false
			}
			continue
		}
		others++
		limit = least(limit, c.in.allows(x.mode))
		mixed = mixed || x.mode == anyMode || x.mode != c.mode
	}
	return others > 0 && (mixed || limit > 0 && others >= limit)
}

// release takes the volume from a node, or from every node.
func (c *call) release(s state) state {
	if !c.every {
		mine := s.of(c.node)
		switch {
		case c.outcome == Done && (mine.access == in || !c.op.Fleeting):
			mine.access = out
		case mine.access == in:
			mine.access = either
		}
		return s.with(mine, nil)
	}
	if c.outcome == Done {
		return ""
	}
	for i := range s.len() {
		x := s.slot(i)
		x.access = either
		s = s.with(x, nil)
	}
	return s
}

// lapse lets go of what is sure of a node.
func (c *call) lapse(s state) state {
	mine := s.of(c.node)
	if mine.access == out || mine.life != 0 && c.life != 0 && mine.life != c.life {
		return s
	}
	return s.with(slot{node: c.node, access: either}, nil)
}

// surmise takes a node into account that is out.
func (c *call) surmise(s state) state {
	if s.of(c.node).access != out {
		return s
	}
	return s.with(slot{node: c.node, access: either}, nil)
}

// describe returns a state in words.
func (v *volume) describe(s state) string {
	if s.len() == 0 {
		return "nobody has it"
	}
	var words []string
	for i := range s.len() {
		x := s.slot(i)
		verb := " may have it"
		if x.access == in {
			verb = " has it"
		}
		words = append(words, v.nodes[x.node]+verb)
	}
	return strings.Join(words, ", ")
}
