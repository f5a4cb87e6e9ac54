package attachment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// twin is the Manager as simple as can be: one thing after the other, nothing lost, nothing in between.
type twin struct {
	books  map[string]book // what memory should say
	record map[string]book // what the PersistentVolume should say; a crash makes it memory
	owed   map[string]owed
	counts map[string]float64
	// foreign are the volumes whose record an earlier manager wrote, and this one has not written since.
	foreign map[string]bool
}

// book is a volume's page. It is copied whole.
type book struct {
	mode    Mode
	nodes   []string // node/uid=state, in order
	moving  string   // the migration's source>target; "" if there is none
	shown   bool     // it is under way
	late    bool     // past its timeout, and counted
	started time.Duration
	stamped bool
	stamp   time.Duration
}

// owed is a removal of which nobody knows yet whether it was done.
type owed struct {
	gone []string
	why  Cause
	done bool
	// foreign: what is owed is not a removal but the new writing of what an earlier manager wrote. A repair that finds nothing
	// to mend does not write, so that is still to be done.
	foreign bool
}

const twinTimeout = 45 * time.Second

func (tw *twin) nodeOf(entry string) string { return entry[:strings.Index(entry, "/")] }

func (tw *twin) count(name string, n float64) { tw.counts[name] += n }

func (tw *twin) confirm(v, entry string) {
	b := tw.books[v]
	i := slices.Index(b.nodes, entry)
	b.nodes = slices.Clone(b.nodes)
	b.nodes[i] = strings.Replace(entry, "uncertain", "held", 1)
	b.stamped = false
	tw.count("attach_total", 1)
	if b.moving != "" && !b.shown && strings.HasSuffix(b.moving, ">"+tw.nodeOf(entry)) {
		b.shown, b.late = true, false
		tw.count("migrations_total started", 1)
	}
	tw.books[v] = b
}

func (tw *twin) doubt(v string, entries []string) {
	b := tw.books[v]
	b.nodes = slices.Clone(b.nodes)
	for i, n := range b.nodes {
		if slices.Contains(entries, n) {
			b.nodes[i] = strings.Replace(n, "held", "uncertain", 1)
		}
	}
	tw.books[v] = b
}

// without is the page after a removal.
func (tw *twin) without(b book, gone []string, why Cause, now time.Duration) book {
	b.nodes = slices.DeleteFunc(slices.Clone(b.nodes), func(n string) bool { return slices.Contains(gone, n) })
	named := func(node string) bool {
		return slices.ContainsFunc(b.nodes, func(n string) bool { return tw.nodeOf(n) == node })
	}
	if source, target, ok := strings.Cut(b.moving, ">"); ok && !(named(source) && named(target)) {
		b.moving = ""
	}
	if len(b.nodes) == 0 {
		b.mode = ""
		if why != Refused {
			b.stamped, b.stamp = true, now
		}
	}
	return b
}

func (tw *twin) remove(v string, gone []string, why Cause, stamp, now time.Duration) {
	before := tw.books[v]
	after := tw.without(before, gone, why, stamp)
	for _, n := range gone {
		switch {
		case why == StaleCleared:
			tw.count("stale_cleared_total", 1)
		case why == Evicted:
			tw.count("evicted_total", 1)
		case why == Detached && strings.HasSuffix(n, "=held") && len(after.nodes) == 0:
			tw.count("detach_total full", 1)
		case why == Detached && strings.HasSuffix(n, "=held"):
			tw.count("detach_total partial", 1)
		}
	}
	if before.shown && after.moving == "" {
		_, target, _ := strings.Cut(before.moving, ">")
		switch {
		case before.late:
		case now-before.started >= twinTimeout:
			tw.count("migrations_total timed_out", 1)
		case slices.ContainsFunc(after.nodes, func(n string) bool { return tw.nodeOf(n) == target }):
			tw.count("migrations_total completed", 1)
			tw.count("migration_duration_seconds", 1)
		default:
			tw.count("migrations_total aborted", 1)
			tw.count("migration_duration_seconds", 1)
		}
		after.shown, after.late = false, false
	}
	tw.books[v] = after
}

// settle is what the next turn of a volume does first: it learns what became of a removal.
func (tw *twin) settle(v string, now time.Duration) {
	o, ok := tw.owed[v]
	if !ok {
		return
	}
	delete(tw.owed, v)
	if o.foreign {
		return
	}
	delete(tw.foreign, v)
	if o.done {
		tw.remove(v, o.gone, o.why, tw.record[v].stamp, now)
	}
	tw.record[v] = tw.books[v]
}

// machine runs a Manager and its twin side by side.
type machine struct {
	*world
	twin   *twin
	epochs map[string]map[uint64]string // by volume: every epoch ever seen, and whose it is
	events map[string]float64           // by reason
}

var (
	lawVolumes = []string{"a", "b", "bare"} // bare has no PersistentVolume
	lawNodes   = []string{"n1", "n2", "n3"}
)

// fault makes the next write fail, or not, and says how.
func (mc *machine) fault(t *rapid.T, v string) (fails, unknown, done bool) {
	mc.effects = nil
	switch f := rapid.SampledFrom([]string{"", "", "", "denied", "lost", "reset", "late", "moved"}).Draw(t, "fault"); {
	case v == "bare" || f == "":
	case f == "moved":
		mc.effects = []effect{{do: func() { mc.nextRecordVersion(v) }}}
	case f == "denied":
		mc.effects = []effect{{err: errDenied}}
		return true, false, false
	default:
		mc.effects = []effect{{err: errReset, lost: f == "lost", late: f == "late"}}
		return true, true, f == "lost"
	}
	return false, false, false
}

// ready is what every operation begins with: old stamps are forgotten, and the volume is repaired.
func (mc *machine) ready(v string) {
	mc.prune()
	_, dirty := mc.twin.owed[v]
	if dirty {
		mc.must(mc.m.Repair(ctx)) // all of them
	}
	for _, v := range sortedKeys(mc.twin.owed) {
		if dirty {
			mc.twin.settle(v, mc.clock.Elapsed())
		}
	}
}

func (mc *machine) prune() {
	for v, b := range mc.twin.books {
		if b.stamped && mc.clock.Elapsed()-b.stamp >= time.Minute {
			b.stamped = false
			mc.twin.books[v] = b
		}
	}
}

func (mc *machine) reserve(t *rapid.T, confirm bool) {
	v := rapid.SampledFrom(lawVolumes).Draw(t, "volume")
	c := Claim{
		Node: rapid.SampledFrom(lawNodes).Draw(t, "node"), UID: rapid.SampledFrom([]string{"u", "w"}).Draw(t, "uid"),
		Mode:             rapid.SampledFrom([]Mode{ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteMany, ReadWriteMany}).Draw(t, "mode"),
		MigrationTimeout: twinTimeout,
	}
	mc.ready(v)
	fails, unknown, done := mc.fault(t, v)
	confirmed, end, err := mc.claim(t, v, c, confirm)
	defer end()
	defer func() { mc.effects = nil }()

	b := mc.twin.books[v]
	entry := c.Node + "/" + c.UID
	for _, n := range b.nodes {
		if strings.HasPrefix(n, entry+"=") {
			if b.mode != c.Mode {
				require.ErrorIs(t, err, ErrModeMismatch)
				return
			}
			written := mc.twin.foreign[v] && strings.HasSuffix(n, "=uncertain")
			if written && (!fails || done) {
				r := mc.twin.record[v]
				r.stamped = b.stamped // it may have been cleared in memory only
				mc.twin.record[v] = r
			}
			if written && fails {
				require.Error(t, err, "what an earlier manager wrote is written anew before anybody relies on it")
				if unknown {
					mc.twin.owed[v] = owed{foreign: true}
				}
				return
			} else if written {
				delete(mc.twin.foreign, v)
			}
			mc.must(err)
			if confirmed(); strings.HasSuffix(n, "=uncertain") {
				mc.twin.confirm(v, n)
			}
			return
		}
	}
	many := b.mode.ManyNode() && c.Mode.ManyNode()
	switch n := len(b.nodes); {
	case n > 0 && !many:
		require.ErrorIs(t, err, ErrAttachedElsewhere)
	case n > 0 && b.mode != c.Mode:
		require.ErrorIs(t, err, ErrModeMismatch)
	case n > 1 && b.mode == ReadWriteMany:
		require.ErrorIs(t, err, ErrTooManyHolders)
	default:
		next := b
		next.mode = c.Mode
		next.nodes = append(slices.Clone(b.nodes), entry+"=uncertain")
		if n == 1 && c.Mode == ReadWriteMany && mc.twin.nodeOf(b.nodes[0]) != c.Node {
			next.moving, next.started = mc.twin.nodeOf(b.nodes[0])+">"+c.Node, mc.clock.Elapsed()
		}
		if fails {
			require.Error(t, err)
			if unknown {
				mc.twin.owed[v] = owed{}
			}
			if done {
				mc.twin.record[v] = next
			}
			return
		}
		mc.must(err)
		mc.twin.books[v], mc.twin.record[v] = next, next
		delete(mc.twin.foreign, v)
		if confirm {
			confirmed()
			mc.twin.confirm(v, entry+"=uncertain")
		}
	}
}

// claim reserves in a turn, which end ends, or does all at once by the method of the seed. confirmed makes the claim held.
func (mc *machine) claim(t *rapid.T, v string, c Claim, confirm bool) (confirmed, end func(), err error) {
	if confirm && rapid.Bool().Draw(t, "by name") {
		err := mc.m.TrackAttachmentWithMode(ctx, v, c.Node, c.Mode, WithUID(c.UID), WithMigrationTimeout(c.MigrationTimeout))
		if errors.Is(err, ErrAttachedElsewhere) || errors.Is(err, ErrTooManyHolders) {
			mc.twin.count("conflict_total", 1)
		}
		return func() {}, func() {}, err
	}
	turn, err := mc.m.Begin(ctx, v)
	mc.must(err)
	e, err := turn.Reserve(ctx, c)
	return func() { turn.Confirm(e.Instance) }, turn.End, err
}

// takeOut removes in a turn, or by the method of the seed that does the same. There is one instance more than there are nodes.
func (mc *machine) takeOut(t *rapid.T, v, node string, why Cause, instances []Instance) (removed bool, err error) {
	if rapid.Bool().Draw(t, "by name") {
		switch some := len(instances) > 1; {
		case why == Detached && node == "" && rapid.Bool().Draw(t, "untrack"):
			err = mc.m.UntrackAttachment(ctx, v)
			return some && err == nil, err
		case why == Detached:
			err = mc.m.RemoveNodeAttachment(ctx, v, node)
			return some && err == nil, err
		case why == StaleCleared && len(instances) <= 2:
			return mc.m.ClearStale(ctx, instances[0])
		}
	}
	turn, err := mc.m.Begin(ctx, v)
	mc.must(err)
	defer turn.End()
	return turn.Remove(ctx, why, instances...)
}

func (mc *machine) remove(t *rapid.T) {
	v := rapid.SampledFrom(lawVolumes).Draw(t, "volume")
	why := rapid.SampledFrom([]Cause{Detached, Detached, StaleCleared, Evicted, Refused}).Draw(t, "why")
	node := rapid.SampledFrom(append(lawNodes, "")).Draw(t, "node")
	mc.ready(v)
	var gone []string
	var instances []Instance
	a, _ := mc.m.GetAttachment(v)
	for i, n := range mc.twin.books[v].nodes {
		if node == "" || mc.twin.nodeOf(n) == node {
			gone = append(gone, n)
			instances = append(instances, a.Entries[i].Instance)
		}
	}
	instances = append(instances, Instance{Volume: v, Node: node, Epoch: 12345}) // one that is not there
	fails, unknown, done := mc.fault(t, v)
	removed, err := mc.takeOut(t, v, node, why, instances)
	mc.effects = nil
	now := mc.clock.Elapsed()
	switch {
	case len(gone) == 0:
		require.False(t, removed)
		mc.must(err)
	case fails:
		require.Error(t, err)
		if done {
			mc.twin.record[v] = mc.twin.without(mc.twin.books[v], gone, why, now)
		}
		mc.twin.doubt(v, gone)
		for i, n := range gone {
			gone[i] = strings.Replace(n, "held", "uncertain", 1)
		}
		if unknown {
			mc.twin.owed[v] = owed{gone: gone, why: why, done: done}
		}
	default:
		mc.must(err)
		require.True(t, removed)
		mc.twin.remove(v, gone, why, now, now)
		delete(mc.twin.foreign, v)
		mc.twin.record[v] = mc.twin.books[v]
	}
}

// crash starts a new incarnation, for which nobody has a wish: what the record names is uncertain.
func (mc *machine) crash(*rapid.T) {
	mc.late = nil                   // the connections go too
	mc.clock.Step(time.Millisecond) // no process starts within the microsecond in which one ended
	mc.tally()
	mc.restart()
	clear(mc.events)
	mc.must(mc.m.Rebuild(ctx))
	mc.twin.counts, mc.twin.owed, mc.twin.books = map[string]float64{}, map[string]owed{}, map[string]book{}
	for v, b := range mc.twin.record {
		if v == "bare" {
			continue
		}
		mc.twin.foreign[v] = true
		b.nodes = slices.Clone(b.nodes)
		for i, n := range b.nodes {
			b.nodes[i] = strings.Replace(n, "held", "uncertain", 1)
		}
		b.shown, b.late = b.moving != "", false
		if age := mc.clock.Elapsed() - b.started; age > twinTimeout {
			b.started += age - twinTimeout
		}
		mc.twin.books[v] = b
	}
	mc.prune()
}

// tally counts the events since the last time.
func (mc *machine) tally() {
	for _, line := range mc.world.events.take() {
		mc.events[strings.Fields(line)[2]]++
	}
}

// check compares the two.
func (mc *machine) check(t *rapid.T) {
	now := mc.clock.Elapsed()
	want := maps.Clone(mc.twin.counts)
	stamps := map[string]bool{}
	for _, v := range lawVolumes {
		b := mc.twin.books[v]
		require.Equal(t, len(b.nodes), len(mc.holders(v)), v)
		if len(b.nodes) > 0 {
			require.Equal(t, b.nodes, mc.holders(v), v)
			want["tracked_attachments"] += float64(len(b.nodes))
		}
		a, _ := mc.m.GetAttachment(v)
		require.Equal(t, b.mode, a.Mode)
		moving := ""
		if a.Migration != nil {
			moving = a.Migration.Source + ">" + a.Migration.Target
			want["active_migrations"]++
		}
		if b.shown {
			require.Equal(t, b.moving, moving)
		} else {
			require.Empty(t, moving)
		}
		for _, e := range a.Entries {
			owner := fmt.Sprint(e.Node, e.UID, e.AttachedAt)
			if known, ok := mc.epochs[v][e.Epoch]; ok {
				require.Equal(t, known, owner, "epoch %d of %s was given out twice", e.Epoch, v)
			}
			mc.epochs[v][e.Epoch] = owner
		}
		if b.stamped {
			stamps[v] = true
			require.Equal(t, now-b.stamp < 30*time.Second, mc.m.IsWithinGracePeriod(v, 30*time.Second))
		}
		if _, dirty := mc.twin.owed[v]; v != "bare" && !dirty {
			var nodes []string
			for _, n := range mc.twin.record[v].nodes {
				nodes = append(nodes, mc.twin.nodeOf(n))
			}
			require.Equal(t, nodes, mc.named("pv-"+v), "record of %s", v)
			require.Equal(t, len(b.nodes), len(nodes))
		}
	}
	for v := range mc.m.DetachTimestamps() {
		require.True(t, stamps[v] || now-mc.twin.books[v].stamp >= time.Minute, "stamp of %s", v)
	}
	maps.DeleteFunc(want, func(_ string, n float64) bool { return n == 0 })
	require.Equal(t, want, mc.counts())
	require.Equal(t, len(mc.twin.owed), mc.m.Sizes()["dirty"])
	require.Zero(t, mc.m.Sizes()["turns"])

	mc.tally()
	told := map[string]float64{
		reasonAttached:           want["attach_total"],
		reasonDetached:           want["detach_total full"] + want["detach_total partial"],
		reasonStaleCleared:       want["stale_cleared_total"] + want["evicted_total"],
		reasonConflict:           want["conflict_total"],
		reasonMigrationStarted:   want["migrations_total started"],
		reasonMigrationCompleted: want["migrations_total completed"],
		reasonMigrationAborted:   want["migrations_total aborted"],
		reasonMigrationTimedOut:  want["migrations_total timed_out"],
	}
	maps.DeleteFunc(told, func(_ string, n float64) bool { return n == 0 })
	require.Equal(t, told, mc.events, "one transition, one event")
}

// Whatever happens, and whatever fails, the Manager does what its twin does.
func TestManagerEqualsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mc := &machine{
			world:  newWorld(t, "a", "b"),
			twin:   &twin{books: map[string]book{}, record: map[string]book{}, owed: map[string]owed{}, counts: map[string]float64{}, foreign: map[string]bool{}},
			epochs: map[string]map[uint64]string{"a": {}, "b": {}, "bare": {}},
			events: map[string]float64{},
		}
		t.Repeat(map[string]func(*rapid.T){
			"":        mc.check,
			"track":   func(t *rapid.T) { mc.reserve(t, true) },
			"reserve": func(t *rapid.T) { mc.reserve(t, false) },
			"remove":  mc.remove,
			"crash":   mc.crash,
			"doubt": func(t *rapid.T) {
				v := rapid.SampledFrom(lawVolumes).Draw(t, "volume")
				mc.ready(v)
				turn, err := mc.m.Begin(ctx, v)
				mc.must(err)
				if a, ok := turn.Attachment(); ok {
					turn.Doubt(a.Entries[0].Instance)
					mc.twin.doubt(v, mc.twin.books[v].nodes[:1])
				}
				turn.End()
			},
			"arrive": func(*rapid.T) {
				for _, a := range mc.late {
					if _, err := mc.apply(a); err == nil {
						v := strings.TrimPrefix(a.Name, "pv-")
						if o := mc.twin.owed[v]; len(o.gone) > 0 {
							o.done = true
							mc.twin.owed[v] = o
						}
						mc.twin.record[v] = mc.read(v)
					}
				}
				mc.late = nil
			},
			"wait": func(t *rapid.T) {
				mc.clock.Step(rapid.SampledFrom([]time.Duration{time.Second, 15 * time.Second, time.Minute}).Draw(t, "for"))
				for _, v := range lawVolumes {
					if b := mc.twin.books[v]; b.shown && !b.late && mc.clock.Elapsed()-b.started >= twinTimeout {
						b.late = true
						mc.twin.books[v] = b
						mc.twin.count("migrations_total timed_out", 1)
					}
				}
				mc.m.ExpireMigrations()
			},
			"repair": func(*rapid.T) {
				mc.prune()
				mc.must(mc.m.Repair(ctx))
				for _, v := range sortedKeys(mc.twin.owed) {
					mc.twin.settle(v, mc.clock.Elapsed())
				}
			},
			"leave": func(t *rapid.T) {
				v := rapid.SampledFrom(lawVolumes).Draw(t, "volume")
				mc.m.ClearDetachTimestamp(v)
				b := mc.twin.books[v]
				b.stamped = false
				mc.twin.books[v] = b
			},
		})
	})
}

// nextRecordVersion is somebody else's write to the PersistentVolume.
func (mc *machine) nextRecordVersion(v string) {
	o, err := mc.client.Tracker().Get(pvResource, "", "pv-"+v)
	mc.must(err)
	pv := o.DeepCopyObject()
	setVersion(pv, mc.nextVersion())
	mc.must(mc.client.Tracker().Update(pvResource, pv, ""))
}

// read is the page of what the PersistentVolume says now.
func (mc *machine) read(v string) book {
	r, stamp, err := decode(mc.record("pv-" + v))
	mc.must(err)
	b := book{mode: r.mode}
	for _, h := range r.holders {
		b.nodes = append(b.nodes, h.node+"/"+h.uid+"=uncertain")
	}
	if r.migration != nil {
		b.moving, b.started = r.migration.Source+">"+r.migration.Target, r.migration.StartedAt.Sub(noon)
	}
	if !stamp.IsZero() {
		b.stamped, b.stamp = true, stamp.Sub(noon)
	}
	return b
}
