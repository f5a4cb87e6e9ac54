package cluster

import (
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// BackendConfig is what a Backend needs.
type BackendConfig struct {
	// Loop is required.
	Loop Loop
	// Node maps the driver's id of a machine to the name and uid of its Node object, for the trace; nil maps it to itself.
	Node func(id string) (name, uid string)
}

// Backend is the storage system: the ground truth of who can write to which volume. A machine writes if it is granted the
// volume, alive, and has a workload that uses it.
//
// Epochs order what arrives out of order: Revoke and Fence end a machine's access up to their epoch, and a Grant at or below
// an ended epoch is refused, however late it comes. Epoch 0 is for a system that has none: such a grant is never refused,
// and such a revoke ends what was granted until now, under whatever epoch.
//
// All methods but Client's belong to the loop's goroutine. Each change of the truth is a world event of the trace.
type Backend struct {
	cfg      BackendConfig
	volumes  map[string]*volume
	machines map[string]bool // alive or not, by node id
}

// volume is one volume's truth; its maps are by node id. What it holds is its device.
type volume struct {
	grants map[string]grant
	used   map[string]bool   // a workload uses the volume
	ended  map[string]uint64 // grants up to this epoch are refused
	all    uint64            // the same for every node
	newest map[string]uint64 // the highest epoch ever granted
	device device
}

type grant struct {
	epoch    uint64
	readOnly bool
}

// NewBackend returns a storage system without volumes and machines.
func NewBackend(cfg BackendConfig) *Backend {
	if cfg.Node == nil {
		cfg.Node = func(id string) (name, uid string) { return id, "" }
	}
	return &Backend{cfg: cfg, volumes: make(map[string]*volume), machines: make(map[string]bool)}
}

// CreateVolume adds a volume; one that exists stays as it is.
func (b *Backend) CreateVolume(handle string) {
	if b.volumes[handle] == nil {
		b.volumes[handle] = &volume{
			grants: make(map[string]grant), used: make(map[string]bool),
			ended: make(map[string]uint64), newest: make(map[string]uint64), device: device{known: make(map[string]int)},
		}
	}
}

// DeleteVolume removes a volume and everybody's access to it.
func (b *Backend) DeleteVolume(handle string) {
	if v := b.volumes[handle]; v != nil {
		for _, id := range slices.Sorted(maps.Keys(v.grants)) {
			b.end("revoke", handle, id)
		}
		delete(b.volumes, handle)
	}
}

// StartMachine switches a machine on. Grants that it had are still there: DropGrants makes a new machine of it.
func (b *Backend) StartMachine(id string) {
	if !b.machines[id] {
		b.machines[id] = true
		b.tell("machineUp", "", id, 0, false)
	}
}

// KillMachine switches a machine off: its workloads end, and it writes nothing until it is started and used again. Its
// grants stay until somebody revokes them, unless the engine says DropGrants as well.
func (b *Backend) KillMachine(id string) {
	if !b.machines[id] {
		return
	}
	for _, handle := range slices.Sorted(maps.Keys(b.volumes)) {
		b.rest(handle, id) // without a last word
	}
	b.machines[id] = false
	b.tell("machineDown", "", id, 0, false)
}

// DropGrants ends every grant of a machine, as a storage system does that notices by itself that a machine is gone for
// good. No epoch ends: if the machine comes back, it can be granted the same again.
func (b *Backend) DropGrants(id string) {
	var granted []string
	for handle, v := range b.volumes {
		if _, ok := v.grants[id]; ok {
			granted = append(granted, handle)
		}
	}
	slices.Sort(granted)
	for _, handle := range granted {
		b.end("revoke", handle, id)
	}
}

// Alive reports whether a machine is switched on.
func (b *Backend) Alive(id string) bool { return b.machines[id] }

// Use says that a workload on a machine begins to use a volume, whether or not it can. It writes then, and whenever the access
// to the volume changes, until it rests or gets an I/O error.
func (b *Backend) Use(handle, id string) {
	if v := b.volumes[handle]; v != nil && !v.used[id] {
		v.used[id] = true
		b.tell("write", handle, id, v.grants[id].epoch, false)
		b.writeAll(handle)
	}
}

// Rest says that it writes a last time, and ends.
func (b *Backend) Rest(handle, id string) {
	if v := b.volumes[handle]; v != nil && v.used[id] {
		b.write(handle, id)
		b.rest(handle, id)
	}
}

// rest ends the workload on a machine.
func (b *Backend) rest(handle, id string) {
	if v := b.volumes[handle]; v.used[id] {
		delete(v.used, id)
		delete(v.device.known, id)
		b.tell("rest", handle, id, v.grants[id].epoch, false)
	}
}

// Granted returns the ids of the machines that are granted a volume, sorted.
func (b *Backend) Granted(handle string) []string {
	v := b.volumes[handle]
	if v == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.grants))
}

// Writers returns the ids of the machines that write to a volume right now, sorted: granted for writing, alive, and in use.
func (b *Backend) Writers(handle string) (ids []string) {
	for _, id := range b.Granted(handle) {
		v := b.volumes[handle]
		if !v.grants[id].readOnly && v.used[id] && b.machines[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *Backend) grant(handle, id string, epoch uint64, readOnly bool) error {
	v := b.volumes[handle]
	if v == nil {
		return b.refuse("grant", handle, id, notFound, "no such volume")
	}
	if ended := max(v.all, v.ended[id]); epoch > 0 && epoch <= ended {
		return b.refuse("grant", handle, id, failedPrecondition, fmt.Sprintf("epoch %d has ended, as have all up to %d", epoch, ended))
	}
	now, had := v.grants[id]
	want := grant{epoch: max(epoch, now.epoch), readOnly: readOnly}
	if epoch < now.epoch {
		want = now // it was on its way while a newer one was made
	}
	v.newest[id] = max(v.newest[id], want.epoch)
	if !had || now != want {
		v.grants[id] = want
		b.tell("grant", handle, id, want.epoch, readOnly)
		b.writeAll(handle)
	}
	return nil
}

// cutOff is revoke and fence. An unknown volume, or one without a grant for the machine, is fine: there is nothing to end,
// but the epoch ends all the same.
func (b *Backend) cutOff(verb, handle, id string, epoch uint64) {
	v := b.volumes[handle]
	if v == nil {
		return
	}
	if id == "" {
		v.all = max(v.all, epoch)
		if epoch == 0 {
			for n, e := range v.newest {
				v.ended[n] = max(v.ended[n], e)
			}
		}
	} else {
		if epoch == 0 {
			epoch = v.newest[id]
		}
		v.ended[id] = max(v.ended[id], epoch)
	}
	for _, n := range slices.Sorted(maps.Keys(v.grants)) {
		if (id == "" || id == n) && v.grants[n].epoch <= max(v.all, v.ended[n]) {
			b.end(verb, handle, n)
		}
	}
}

func (b *Backend) end(verb, handle, id string) {
	v := b.volumes[handle]
	epoch := v.grants[id].epoch
	delete(v.grants, id)
	b.tell(verb, handle, id, epoch, false)
	b.writeAll(handle)
}

func (b *Backend) tell(verb, handle, id string, epoch uint64, readOnly bool) {
	name, uid := b.cfg.Node(id)
	e := trace.Event{Kind: trace.World, Verb: verb, Volume: handle, Node: name, UID: uid, Epoch: epoch}
	if readOnly {
		e.Mode = "ReadOnlyMany"
	}
	b.cfg.Loop.Emit(e)
}
