package cluster

import (
	"maps"
	"slices"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// device is what a volume holds, as far as it shows who destroyed what: one block with the number of the write that it comes
// from. A workload reads it when it first gets at the volume and knows it from then on, as a mounted file system does: each
// write of its own puts the next number there, on the strength of the last one that it knows. If somebody else has written in
// between, that write is lost, and nobody is told.
type device struct {
	block int
	known map[string]int // by node id: the number that the workload there believes to be in the block
}

// write lets the workload on a machine write, if it can. An I/O error ends it.
func (b *Backend) write(handle, id string) {
	v := b.volumes[handle]
	if !v.used[id] || !b.machines[id] {
		return
	}
	g, granted := v.grants[id]
	_, open := v.device.known[id]
	switch {
	case granted && !g.readOnly:
		if !open {
			v.device.known[id] = v.device.block
		}
		b.io(handle, id, g.epoch, v.device.known[id], "OK")
		v.device.block++
		v.device.known[id] = v.device.block
	case open:
		b.io(handle, id, 0, v.device.known[id], "Refused")
		b.rest(handle, id)
	}
}

// writeAll lets all workloads of a volume write, now that something has changed about who can.
func (b *Backend) writeAll(handle string) {
	for _, id := range slices.Sorted(maps.Keys(b.volumes[handle].used)) {
		b.write(handle, id)
	}
}

// io tells of one write: on what it is based, and what the block holds after it.
func (b *Backend) io(handle, id string, epoch uint64, based int, code string) {
	name, uid := b.cfg.Node(id)
	e := trace.Event{Kind: trace.World, Verb: "io", Volume: handle, Node: name, UID: uid, Epoch: epoch, Code: code, Count: based}
	if code == "OK" {
		e.Value = float64(b.volumes[handle].device.block + 1)
	}
	b.cfg.Loop.Emit(e)
}
