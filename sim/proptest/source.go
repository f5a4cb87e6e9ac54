package proptest

import (
	"math/bits"
	"sync"

	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/sim/choice"
)

// Source returns a source whose answers rapid draws, bit by bit. A question with one possible answer draws nothing. Answers
// shrink towards 0, so let 0 be the simplest one; and when rapid tries a shorter test case, whatever that has no draw for is
// answered by 0, so that a story may lose its end.
//
// Questions must come in an order that the draws alone decide: the labels count for nothing.
func Source(t *rapid.T) choice.Source { return &dice{t: t} }

type dice struct {
	mu    sync.Mutex
	t     *rapid.T
	spent bool // rapid has no more data
}

// Choose implements choice.Source. Bits it is, for rapid's own integers take dozens of tries each to be shrunk, and every try
// may be a whole run.
func (d *dice) Choose(label string, n int) int {
	if n < 1 {
		panic("proptest: " + label + ": nothing to choose from")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v := 0
	for range bits.Len(uint(n - 1)) {
		v *= 2
		if d.bit(label) {
			v++
		}
	}
	return v % n
}

// bit draws one. What rapid throws when it has no more data ends a try; here it begins the calm part of the run.
func (d *dice) bit(label string) (is bool) {
	if d.spent {
		return false
	}
	defer func() {
		if recover() != nil {
			d.spent, is = true, false
		}
	}()
	return rapid.Bool().Draw(d.t, label)
}
