package scenarios

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/fault"
)

// rarePlaces are requests and effects that places leaves out: each alone is seldom worth a rule, and together they are what
// the fault grid would name as never reached.
func rarePlaces() (all []place) {
	crash := []fault.Effect{fault.CrashBefore, fault.CrashAfter}
	for _, resource := range []string{"nodes", "persistentvolumes", "volumeattachments", "csinodes"} {
		all = append(all,
			place{On{Verb: "list", Resource: resource}, append([]fault.Effect{fault.ReplyLost, fault.Deaf, fault.Hang}, crash...), 1},
			place{On{Verb: "watch", Resource: resource}, crash, 1})
	}
	for _, verb := range []string{"grant", "revoke", "fence", "exists"} {
		all = append(all, place{On{Verb: verb, Resource: fault.Backend}, []fault.Effect{fault.Unreachable, fault.ReplyLost, fault.Deaf, fault.CrashBefore, fault.CrashAfter}, 1})
	}
	return append(all,
		place{On{Verb: "list", Resource: "nodes"}, []fault.Effect{fault.PartialList}, 12},
		place{On{Verb: "exists", Resource: fault.Backend}, []fault.Effect{fault.StaleRead}, 4},
		place{On{Verb: "get", Resource: "nodes"}, crash, 2},
		place{On{Verb: "get", Resource: "persistentvolumes"}, crash, 2},
		place{On{Verb: "publish", Resource: fault.CSI}, []fault.Effect{fault.ReplyLost}, 4},
		place{On{Verb: "unpublish", Resource: fault.CSI}, []fault.Effect{fault.ReplyLost}, 4})
}

// rareFaults adds one to three rules about rare places to one scenario in four. They have labels of their own, after all
// others, so that the other three are what they would be without.
func (c *chaos) rareFaults() {
	if c.calm || !c.per("rare", 4) {
		return
	}
	var weighted []place
	for _, p := range rarePlaces() {
		for range p.weight {
			weighted = append(weighted, p)
		}
	}
	for range c.between("rare/rules", 1, 3) {
		p := pick(c, "rare/place", weighted...)
		effect := pick(c, "rare/effect", p.effects...)
		if !c.allows(effect) {
			continue
		}
		f := c.rule(p.on, effect)
		if effect == fault.PartialList { // nodes are listed a few times in a run
			f.On.Nth, f.Chance = 0, pick(c, "rare/partial", 0, 0.5)
		}
		c.scn.Spec.Faults = append(c.scn.Spec.Faults, f)
	}
}

// rareSteps adds one of the rare things to one scenario in four.
func (c *chaos) rareSteps() {
	if c.calm || !c.per("rare/step", 4) || len(c.profile.Only) > 0 {
		return
	}
	at := Duration(time.Duration(c.between("rare/at", 0, int(c.horizon()/time.Millisecond))) * time.Millisecond)
	node := func() *NodeRef { return &NodeRef{Node: pick(c, "rare/node", c.nodes...).name} }
	var steps []Step
	switch pick(c, "rare/what", "pause", "pause", "replay", "skew", "taint", "shutdown") {
	case "pause": // mostly for longer than a lease
		lasts := pick(c, "rare/pause for", c.seconds("rare/short", 1, 15), c.seconds("rare/long", 16, 60), c.seconds("rare/minutes", 30, 180))
		steps = []Step{{Pause: &Downtime{For: Duration(lasts)}}}
	case "replay":
		steps = []Step{{Replay: &Resource{Resource: c.resource("rare/replay"), Events: pick(c, "rare/events", 1, 2, 5, 1000)}}}
	case "skew":
		by := pick(c, "rare/by", -time.Hour, -time.Minute, -5*time.Second, 5*time.Second, time.Minute, time.Hour)
		steps = []Step{{ClockStep: &Jump{By: Duration(by), Process: true}}}
	case "taint": // of a node whose machine goes on
		steps = []Step{{OutOfService: node()}}
	case "shutdown":
		off := node()
		steps = []Step{{KillMachine: off}, {OutOfService: off}}
	}
	for _, s := range steps {
		s.At = at
		c.scn.Spec.Timeline = append(c.scn.Spec.Timeline, s)
	}
}
