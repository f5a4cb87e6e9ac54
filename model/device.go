package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// device is what the world's own writes show of one volume: its block holds the number of the last write, and each writer puts
// the next one there, on the strength of the last that it knows.
type device struct {
	block  int    // the number of the last write
	author string // who made it
	epoch  uint64 // under which grant
	when   moment

	last deviceWrite // the write of the present event
}

// deviceWrite is one write, with what it was written over.
type deviceWrite struct {
	based  int // the number that its author believed to be in the block
	over   int // the number that was
	author string
	epoch  uint64
	when   moment
}

// takeWrite takes a write in. A refused one changes nothing.
func (d *device) takeWrite(s *state, e *trace.Event) {
	if e.Code != "OK" {
		return
	}
	d.last = deviceWrite{based: e.Count, over: d.block, author: d.author, epoch: d.epoch, when: d.when}
	d.block, d.author, d.epoch, d.when = int(e.Value), e.Node, e.Epoch, s.now
}
