package scenarios

import (
	"slices"
	"time"
)

// workload are the classes of what virtual machines do with their volumes.
func (c *chaos) workload() []class {
	return []class{
		{"start", 6, c.start},
		{"stop", 3, c.stopMachine},
		{"move", 5, c.move},
		{"rush", 6, c.rush},
		{"migrate", 8, c.migrate},
	}
}

// start publishes a volume that nobody uses, or a read-only one once more.
func (c *chaos) start() {
	v, ok := c.volume("start", func(v Volume) bool { return len(c.wishes[v.Name]) == 0 || v.AccessMode == "ReadOnlyMany" })
	if !ok {
		return
	}
	c.publishSomewhere(v.Name)
}

func (c *chaos) stopMachine() {
	if v, ok := c.volume("stop", c.used); ok {
		c.unpublishAll(v.Name)
	}
}

// move hands a volume over the proper way: unpublished here, published there, after a while or at once.
func (c *chaos) move() {
	v, ok := c.volume("move", c.used)
	if !ok {
		return
	}
	c.unpublishAll(v.Name)
	c.after(c.pause("move"), func() {
		if len(c.wishes[v.Name]) == 0 {
			c.publishSomewhere(v.Name)
		}
	})
}

// rush publishes elsewhere although somebody holds the volume: a legitimate refusal if there may be one only. The holder goes later.
func (c *chaos) rush() {
	v, ok := c.volume("rush", func(v Volume) bool { return c.used(v) && v.AccessMode != "ReadOnlyMany" })
	if !ok {
		return
	}
	holder := c.wishes[v.Name][0]
	c.publishSomewhere(v.Name)
	c.after(c.pause("rush")+c.seconds("rush/patience", 0, 60), func() { c.unpublish(v.Name, holder) })
}

// migrate publishes a volume to a second node, and ends that in one of the ways in which migrations end.
func (c *chaos) migrate() {
	v, ok := c.volume("migrate", func(v Volume) bool { return v.AccessMode == "ReadWriteMany" })
	if !ok {
		return
	}
	if len(c.wishes[v.Name]) == 0 {
		c.publishSomewhere(v.Name)
		c.after(c.seconds("migrate/start", 1, 20), func() { c.migrateVolume(v) })
		return
	}
	c.migrateVolume(v)
}

func (c *chaos) migrateVolume(v Volume) {
	if len(c.wishes[v.Name]) != 1 {
		return
	}
	source := c.wishes[v.Name][0]
	target := c.publishSomewhere(v.Name)
	if target == "" {
		return
	}
	timeout := time.Duration(v.MigrationTimeout)
	setDefault(&timeout, 5*time.Minute)
	switch c.choose("migrate/end", 10) {
	case 0, 1, 2, 3: // it completes
		c.after(c.seconds("migrate/complete", 1, 60), func() { c.unpublish(v.Name, source) })
	case 4, 5: // it is cancelled, perhaps before the target is attached
		c.after(pick(c, "migrate/cancel", 0, 300*time.Millisecond, 2*time.Second, 30*time.Second), func() { c.unpublish(v.Name, target) })
	case 6: // it takes too long
		late := timeout + time.Duration(c.choose("migrate/late", 3)-1) + pick[time.Duration](c, "migrate/later", 0, 0, time.Duration(c.scn.Spec.Reconciler.Interval))
		c.after(min(late, 8*time.Minute), func() { c.unpublish(v.Name, pick(c, "migrate/either", source, target)) })
	case 7: // a third wants the volume too
		third := c.publishSomewhere(v.Name)
		c.after(c.seconds("migrate/third", 1, 60), func() { c.unpublish(v.Name, third); c.unpublish(v.Name, source) })
	default: // one of the two nodes dies
		victim := pick(c, "migrate/victim", source, target)
		c.after(c.seconds("migrate/death", 0, 40), func() {
			c.deleteNode(victim)
			c.after(c.seconds("migrate/aftermath", 1, 120), func() { c.unpublish(v.Name, victim) })
		})
	}
}

// pause draws the time between the two halves of a hand-off.
func (c *chaos) pause(label string) time.Duration {
	return pick(c, label+"/pause", 0, time.Millisecond, time.Second, 2*time.Second, c.millis(label+"/pause ms", 1, 30_000))
}

// volume picks one of the volumes that VolumeAttachments are about.
func (c *chaos) volume(label string, fits func(Volume) bool) (Volume, bool) {
	var fitting []Volume
	for _, v := range c.scn.Spec.Volumes {
		if v.Name != c.direct && fits(v) {
			fitting = append(fitting, v)
		}
	}
	if len(fitting) == 0 {
		return Volume{}, false
	}
	return pick(c, label+"/volume", fitting...), true
}

func (c *chaos) used(v Volume) bool { return len(c.wishes[v.Name]) > 0 }

// publishSomewhere publishes a volume to a node that has none of it, and returns the node; "" if there is no such node. Now
// and then it is a node that does not exist.
func (c *chaos) publishSomewhere(volume string) string {
	var free []string
	for _, n := range c.nodes {
		if !slices.Contains(c.wishes[volume], n.name) && (n.exists || c.per("publish/nowhere", 8)) {
			free = append(free, n.name)
		}
	}
	if len(free) == 0 {
		return ""
	}
	node := pick(c, "publish/node", free...)
	c.publish(volume, node)
	return node
}

// publish does nothing if the volume is published there already.
func (c *chaos) publish(volume, node string) {
	if slices.Contains(c.wishes[volume], node) {
		return
	}
	c.mark()
	c.add(Step{Publish: &Attachment{Volume: volume, Node: node}})
	c.wishes[volume] = append(c.wishes[volume], node)
}

// unpublish does nothing if the volume is not published there any more.
func (c *chaos) unpublish(volume, node string) {
	if !slices.Contains(c.wishes[volume], node) {
		return
	}
	c.mark()
	c.add(Step{Unpublish: &Attachment{Volume: volume, Node: node, Force: c.per("force", 10)}})
	c.wishes[volume] = slices.DeleteFunc(c.wishes[volume], func(n string) bool { return n == node })
}

func (c *chaos) unpublishAll(volume string) {
	for _, node := range slices.Clone(c.wishes[volume]) {
		c.unpublish(volume, node)
	}
}
