package scenarios

import (
	"slices"
	"time"
)

// nodeClasses are the classes of what happens to nodes.
func (c *chaos) nodeClasses() []class {
	return []class{
		{"deleteNode", 5, c.loseNode},
		{"replaceNode", 3, c.replaceNode},
		{"createNode", 3, c.createSomeNode},
		{"setReady", 2, c.flap},
		{"killMachine", 3, c.killMachine},
		{"toTheDot", 2, c.toTheDot},
	}
}

// loseNode deletes a node, most often one with volumes, and lets the world react: its attachments are given up, its
// volumes are wanted elsewhere, it comes back; each perhaps, and perhaps late.
func (c *chaos) loseNode() {
	node, ok := c.victim("lose")
	if !ok {
		return
	}
	if c.per("lose/not ready first", 3) {
		c.add(Step{SetReady: &NodeReady{Node: node}})
		c.now += c.seconds("lose/not ready", 1, 30)
	}
	c.deleteNode(node)
	for _, v := range c.scn.Spec.Volumes {
		if !slices.Contains(c.wishes[v.Name], node) {
			continue
		}
		if !c.per("lose/not wanted", 3) {
			c.after(pick(c, "lose/elsewhere", c.seconds("lose/soon", 0, 9), c.seconds("lose/late", 0, 90)), func() {
				if slices.Contains(c.wishes[v.Name], node) && len(c.wishes[v.Name]) == 1 {
					c.publishSomewhere(v.Name)
				}
			})
		}
		if !c.per("lose/never given up", 3) {
			c.after(c.seconds("lose/given up", 1, 360), func() { c.unpublish(v.Name, node) })
		}
	}
	if c.per("lose/comes back", 2) {
		c.after(c.seconds("lose/back", 5, 300), func() { c.createNode(node) })
	}
}

// replaceNode deletes a node and creates another of the same name, almost at once. Never in the same instant: steps of one
// instant may happen in any order.
func (c *chaos) replaceNode() {
	node, ok := c.victim("replace")
	if !ok {
		return
	}
	c.deleteNode(node)
	c.after(pick(c, "replace/after", time.Nanosecond, time.Millisecond, time.Second, c.millis("replace/ms", 1, 3000)), func() {
		c.createNode(node)
		for _, v := range c.scn.Spec.Volumes {
			if slices.Contains(c.wishes[v.Name], node) && c.per("replace/returns", 2) {
				c.after(c.seconds("replace/leave", 0, 20), func() {
					c.unpublish(v.Name, node)
					c.after(c.pause("replace"), func() {
						if len(c.wishes[v.Name]) == 0 {
							c.publishSomewhere(v.Name)
						}
					})
				})
			}
		}
	})
}

// toTheDot deletes a node and asks for passes at the end of its grace, and a nanosecond before and after that.
func (c *chaos) toTheDot() {
	node, ok := c.victim("dot")
	if !ok {
		return
	}
	c.deleteNode(node)
	for _, beside := range []time.Duration{-1, 0, 1} {
		c.after(time.Duration(c.scn.Spec.Reconciler.GracePeriod)+beside, func() { c.add(Step{Trigger: &Times{}}) })
	}
	c.after(c.seconds("dot/back", 60, 200), func() { c.createNode(node) })
}

func (c *chaos) createSomeNode() {
	for _, n := range c.nodes {
		if !n.exists {
			c.createNode(n.name)
			return
		}
	}
}

// flap makes a node not ready, and ready again, up to three times.
func (c *chaos) flap() {
	node, ok := c.victim("flap")
	if !ok {
		return
	}
	at := time.Duration(0)
	for range c.between("flap/times", 1, 3) {
		for _, ready := range []bool{false, true} {
			c.after(at, func() {
				if c.machine(node).exists {
					c.add(Step{SetReady: &NodeReady{Node: node, Ready: ready}})
				}
			})
			at += c.millis("flap/ms", 100, 30_000)
		}
	}
}

// killMachine stops a machine while its Node object stays, and starts it again unless the node has gone meanwhile.
func (c *chaos) killMachine() {
	node, ok := c.victim("kill")
	if !ok || !c.machine(node).alive {
		return
	}
	c.machine(node).alive = false
	c.add(Step{KillMachine: &NodeRef{Node: node}})
	c.after(c.seconds("kill/back", 1, 120), func() {
		if m := c.machine(node); m.exists && !m.alive {
			m.alive = true
			c.add(Step{StartMachine: &NodeRef{Node: node}})
		}
	})
}

// victim picks a node that exists, two times of three one that volumes are published to.
func (c *chaos) victim(label string) (string, bool) {
	var all, using []string
	for _, n := range c.nodes {
		if !n.exists {
			continue
		}
		all = append(all, n.name)
		for _, v := range c.scn.Spec.Volumes {
			if slices.Contains(c.wishes[v.Name], n.name) {
				using = append(using, n.name)
			}
		}
	}
	switch {
	case len(all) < 2: // the last one stays
		return "", false
	case len(using) > 0 && !c.per(label+"/any", 3):
		return pick(c, label+"/using", using...), true
	}
	return pick(c, label+"/node", all...), true
}

func (c *chaos) machine(name string) *machine {
	return &c.nodes[slices.IndexFunc(c.nodes, func(n machine) bool { return n.name == name })]
}

func (c *chaos) deleteNode(name string) {
	m := c.machine(name)
	if !m.exists {
		return
	}
	m.exists, m.alive = false, false
	c.mark()
	c.add(Step{DeleteNode: &NodeRef{Node: name}})
}

func (c *chaos) createNode(name string) {
	m := c.machine(name)
	if m.exists {
		return
	}
	m.exists, m.alive = true, true
	c.mark()
	c.add(Step{CreateNode: &NodeRef{Node: name}})
}
