package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// builder makes the scenario and the account out of the facts.
type builder struct {
	facts    *facts
	outages  []span
	restarts []span

	scn  *scenarios.Scenario
	told []*Attachment // of the account, in order of their wishes
	all  []*attachment // of the log, in the same order
}

// nothingBut is why an attachment is not replayed.
const (
	noVolume = "its PersistentVolume was never seen with a CSI volume"
	noSpec   = "the log does not say what it attaches"
)

func (b *builder) scenario(name string) *scenarios.Scenario {
	f := b.facts
	b.scn = &scenarios.Scenario{APIVersion: scenarios.APIVersion, Kind: scenarios.Kind, Metadata: scenarios.Metadata{Name: name}}
	b.all = slices.Clone(f.attachments)
	slices.SortStableFunc(b.all, func(x, y *attachment) int { return x.from.Compare(y.from) })
	b.nodes()
	volumes := b.volumes()
	for _, a := range b.all {
		b.told = append(b.told, b.wishes(a, volumes))
	}
	for _, o := range b.outages {
		b.step(o.from, scenarios.Step{Outage: &scenarios.Outage{For: scenarios.Duration(o.until.Sub(o.from))}})
	}
	for _, r := range b.restarts {
		b.step(r.from, scenarios.Step{Crash: &scenarios.Downtime{For: scenarios.Duration(r.until.Sub(r.from))}})
	}
	steps := b.scn.Spec.Timeline
	slices.SortStableFunc(steps, func(x, y scenarios.Step) int { return cmp.Compare(x.At, y.At) })
	b.scn.Spec.Backend.MaxHolders = b.holders()
	b.scn.Metadata.Description = fmt.Sprintf("Imported from %s, an audit log from %s to %s: %d VolumeAttachments of %d volumes on %d nodes.",
		f.tally.file, f.start.UTC().Format(time.RFC3339), f.end.UTC().Format(time.RFC3339), len(b.all), len(b.scn.Spec.Volumes), len(b.scn.Spec.Nodes))
	return b.scn
}

// at is a time relative to the first used line; what is unknown or was before it is 0.
func (b *builder) at(t time.Time) scenarios.Duration {
	return scenarios.Duration(max(0, t.Sub(b.facts.start)))
}

func (b *builder) step(at time.Time, s scenarios.Step) {
	s.At = b.at(at)
	b.scn.Spec.Timeline = append(b.scn.Spec.Timeline, s)
}

// nodes maps the lives of nodes to their creations, deletions and changes of readiness.
func (b *builder) nodes() {
	ids := b.driverIDs()
	for _, name := range b.facts.nodeNames {
		lives := b.facts.nodes[name]
		b.scn.Spec.Nodes = append(b.scn.Spec.Nodes, scenarios.Node{Name: name, ID: ids[name], Later: !lives[0].from.IsZero()})
		for _, life := range lives {
			if !life.from.IsZero() {
				b.step(life.from, scenarios.Step{CreateNode: &scenarios.NodeRef{Node: name}})
			}
			for _, r := range life.ready {
				b.step(r.at, scenarios.Step{SetReady: &scenarios.NodeReady{Node: name, Ready: r.ready}})
			}
			if !life.until.IsZero() {
				b.step(life.until, scenarios.Step{DeleteNode: &scenarios.NodeRef{Node: name}})
			}
		}
	}
}

// driverIDs returns the node ids of the driver that most attachments are of, by node, unless two nodes share one.
func (b *builder) driverIDs() map[string]string {
	drivers := b.drivers()
	if len(drivers) == 0 {
		return nil
	}
	if len(drivers) > 1 {
		b.facts.tally.note(fmt.Sprintf("the log has attachments of %d drivers (%s); all are replayed on the one under test", len(drivers), strings.Join(drivers, ", ")))
	}
	ids := b.facts.nodeIDs[drivers[0]]
	seen := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		if id := ids[name]; seen[id] {
			b.facts.tally.note(fmt.Sprintf("two nodes have the id %q; ids of our own are taken", id))
			return nil
		}
		seen[ids[name]] = true
	}
	return ids
}

// drivers lists the drivers of the attachments, the most frequent first.
func (b *builder) drivers() []string {
	count := make(map[string]int)
	for _, a := range b.all {
		if a.driver != "" {
			count[a.driver]++
		}
	}
	return slices.SortedFunc(maps.Keys(count), func(x, y string) int { return cmp.Or(-cmp.Compare(count[x], count[y]), cmp.Compare(x, y)) })
}

// volumes maps every volume that an attachment is about, and returns their names in the scenario by attachment.
func (b *builder) volumes() map[*attachment]scenarios.Volume {
	names := make(map[*attachment]scenarios.Volume)
	taken := make(map[string]volume) // by name in the scenario
	index := make(map[string]int)
	for _, a := range b.all {
		v := a.inline
		if known := b.facts.volumes[a.pv]; a.pv != "" {
			v = known
		}
		if v == nil || v.handle == "" {
			continue
		}
		name := v.handle
		if other, ok := taken[name]; ok && other.driver != v.driver {
			name = v.driver + "/" + v.handle
		}
		other, ok := taken[name]
		if !ok {
			taken[name], index[name] = *v, len(b.scn.Spec.Volumes)
			b.scn.Spec.Volumes = append(b.scn.Spec.Volumes, scenarios.Volume{Name: name, PV: b.pvName(v), AccessMode: v.mode})
		} else if other.pv != v.pv {
			b.facts.tally.note(fmt.Sprintf("PersistentVolumes %s and %s are one volume, %s; the first is replayed", other.pv, v.pv, name))
		}
		names[a] = b.scn.Spec.Volumes[index[name]]
	}
	return names
}

// pvName is the recorded name, or one of our own for a volume that is written into its attachment.
func (b *builder) pvName(v *volume) string {
	if v.pv != "" {
		return v.pv
	}
	return fmt.Sprintf("inline-%d", len(b.scn.Spec.Volumes)+1)
}

// wishes maps an attachment to its wish to publish and its wish to unpublish, and tells what became of it.
func (b *builder) wishes(a *attachment, volumes map[*attachment]scenarios.Volume) *Attachment {
	v, known := volumes[a]
	told := &Attachment{Name: a.name, UID: a.uid, Driver: a.driver, PersistentVolume: a.pv, Volume: v.Name, Mode: v.AccessMode, Node: a.node, FailedCalls: a.failed,
		From: b.at(a.from), Until: b.maybe(a.until), Attached: b.maybe(a.attached), Detached: b.maybe(a.detached)}
	switch {
	case a.node == "":
		told.NotReplayed = noSpec
	case !known:
		told.NotReplayed = noVolume
	}
	if told.NotReplayed != "" {
		return told
	}
	ref := scenarios.Attachment{Volume: v.Name, Node: a.node, Name: a.name}
	publish := ref
	b.step(a.from, scenarios.Step{Publish: &publish})
	told.Replayed = fmt.Sprintf("publish at %s", told.From)
	if a.before {
		told.Replayed += " (it was there before its first line)"
	}
	if told.Until != nil {
		b.step(a.until, scenarios.Step{Unpublish: &ref})
		told.Replayed += fmt.Sprintf(", unpublish at %s", *told.Until)
	}
	return told
}

func (b *builder) maybe(t time.Time) *scenarios.Duration {
	if t.IsZero() {
		return nil
	}
	d := b.at(t)
	return &d
}

// holders is the largest number of nodes to which a read-write-many volume was wished at once, if two are not enough.
func (b *builder) holders() int {
	nodes := make(map[string]map[string]bool) // by volume
	for _, v := range b.scn.Spec.Volumes {
		if v.AccessMode == "ReadWriteMany" {
			nodes[v.Name] = make(map[string]bool)
		}
	}
	most := 2
	for _, s := range b.scn.Spec.Timeline {
		switch {
		case s.Publish != nil && nodes[s.Publish.Volume] != nil:
			nodes[s.Publish.Volume][s.Publish.Node] = true
			most = max(most, len(nodes[s.Publish.Volume]))
		case s.Unpublish != nil && nodes[s.Unpublish.Volume] != nil:
			delete(nodes[s.Unpublish.Volume], s.Unpublish.Node)
		}
	}
	if most == 2 {
		return 0
	}
	b.facts.tally.note(fmt.Sprintf("up to %d nodes wished one volume at once; that many holders are allowed", most))
	return most
}
