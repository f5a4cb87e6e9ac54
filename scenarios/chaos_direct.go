package scenarios

import "time"

// directClasses are the stories that the Manager's own methods tell of the one volume that nothing else touches.
func (c *chaos) directClasses() []class {
	return []class{{"byHand", 4, c.byHand}, {"ask", 2, c.ask}}
}

// ask unpublishes a volume and asks the Manager about that, some times within grace and at its end, perhaps with a jump of the
// wall clock or a crash between.
func (c *chaos) ask() {
	v, ok := c.volume("ask", c.used)
	if !ok {
		return
	}
	c.unpublishAll(v.Name)
	at, grace := time.Duration(0), time.Duration(c.scn.Spec.Reconciler.GracePeriod)
	for range c.between("ask/times", 1, 4) {
		at += pick(c, "ask/gap", time.Millisecond, c.millis("ask/ms", 1, 3000), grace/4, grace/2)
		c.after(at, func() {
			switch c.choose("ask/between", 8) {
			case 0:
				c.clockStep()
			case 1:
				c.crash()
			default:
				c.add(Step{Call: &Call{Method: pick(c, "ask/method", "IsWithinGracePeriod", "IsWithinGracePeriod", "IsWithinGracePeriod", "GetDetachTimestamp", "GetAttachment"), Volume: v.Name}})
			}
		})
	}
}

// byHand tracks the volume on a node and then does what callers do with it: once more, on a second node, off one of them or
// off all, with a rebuild or a lost node between.
func (c *chaos) byHand() {
	if c.direct == "" || c.tracked {
		return
	}
	first, second := c.anyNode(), c.anyNode()
	c.callOn("TrackAttachmentWithMode", first)
	at := time.Duration(0)
	for range c.between("hand/steps", 1, 5) {
		at += pick(c, "hand/gap", 0, time.Millisecond, c.millis("hand/ms", 1, 3000), c.seconds("hand/s", 1, 40))
		c.after(at, func() {
			switch c.choose("hand/step", 12) {
			case 0:
				c.callOn("TrackAttachmentWithMode", first)
			case 1, 2:
				c.callOn("TrackAttachmentWithMode", second)
			case 3, 4, 5:
				c.callOn("AddSecondaryAttachment", second)
			case 6:
				c.callOn("RemoveNodeAttachment", pick(c, "hand/side", first, second))
			case 7:
				c.callOn("RemoveNodeAttachment", "")
			case 8:
				c.callOn("UntrackAttachment", "")
			case 9:
				c.add(Step{Call: &Call{Method: "Rebuild"}})
				c.callOn(pick(c, "hand/meanwhile", "TrackAttachmentWithMode", "AddSecondaryAttachment"), second)
			case 10:
				c.callOn("ClearStale", first)
			default:
				c.deleteNode(first)
				c.after(c.seconds("hand/back", 1, 60), func() { c.createNode(first) })
			}
		})
	}
	c.after(at+c.seconds("hand/end", 1, 60), func() { c.callOn("UntrackAttachment", ""); c.tracked = false })
}

// callOn calls a method about the volume.
func (c *chaos) callOn(method, node string) {
	c.add(Step{Call: &Call{Method: method, Volume: c.direct, Node: node}})
	c.tracked = true
}
