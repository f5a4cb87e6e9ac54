package proptest

import (
	"fmt"
	"strings"
	"sync"

	"github.com/holdfast-sim/holdfast/sim/choice"
)

// choices answers the questions of a run. Its answers are the ordinary ones (the actor that ran last goes on, no fault, the
// shortest latency), save where a draw says otherwise; so a run is as simple as its draws are few.
//
// A run asks a question at each of some hundred steps. To draw each answer would bury what matters: a shrinker tries every
// draw many times. So schedule and faults draw how many questions pass until the next answer out of the ordinary. That needs
// questions in an order that is the same each time; these two are asked by the scheduler's one goroutine. All others may be
// asked by goroutines of the system, in whatever order these run: they share a table, drawn beforehand, by their labels.
type choices struct {
	draw  choice.Source
	table [tableSize]int // 0 is the ordinary answer, 1 to tableLevels one farther and farther away from it

	mu       sync.Mutex
	asked    map[string]uint64
	schedule sparse
	faults   sparse
	steps    int
	turns    []int // the steps that were taken out of order
}

const (
	tableSize   = 16
	tableLevels = 4
)

func newChoices(draw choice.Source) *choices {
	c := &choices{draw: draw, asked: make(map[string]uint64)}
	for i := range c.table {
		if off, level := draw.Choose("table", 2) == 0, draw.Choose("level", tableLevels); !off {
			c.table[i] = 1 + level
		}
	}
	c.schedule.span = 16 >> draw.Choose("turns", 4)
	c.faults.span = 16 >> draw.Choose("faults", 4)
	return c
}

// Choose implements choice.Source.
func (c *choices) Choose(label string, n int) int {
	switch {
	case label == "schedule":
		return c.turn(n)
	case n == 1:
		return 0
	case strings.HasPrefix(label, "fault/"):
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.faults.now(c.draw) {
			return 0
		}
		return n - 1
	}
	level := c.level(label)
	if rareAtZero(label) {
		return (n - 1) * (tableLevels - level) / tableLevels
	}
	return (n - 1) * level / tableLevels
}

// level looks up a question of which nothing is known but its label and how often it was asked.
func (c *choices) level(label string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.asked[label]
	c.asked[label] = k + 1
	return c.table[(hash(label)+k)%tableSize]
}

// turn picks the next point; 0 is that of the actor that ran last.
func (c *choices) turn(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps++
	if n == 1 || !c.schedule.now(c.draw) {
		return 0
	}
	c.turns = append(c.turns, c.steps)
	return 1 + c.draw.Choose("point", n-1)
}

// rareAtZero tells the questions whose answer 0 is the one out of the ordinary.
func rareAtZero(label string) bool {
	return strings.HasPrefix(label, "repeat/") || strings.HasPrefix(label, "unpublish from all/")
}

// sparse says now and then yes.
type sparse struct {
	span  int // at most so many questions lie between two times
	left  int // until the next time
	never bool
}

func (s *sparse) now(draw choice.Source) bool {
	if s.never {
		return false
	}
	if s.left == 0 {
		gap := draw.Choose("gap", 128)
		if s.never = gap == 0; s.never {
			return false
		}
		s.left = 1 + gap%s.span
	}
	s.left--
	return s.left == 0
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func (c *choices) String() string {
	slow := 0
	for _, level := range c.table {
		if level > 0 {
			slow++
		}
	}
	return fmt.Sprintf("%d of %d turns out of order, %d of %d kinds of delay not the shortest", len(c.turns), c.steps, slow, tableSize)
}
