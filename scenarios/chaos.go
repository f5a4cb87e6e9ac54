package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
)

// Profile narrows what Chaos draws. The zero value is the whole range.
type Profile struct {
	// Name of the scenario; "chaos" if empty.
	Name string
	// Only lists the classes of operations and the effects of faults that may appear; empty means all of them. A story
	// that has begun is told to its end: what was published is unpublished, whatever the classes.
	Only []string
	// StepsMin and StepsMax bound the timeline's length; 0 means 10 and 40.
	StepsMin, StepsMax int
	// Favour lists classes and effects that are always on, the classes at twice their heaviest weight and all others at the
	// lightest.
	Favour []string
}

// Chaos makes a scenario out of the answers of a source. The same source gives the same scenario.
//
// It draws by swarm: each scenario switches whole classes of operations and faults off and weights the others, because a
// mix of everything everywhere hides what a little of one thing would show (Groce and others, Swarm Testing, ISSTA 2012).
// Operations tell stories that make sense: a machine starts, moves, migrates, loses its node. Times are drawn near earlier
// events, plus a grace period, an interval or a timeout, give or take a nanosecond, as well as at random.
func Chaos(src choice.Source, profile ...Profile) *Scenario {
	p := slices.Concat(profile, []Profile{{}})[0]
	setDefault(&p.Name, "chaos")
	setDefault(&p.StepsMin, 10)
	setDefault(&p.StepsMax, max(40, p.StepsMin))
	c := &chaos{src: src, profile: p, wishes: make(map[string][]string), scn: &Scenario{APIVersion: APIVersion, Kind: Kind, Metadata: Metadata{Name: p.Name}}}
	c.checkFavour()
	c.calm = c.per("faults/none", 12)
	c.world()
	c.tell(c.between("steps", p.StepsMin, p.StepsMax))
	c.faults()
	c.rareFaults()
	c.rareSteps()
	sortSteps(c.scn.Spec.Timeline)
	return c.scn
}

// chaos is a scenario in the making. It knows what the timeline so far has led to, if nothing fails.
type chaos struct {
	src     choice.Source
	profile Profile
	scn     *Scenario

	now    time.Duration
	pace   int             // 1 to 6: how slowly this run goes
	marks  []time.Duration // times from which a timeout may count
	agenda []appointment   // by time

	nodes   []machine
	wishes  map[string][]string // nodes to which a volume is published, in order, by volume
	direct  string              // the volume that only the Manager's own methods touch; "" if none
	tracked bool                // it may be attached
	away    time.Duration       // the process is down or deposed until then
	stopped bool                // the reconciler is stopped
	calm    bool                // no fault at all
	classes []class             // those that are switched on
}

// machine is a node of the world.
type machine struct {
	name          string
	exists, alive bool
}

// appointment is the rest of a story: something to do at a time, unless it makes no sense any more.
type appointment struct {
	at   time.Duration
	do   func()
	must bool // even after the last step
}

// class is a class of operations. Its act adds steps to the timeline, or does nothing if there is no occasion.
type class struct {
	name   string
	weight int // the heaviest that a scenario may give it
	act    func()
}

// allClasses lists every class of operations, in a fixed order.
func (c *chaos) allClasses() []class {
	return slices.Concat(c.workload(), c.nodeClasses(), c.processClasses(), c.apiClasses(), c.troubleClasses(), c.directClasses())
}

// tell adds about n steps.
func (c *chaos) tell(n int) {
	c.swarm()
	for range c.between("first", 1, 3) {
		c.now += c.millis("first/ms", 0, 5000)
		c.start()
	}
	for range 20 * n { // an operation without an occasion adds nothing, so the number of tries is bounded
		if len(c.scn.Spec.Timeline) >= n {
			break
		}
		if next := c.soon(); len(c.agenda) > 0 && c.agenda[0].at <= next {
			c.keep()
		} else {
			c.now = next
			c.pickClass().act()
		}
	}
	for len(c.agenda) > 0 {
		if c.agenda[0].must || c.per("last word", 2) {
			c.keep()
			continue
		}
		c.agenda = c.agenda[1:]
	}
	c.endDirect()
}

// keep keeps the first appointment.
func (c *chaos) keep() {
	a := c.agenda[0]
	c.agenda = c.agenda[1:]
	c.now = max(c.now, a.at)
	a.do()
}

// swarm switches classes off and weights the others. Machines always start, for without them nothing happens.
func (c *chaos) swarm() {
	for _, cl := range c.allClasses() {
		if len(c.profile.Only) > 0 && !slices.Contains(c.profile.Only, cl.name) && cl.name != "start" {
			continue
		}
		switch {
		case c.favours(cl.name):
			cl.weight *= 2
		case cl.name != "start" && c.per("off/"+cl.name, 3):
			continue
		case len(c.profile.Favour) > 0:
			cl.weight = 1
		default:
			cl.weight = c.between("weight/"+cl.name, 1, cl.weight)
		}
		c.classes = append(c.classes, cl)
	}
}

// checkFavour panics if something is favoured that does not exist: no user wrote that.
func (c *chaos) checkFavour() {
	for _, name := range c.profile.Favour {
		isClass := slices.ContainsFunc(c.allClasses(), func(cl class) bool { return cl.name == name })
		if !isClass && !slices.Contains(fault.Effects(), fault.Effect(name)) {
			panic(fmt.Sprintf("scenarios: %q is neither a class nor an effect that a profile can favour", name))
		}
	}
}

// favours reports whether a class or an effect is to be drawn by all means.
func (c *chaos) favours(name string) bool { return slices.Contains(c.profile.Favour, name) }

func (c *chaos) pickClass() class {
	sum := 0
	for _, cl := range c.classes {
		sum += cl.weight
	}
	at := c.choose("class", sum)
	for _, cl := range c.classes {
		if at -= cl.weight; at < 0 {
			return cl
		}
	}
	panic("scenarios: weights do not add up")
}

// add puts a step at the present time.
func (c *chaos) add(s Step) {
	s.At = Duration(c.now)
	c.scn.Spec.Timeline = append(c.scn.Spec.Timeline, s)
}

// after makes an appointment.
func (c *chaos) after(d time.Duration, do func()) { c.appoint(appointment{at: c.now + d, do: do}) }

func (c *chaos) appoint(a appointment) {
	i, _ := slices.BinarySearchFunc(c.agenda, a.at+1, func(b appointment, at time.Duration) int { return int(b.at - at) })
	c.agenda = slices.Insert(c.agenda, i, a)
}

// The helpers below ask the source. Every question has a label of its own, so that a change in one does not shift the others.

func (c *chaos) choose(label string, n int) int { return c.src.Choose("chaos/"+label, n) }

func (c *chaos) per(label string, n int) bool { return choice.Per(c.src, "chaos/"+label, n) }

func (c *chaos) between(label string, low, high int) int { return low + c.choose(label, high-low+1) }

func pick[T any](c *chaos, label string, from ...T) T { return from[c.choose(label, len(from))] }

// oddHandles are volume handles as drivers of the clouds give them: no name of anything in Kubernetes.
var oddHandles = []string{"/subscriptions/Abc/disks/disk-1", "projects/p/zones/z/disks/disk-1", "arn:aws:ec2:eu:volume/vol#1"}

// world draws the set-up.
func (c *chaos) world() {
	spec := &c.scn.Spec
	nodes, volumes := c.between("nodes", 2, 4), c.between("volumes", 1, 4)
	if c.per("crowd", 16) { // so many that a call for each is too many, and the loss of one node is not the loss of half
		nodes, volumes = c.between("crowd/nodes", 6, 9), c.between("crowd/volumes", 6, 9)
	}
	spec.Nodes = numberedNodes(nodes)
	if len(spec.Nodes) > 2 && c.per("later", 5) {
		spec.Nodes[len(spec.Nodes)-1].Later = true
	}
	for _, n := range spec.Nodes {
		c.nodes = append(c.nodes, machine{name: n.Name, exists: !n.Later, alive: !n.Later})
	}
	for i := range volumes {
		v := Volume{Name: "disk-" + strconv.Itoa(i+1), AccessMode: pick(c, "mode", accessModes[0], accessModes[0], accessModes[0], accessModes[0], accessModes[1],
			accessModes[2], accessModes[3], accessModes[3], accessModes[3], accessModes[3])}
		if v.AccessMode == accessModes[3] {
			v.MigrationTimeout = pick[Duration](c, "migration timeout", 0, 0, Duration(30*time.Second), Duration(time.Minute), Duration(2*time.Minute), Duration(5*time.Minute),
				Duration(time.Second), Duration(2*time.Hour))
		}
		v.Unclaimed = c.per("unclaimed", 8)
		spec.Volumes = append(spec.Volumes, v)
	}
	if c.per("odd handle", 8) {
		spec.Volumes[0].Name = pick(c, "handle", oddHandles...)
	}
	if c.per("direct", 2) {
		c.direct = "direct"
		spec.Volumes = append(spec.Volumes, Volume{Name: c.direct, AccessMode: pick(c, "direct mode", accessModes[0], accessModes[3], accessModes[3])})
	}
	minutes, seconds := Duration(time.Minute), Duration(time.Second)
	spec.Reconciler.Interval = pick(c, "interval", minutes, minutes, 2*minutes, 3*minutes, 5*minutes, Duration(c.between("short interval", 10, 59))*seconds)
	spec.Reconciler.GracePeriod = pick(c, "grace", 10*seconds, 30*seconds, 30*seconds, 60*seconds, Duration(c.between("some grace", 11, 59))*seconds, Duration(c.between("short grace", 1, 9))*seconds)
	spec.Backend.Fence = c.per("fence", 2)
	if c.per("not dead", 4) {
		dead := false
		spec.Assume.NodeDead, spec.Backend.Fence = &dead, true // nothing else protects then
	}
	spec.Latency = c.latency("latency", 50*time.Millisecond, 0, 20*time.Millisecond, 200*time.Millisecond, time.Second, 3*time.Second)
	spec.Deliver = c.latency("deliver", 10*time.Millisecond, 0, 50*time.Millisecond, 500*time.Millisecond, 2*time.Second)
	if c.per("exact", 5) { // nothing takes any time: what is due at an instant happens at that instant
		spec.Latency, spec.Deliver = Latency{}, Latency{}
	}
	c.pace = c.between("pace", 1, 6)
}

func (c *chaos) latency(label string, lowMax time.Duration, highs ...time.Duration) Latency {
	high := pick(c, label, highs...)
	low := min(high, time.Duration(c.between(label+" min", 0, int(lowMax/time.Millisecond)))*time.Millisecond)
	return Latency{Min: Duration(low), Max: Duration(high)}
}
