package scenarios

import (
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/sim/fault"
)

// troubleClasses are stories in which calls about one volume fail while something else happens to it. Rules that fit any
// request at any time seldom hit the one call on which all depends, so these bring rules of their own: about one volume or
// node, for a while.
func (c *chaos) troubleClasses() []class {
	return []class{
		{"doubt", 3, c.doubt},
		{"halfDetached", 2, c.halfDetached},
		{"stuckVolume", 2, c.stuckVolume},
		{"blind", 2, c.blind},
		{"unseenReturn", 2, c.unseenReturn},
		{"stopInPass", 2, c.stopInPass},
	}
}

// trouble adds a rule that holds from now on for a while. A scenario that is calm, or leaves the effect out, gets none.
func (c *chaos) trouble(on On, effect fault.Effect, lasts time.Duration) {
	if c.calm || !c.allows(effect) {
		return
	}
	on.From, on.Until = Duration(c.now), Duration(c.now+lasts)
	f := Fault{On: on, Effect: effect}
	if c.per("trouble/some", 3) {
		f.Chance = 0.5
	}
	f.For = c.delay(effect, func() time.Duration { return c.millis("trouble/delay", 100, 20_000) })
	c.scn.Spec.Faults = append(c.scn.Spec.Faults, f)
}

// doubt publishes a volume while its grants, or the writes of its record, have no known end, and lets the node go, or come
// back as another machine, or the wish end, before anybody knows.
func (c *chaos) doubt() {
	v, ok := c.volume("doubt", func(v Volume) bool { return len(c.wishes[v.Name]) == 0 })
	if !ok {
		return
	}
	on := On{Verb: "grant", Resource: fault.Backend, Name: v.Name}
	if c.per("doubt/record", 3) {
		on = On{Verb: "patch", Resource: "persistentvolumes", Name: pvName(v.Name)}
	}
	lasts := pick(c, "doubt/lasts", c.seconds("doubt/short", 1, 20), c.seconds("doubt/long", 20, 120))
	c.trouble(on, pick(c, "doubt/effect", fault.Timeout, fault.Hang, fault.ReplyLost, fault.LateEffect, fault.Latency, fault.Deaf), lasts)
	node := c.publishSomewhere(v.Name)
	if node == "" || !c.machine(node).exists {
		return
	}
	c.after(c.millis("doubt/after", 1, 12_000), func() {
		switch c.choose("doubt/then", 6) {
		case 0:
			c.unpublish(v.Name, node)
		case 1:
			c.crash()
		case 2:
			c.deleteNode(node)
			c.after(c.pause("doubt"), func() { c.publishSomewhere(v.Name) })
		default: // back as another machine, at once or when the grace of the old one is about over
			c.deleteNode(node)
			grace := time.Duration(c.scn.Spec.Reconciler.GracePeriod)
			back := pick(c, "doubt/back", c.millis("doubt/back ms", 1, 3000), max(time.Millisecond, grace-c.millis("doubt/before grace", 0, 8000)))
			c.after(back, func() { c.createNode(node) })
		}
	})
}

// halfDetached unpublishes a volume while its revoke, or the write after it, has no known end, and wants it elsewhere meanwhile.
func (c *chaos) halfDetached() {
	v, ok := c.volume("half", c.used)
	if !ok {
		return
	}
	node := c.wishes[v.Name][0]
	on := On{Verb: "revoke", Resource: fault.Backend, Name: v.Name}
	if c.per("half/record", 2) {
		on = On{Verb: "patch", Resource: "persistentvolumes", Name: pvName(v.Name)}
	}
	c.trouble(on, pick(c, "half/effect", fault.Error, fault.Timeout, fault.Hang, fault.ReplyLost, fault.LateEffect), c.seconds("half/lasts", 2, 60))
	c.unpublish(v.Name, node)
	c.after(c.pause("half"), func() {
		switch c.choose("half/then", 5) {
		case 0:
			c.crash()
		case 1:
			c.deleteNode(node)
		case 2: // the same node again, before the other end is known
			c.publish(v.Name, node)
		default:
			c.publishSomewhere(v.Name)
		}
	})
}

// stuckVolume takes a node with several volumes away while one of them cannot be cleared: the others must be.
func (c *chaos) stuckVolume() {
	node, ok := c.victim("stuck")
	if !ok {
		return
	}
	var here []Volume
	for _, v := range c.scn.Spec.Volumes {
		if v.Name == c.direct {
			continue
		}
		if len(c.wishes[v.Name]) == 0 && c.machine(node).exists {
			c.publish(v.Name, node)
		}
		if slices.Contains(c.wishes[v.Name], node) {
			here = append(here, v)
		}
	}
	if len(here) == 0 {
		return
	}
	stuck := here[0]
	if c.per("stuck/any", 3) {
		stuck = pick(c, "stuck/volume", here...)
	}
	c.after(c.seconds("stuck/later", 3, 20), func() {
		lasts := time.Duration(c.scn.Spec.Reconciler.GracePeriod) + c.seconds("stuck/lasts", 30, 200)
		effects := []fault.Effect{fault.Error, fault.Throttled, fault.Unreachable}
		on := On{Verb: "patch", Resource: "persistentvolumes", Name: pvName(stuck.Name), Actor: "run"}
		if c.scn.Spec.Backend.Fence && c.per("stuck/fence", 2) {
			on, effects = On{Verb: "fence", Resource: fault.Backend, Name: stuck.Name, Actor: "run"}, []fault.Effect{fault.Error, fault.Timeout}
		}
		c.trouble(on, pick(c, "stuck/effect", effects...), lasts)
		c.deleteNode(node)
	})
}

// blind starts the process anew while it cannot list what it needs. If that is the nodes, one goes meanwhile.
func (c *chaos) blind() {
	node, ok := c.victim("blind")
	if !ok {
		return
	}
	on := On{Verb: "list", Resource: pick(c, "blind/resource", "nodes", "nodes", "persistentvolumes", "volumeattachments")}
	effects := []fault.Effect{fault.Error, fault.Unreachable, fault.Throttled}
	lasts := c.seconds("blind/short", 1, 20)
	if on.Resource == "nodes" {
		effects = append(effects, fault.EmptyList)
		lasts = time.Duration(c.scn.Spec.Reconciler.GracePeriod) + c.seconds("blind/lasts", 5, 60)
	}
	c.trouble(on, pick(c, "blind/effect", effects...), lasts)
	c.crash()
	if on.Resource == "nodes" && !c.per("blind/nobody", 3) {
		c.after(c.seconds("blind/later", 1, 10), func() { c.deleteNode(node) })
	}
}

// unseenReturn takes a node away and brings another of its name within grace, while nobody is told of nodes.
func (c *chaos) unseenReturn() {
	node, ok := c.victim("unseen")
	if !ok {
		return
	}
	grace := time.Duration(c.scn.Spec.Reconciler.GracePeriod)
	c.deleteNode(node)
	c.after(c.millis("unseen/known", 200, 4000), func() {
		c.add(Step{Lag: &Lag{Resource: "nodes", For: Duration(grace + c.seconds("unseen/lag", 1, 30))}})
		c.after(c.millis("unseen/back", 1, int(max(2, grace/time.Millisecond))), func() { c.createNode(node) })
	})
}

// stopInPass stops the loop while a pass hangs in a call about a node that is gone.
func (c *chaos) stopInPass() {
	node, ok := c.victim("in pass")
	if !ok || c.now < c.away {
		return
	}
	on := pick(c, "in pass/call", On{Verb: "get", Resource: "nodes", Name: node, Actor: "run"}, On{Verb: "patch", Resource: "persistentvolumes", Actor: "run"},
		On{Verb: "fence", Resource: fault.Backend, Actor: "run"})
	grace := time.Duration(c.scn.Spec.Reconciler.GracePeriod)
	c.deleteNode(node)
	from := pick(c, "in pass/from", 0, max(0, grace-5*time.Second))
	c.after(from, func() {
		c.trouble(on, pick(c, "in pass/effect", fault.Hang, fault.Hang, fault.Latency, fault.Deaf, fault.Deaf), 30*time.Second)
	})
	stop := pick(c, "in pass/stop", c.millis("in pass/first", 50, 15_000), grace+c.millis("in pass/last", 50, 15_000))
	c.after(stop, c.lifecycle)
}
