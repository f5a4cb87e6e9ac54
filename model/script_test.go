package model_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// script writes a trace by hand, as a well-behaved system would leave it: what it believes, counts, records and persists
// follows from what it is told to do. Tests then edit a single event.
type script struct {
	header trace.Header
	events []trace.Event
	marks  map[string]int // index of the event that follows a mark
	step   int
	at     time.Duration
	op, id int
	proc   int

	docs    map[string]*doc
	counts  map[string]float64
	uids    map[string]string
	wishes  map[string]bool
	started int64
}

// doc is a record as the specification writes it.
type doc struct {
	Version   int        `json:"version"`
	Mode      string     `json:"mode,omitempty"`
	Epoch     uint64     `json:"epoch"`
	Instances []held     `json:"instances,omitempty"`
	Migration *moveDoc   `json:"migration,omitempty"`
	Detached  *time.Time `json:"detachedAt,omitempty"`
}

type held struct {
	Node     string    `json:"node"`
	UID      string    `json:"uid"`
	Epoch    uint64    `json:"epoch"`
	State    string    `json:"state"`
	Attached time.Time `json:"attachedAt"`
}

type moveDoc struct {
	Started time.Time `json:"startedAt"`
	Timeout string    `json:"timeout"`
	Source  string    `json:"source"`
	Target  string    `json:"target"`
}

const (
	interval = time.Minute
	graceful = 30 * time.Second
)

// begin returns a script with three nodes and two volumes, whose first incarnation leads and has rebuilt.
func begin() *script {
	s := &script{
		marks: make(map[string]int), proc: 1, docs: make(map[string]*doc), counts: make(map[string]float64),
		uids: make(map[string]string), wishes: make(map[string]bool), started: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(),
	}
	s.header.Setup = trace.Setup{
		Volumes: []trace.Volume{{Handle: "vm", PV: "pv-vm", Mode: "ReadWriteOnce", Claim: "claim-vm"}, {Handle: "shared", PV: "pv-shared", Mode: "ReadWriteMany"}},
		Start:   s.started, Interval: interval, Grace: graceful, MaxHolders: 2, NodeDead: true, Persist: true,
		CallLatencyMax: 10 * time.Millisecond, GuardMin: 3, GuardShare: 0.25,
		Offers: []string{"backend", "believer", "direct", "lifecycle", "metrics", "nudger", "record", "recorder", "stamps", "stats"},
	}
	s.see(trace.Event{Kind: trace.Phase, Name: "setup"})
	for _, v := range s.header.Setup.Volumes {
		s.docs[v.Handle] = &doc{Version: 1}
		s.see(trace.Event{Kind: trace.Change, Verb: "created", Resource: "persistentvolumes", Name: v.PV, Volume: v.Handle})
	}
	for _, n := range []string{"n1", "n2", "n3"} {
		s.createNode(n, "u-"+n)
	}
	s.see(trace.Event{Kind: trace.Process, Proc: 1, Verb: "start"})
	s.see(trace.Event{Kind: trace.Phase, Name: "chaos"})
	s.lead()
	s.pass(func() {})
	return s
}

// point opens a step.
func (s *script) point(e trace.Event) int {
	s.step++
	e.Label = "p/" + strconv.Itoa(s.step)
	return s.see(e)
}

// see appends an observation to the present step.
func (s *script) see(e trace.Event) int {
	e.Step, e.At = s.step, s.at
	s.events = append(s.events, e)
	return len(s.events) - 1
}

// mark names the event that comes next.
func (s *script) mark(name string) *script {
	s.marks[name] = len(s.events)
	return s
}

func (s *script) wait(d time.Duration) *script {
	s.at += d
	return s
}

func (s *script) wall() time.Time { return time.Unix(0, s.started+int64(s.at)).UTC() }

func (s *script) createNode(name, uid string) {
	s.uids[name] = uid
	s.see(trace.Event{Kind: trace.Change, Verb: "created", Resource: "nodes", Name: name, Node: name, UID: uid})
}

// deleteNode removes a Node object, and tells the cache of it in the same instant.
func (s *script) deleteNode(name string) {
	s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "deleteNode", Node: name})
	s.see(trace.Event{Kind: trace.World, Verb: "machineDown", Node: name})
	s.mark("deleted").see(trace.Event{Kind: trace.Change, Verb: "deleted", Resource: "nodes", Name: name, Node: name, UID: s.uids[name]})
	s.step++
	s.mark("told").see(trace.Event{Kind: trace.Deliver, Label: "d", Proc: s.proc, Actor: "informer", Verb: "DELETED", Resource: "nodes", Name: name, UID: s.uids[name]})
}

// lead makes the process leader: it lists, and what it believes is what the records say.
func (s *script) lead() {
	s.mark("lead").point(trace.Event{Kind: trace.Process, Proc: s.proc, Verb: "lead"})
	s.call("run", trace.Event{Verb: "list", Resource: "volumeattachments", Code: "OK", Count: 1})
	s.call("run", trace.Event{Verb: "list", Resource: "persistentvolumes", Code: "OK", Count: 2})
}

// call is a request and its reply.
func (s *script) call(actor string, e trace.Event) {
	s.id++
	e.ID, e.Proc, e.Actor, e.Kind = s.id, s.proc, actor, trace.Call
	s.point(e)
	s.wait(time.Millisecond)
	e.Kind, e.Record = trace.Reply, ""
	s.point(e)
}

func (s *script) count(name string, by float64) {
	s.counts[name] += by
	s.see(trace.Event{Kind: trace.Counter, Proc: s.proc, Name: "holdfast_" + name, Value: s.counts[name]})
}

func (s *script) note(reason, message string) {
	e := trace.Event{Kind: trace.Recorded, Proc: s.proc, Verb: reason, Message: message, Resource: "PersistentVolume", Name: "pv-shared"}
	if strings.Contains(message, "vm") {
		e.Resource, e.Name = "PersistentVolumeClaim", "claim-vm" // the other volume is bound to none
	}
	s.mark("noted").see(e)
}

// pass runs a reconcile pass around what is done in it.
func (s *script) pass(do func()) {
	s.point(trace.Event{Kind: trace.Wake, Proc: s.proc, Actor: "run", Name: "tick"})
	s.mark("pass").count("reconcile_passes_begun_total", 1)
	begun := s.at
	do()
	s.point(trace.Event{Kind: trace.Wake, Proc: s.proc, Actor: "run", Name: "end"})
	if took := s.at - begun; took > interval {
		s.mark("overrun").count("reconcile_overruns_total", 1)
	}
	s.mark("timed").count("reconcile_duration_seconds_count", 1)
	s.mark("took").count("reconcile_duration_seconds_sum", (s.at - begun).Seconds())
	s.mark("ended").count("reconcile_passes_total", 1)
}

// persist writes a volume's record in the name of an actor.
func (s *script) persist(actor, volume string) {
	text, err := json.Marshal(s.docs[volume])
	if err != nil {
		panic(err)
	}
	s.id++
	e := trace.Event{Kind: trace.Call, ID: s.id, Proc: s.proc, Actor: actor, Verb: "patch", Resource: "persistentvolumes", Name: "pv-" + volume, Volume: volume, Code: "OK"}
	s.point(e)
	s.mark("persisted").see(trace.Event{Kind: trace.Change, Verb: "updated", Resource: "persistentvolumes", Name: "pv-" + volume, Volume: volume, Record: string(text)})
	e.Kind = trace.Reply
	s.wait(time.Millisecond).point(e)
}

func (s *script) mode(volume string) string {
	for _, v := range s.header.Setup.Volumes {
		if v.Handle == volume {
			return v.Mode
		}
	}
	return ""
}

func (s *script) believe(volume string, h held, state string) {
	e := trace.Event{Kind: trace.Belief, Proc: s.proc, Volume: volume, Node: h.Node, UID: h.UID, Epoch: h.Epoch, State: state, Mode: s.mode(volume), Time: h.Attached.UnixNano()}
	if m := s.docs[volume].Migration; m != nil && state != "gone" {
		e.Since, e.Limit = m.Started.UnixNano(), 5*time.Minute
	}
	s.see(e)
}

func (s *script) begins(verb, volume, node string) (actor string) {
	s.op++
	s.point(trace.Event{Kind: trace.Op, Op: s.op, Proc: s.proc, Actor: "sidecar", Verb: verb, Volume: volume, Node: node, Mode: s.mode(volume)})
	return "op-" + strconv.Itoa(s.op)
}

func (s *script) ends(verb, volume, node, code string) {
	s.mark("returned").point(trace.Event{Kind: trace.Return, Op: s.op, Proc: s.proc, Actor: "op-" + strconv.Itoa(s.op), Verb: verb, Volume: volume, Node: node, Code: code})
}

// wish creates a VolumeAttachment.
func (s *script) wish(volume, node string) {
	s.wishes[volume+"/"+node] = true
	s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "wish", Volume: volume, Node: node})
	s.mark("wished").see(trace.Event{Kind: trace.Change, Verb: "created", Resource: "volumeattachments", Name: volume + "/" + node, Volume: volume, Node: node, State: "wished"})
}

// read is a live read of a node.
func (s *script) read(actor, node string) {
	e := trace.Event{Verb: "get", Resource: "nodes", Name: node, Node: node, UID: s.uids[node], Code: "OK"}
	if e.UID == "" {
		e.Code = "NotFound"
	}
	s.call(actor, e)
}

// publish attaches a volume as the specification says.
func (s *script) publish(volume, node string) {
	if !s.wishes[volume+"/"+node] {
		s.wish(volume, node)
	}
	actor := s.begins("publish", volume, node)
	s.read(actor, node)
	d := s.docs[volume]
	d.Epoch++
	detached := d.Detached != nil
	d.Mode, d.Detached = s.mode(volume), nil
	h := held{Node: node, UID: s.uids[node], Epoch: d.Epoch, State: "uncertain", Attached: s.wall()}
	d.Instances = append(d.Instances, h)
	moved := d.Mode == "ReadWriteMany" && len(d.Instances) == 2
	if moved {
		d.Migration = &moveDoc{Started: h.Attached, Timeout: "5m0s", Source: d.Instances[0].Node, Target: node}
	}
	migration := d.Migration
	s.persist(actor, volume)
	d.Migration = nil // readers see it from the confirmation on
	s.believe(volume, h, "uncertain")
	s.count("tracked_attachments", 1)
	d.Migration = migration
	s.grant(actor, volume, node, h.Epoch)
	s.note("VolumeAttached", "volume "+volume+" attached to "+node)
	if moved {
		s.note("MigrationStarted", "migration of "+volume+" from "+d.Instances[0].Node+" to "+node+" started")
		s.believe(volume, d.Instances[0], "held")
		s.count("active_migrations", 1)
		s.count(`migrations_total{result="started"}`, 1)
	}
	if detached {
		s.see(trace.Event{Kind: trace.Belief, Proc: s.proc, Volume: volume})
	}
	s.mark("held").believe(volume, h, "held")
	s.mark("counted").count("attach_total", 1)
	s.ends("publish", volume, node, "OK")
	s.attached(volume, node)
}

func (s *script) grant(actor, volume, node string, epoch uint64) {
	s.id++
	e := trace.Event{Kind: trace.Call, ID: s.id, Proc: s.proc, Actor: actor, Verb: "grant", Resource: "backend", Name: volume, Volume: volume, Node: node, Epoch: epoch, Code: "OK"}
	s.point(e)
	s.see(trace.Event{Kind: trace.World, Verb: "grant", Volume: volume, Node: node, Epoch: epoch})
	e.Kind = trace.Reply
	s.wait(time.Millisecond).point(e)
}

func (s *script) attached(volume, node string) {
	s.point(trace.Event{Kind: trace.Op, Actor: "sidecar", Verb: "attached", Volume: volume, Node: node})
	s.see(trace.Event{Kind: trace.Change, Verb: "updated", Resource: "volumeattachments", Name: volume + "/" + node, Volume: volume, Node: node, State: "attached"})
	s.see(trace.Event{Kind: trace.World, Verb: "write", Volume: volume, Node: node})
}

// refuse is a publish that another holder keeps from its volume.
func (s *script) refuse(volume, node string) {
	if !s.wishes[volume+"/"+node] {
		s.wish(volume, node)
	}
	actor := s.begins("publish", volume, node)
	s.read(actor, node)
	s.note("AttachmentConflict", "volume "+volume+" wanted on "+node+" is attached elsewhere")
	s.count("conflict_total", 1)
	s.ends("publish", volume, node, "FailedPrecondition")
}

// unwish deletes a VolumeAttachment.
func (s *script) unwish(volume, node string) {
	s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "unwish", Volume: volume, Node: node})
	s.see(trace.Event{Kind: trace.World, Verb: "rest", Volume: volume, Node: node})
	s.see(trace.Event{Kind: trace.Change, Verb: "deleting", Resource: "volumeattachments", Name: volume + "/" + node, Volume: volume, Node: node, State: "deleting"})
}

func (s *script) forget(volume, node string) {
	delete(s.wishes, volume+"/"+node)
	s.point(trace.Event{Kind: trace.Op, Actor: "sidecar", Verb: "forget", Volume: volume, Node: node})
	s.see(trace.Event{Kind: trace.Change, Verb: "deleted", Resource: "volumeattachments", Name: volume + "/" + node, Volume: volume, Node: node})
}

// unpublish detaches a volume from a node, or from all if that is empty.
func (s *script) unpublish(volume, node string) {
	for _, n := range s.nodesOf(volume, node) {
		s.unwish(volume, n)
	}
	s.unpublishOnly(volume, node)
	for w := range s.wishes {
		if node != "" && w == volume+"/"+node {
			s.forget(volume, node)
		}
	}
}

func (s *script) nodesOf(volume, node string) []string {
	if node != "" {
		return []string{node}
	}
	var all []string
	for _, h := range s.docs[volume].Instances {
		all = append(all, h.Node)
	}
	return all
}

// unpublishOnly is the CSI call alone.
func (s *script) unpublishOnly(volume, node string) {
	actor := s.begins("unpublish", volume, node)
	s.revoke(actor, volume, node)
	s.remove(actor, volume, node, func(h held, last bool) {
		kind := "partial"
		if last {
			kind = "full"
		}
		s.note("VolumeDetached", "volume "+volume+" detached from "+h.Node)
		s.count(`detach_total{kind="`+kind+`"}`, 1)
	})
	s.ends("unpublish", volume, node, "OK")
}

func (s *script) revoke(actor, volume, node string) {
	s.id++
	e := trace.Event{Kind: trace.Call, ID: s.id, Proc: s.proc, Actor: actor, Verb: "revoke", Resource: "backend", Name: volume, Volume: volume, Node: node, Epoch: s.docs[volume].Epoch, Code: "OK"}
	s.point(e)
	for _, h := range s.docs[volume].Instances {
		if node == "" || h.Node == node {
			s.mark("revoked").see(trace.Event{Kind: trace.World, Verb: "revoke", Volume: volume, Node: h.Node, Epoch: h.Epoch})
		}
	}
	e.Kind = trace.Reply
	s.wait(time.Millisecond).point(e)
}

// remove takes a node's instances off record and memory; told counts and records each.
func (s *script) remove(actor, volume, node string, told func(h held, last bool)) {
	d := s.docs[volume]
	var gone, left []held
	for _, h := range d.Instances {
		if node == "" || h.Node == node {
			gone = append(gone, h)
		} else {
			left = append(left, h)
		}
	}
	if len(gone) == 0 {
		return
	}
	now := s.wall()
	d.Instances = left
	migration := d.Migration
	d.Migration = nil
	if len(left) == 0 {
		d.Mode, d.Detached = "", &now
	}
	s.persist(actor, volume)
	for i, h := range gone {
		s.mark("gone").believe(volume, h, "gone")
		s.count("tracked_attachments", -1)
		told(h, len(left) == 0 || (node == "" && i == len(gone)))
	}
	if len(left) == 0 {
		s.see(trace.Event{Kind: trace.Belief, Proc: s.proc, Volume: volume, Time: now.UnixNano()})
	}
	if migration != nil {
		for _, h := range left {
			s.believe(volume, h, "held")
		}
		result, word := "aborted", "MigrationAborted"
		if len(left) > 0 && left[0].Node == migration.Target {
			result, word = "completed", "MigrationCompleted"
		}
		s.note(word, "migration of "+volume+" from "+migration.Source+" to "+migration.Target+" "+result)
		s.count("active_migrations", -1)
		s.count("migration_duration_seconds_count", 1)
		s.mark("moved").count("migration_duration_seconds_sum", now.Sub(migration.Started).Seconds())
		s.count(`migrations_total{result="`+result+`"}`, 1)
	}
}

// lose deletes the node of one attachment, and a pass sees that it is missing.
func (s *script) lose(node string) {
	s.deleteNode(node)
	s.uids[node] = ""
	s.pass(func() { s.read("run", node); s.count("grace_deferred_total", 1) })
}

// evict is a publish on a second node that takes the volume from the first, which is gone, fails, and succeeds when tried again.
func (s *script) evict(volume, from, to string) {
	s.wish(volume, to)
	s.uids[from] = ""
	actor := s.begins("publish", volume, to)
	s.read(actor, to)
	s.read(actor, from)
	s.remove(actor, volume, from, func(held, bool) {
		s.note("StaleAttachmentCleared", "volume "+volume+" taken from "+from)
		s.count("evicted_total", 1)
	})
	s.ends("publish", volume, to, "Unavailable")
	s.publish(volume, to)
}

// clear is a pass that clears a volume from a node that is gone.
func (s *script) clear(volume, node string) {
	s.uids[node] = ""
	s.pass(func() {
		s.read("run", node)
		s.mark("cleared").clearNow(volume, node)
	})
}

// stamps forgets the detach stamps, as time goes by.
func (s *script) stamps() {
	s.point(trace.Event{Kind: trace.Wake, Proc: s.proc, Actor: "run", Name: "forget"})
	for _, v := range s.header.Setup.Volumes {
		s.see(trace.Event{Kind: trace.Belief, Proc: s.proc, Volume: v.Handle})
	}
}

// finish heals, converges, drains and comes to rest.
func (s *script) finish() *script {
	s.see(trace.Event{Kind: trace.Phase, Name: "heal"})
	s.see(trace.Event{Kind: trace.Phase, Name: "converge"})
	for range 8 {
		s.wait(interval)
		s.pass(func() {})
	}
	s.see(trace.Event{Kind: trace.Phase, Name: "drain"})
	for _, v := range s.header.Setup.Volumes {
		for _, n := range []string{"n1", "n2", "n3"} {
			if s.wishes[v.Handle+"/"+n] {
				s.unpublish(v.Handle, n)
			}
		}
	}
	s.wait(interval)
	s.pass(func() {})
	s.stamps()
	s.see(trace.Event{Kind: trace.Phase, Name: "quiesce"})
	s.mark("sizes").see(trace.Event{Kind: trace.Probe, Proc: s.proc, Name: "sizes/volumes"})
	s.see(trace.Event{Kind: trace.Phase, Name: "teardown"})
	s.mark("goroutines").see(trace.Event{Kind: trace.Probe, Proc: s.proc, Name: "goroutines", Code: "OK"})
	return s
}
