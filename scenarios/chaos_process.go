package scenarios

import (
	"slices"
	"time"
)

// processClasses are the classes of what happens to the system's process, and of what is asked of it.
func (c *chaos) processClasses() []class {
	return []class{
		{"crash", 3, c.crash},
		{"depose", 2, c.depose},
		{"overlap", 2, c.overlap},
		{"lifecycle", 3, c.lifecycle},
		{"trigger", 3, c.trigger},
		{"call", 4, c.call},
		{"clockStep", 2, c.clockStep},
	}
}

func (c *chaos) crash() {
	if d, ok := c.downtime("crash"); ok {
		c.add(Step{Crash: &Downtime{For: d}})
	}
}

func (c *chaos) depose() {
	if d, ok := c.downtime("depose"); ok {
		c.add(Step{Depose: &Downtime{For: d}})
	}
}

// overlap starts the next process before this one has ended, and wants something done meanwhile.
func (c *chaos) overlap() {
	if c.now < c.away {
		return
	}
	c.mark()
	lasts := pick(c, "overlap/for", c.millis("overlap/ms", 1, 5000), c.seconds("overlap/s", 5, 60))
	c.add(Step{Overlap: &Overlap{For: Duration(lasts), Unelected: c.per("overlap/unelected", 4)}})
	c.stopped = false
	for range c.choose("overlap/calls", 3) {
		c.after(c.millis("overlap/call", 0, 2000), func() { pick(c, "overlap/what", c.start, c.rush, c.move)() })
	}
}

// downtime draws how long the process is away, if it is there.
func (c *chaos) downtime(label string) (Duration, bool) {
	if c.now < c.away {
		return 0, false
	}
	c.mark()
	d := pick(c, label+"/for", 0, c.millis(label+"/ms", 1, 5000), c.seconds(label+"/s", 1, 60))
	c.away = c.now + d
	c.stopped = false // the next incarnation starts its loop
	return Duration(d), true
}

// lifecycle is a burst of calls with no pause between. A reconciler that is left stopped is started later, for a stopped one
// has nothing to be judged by.
func (c *chaos) lifecycle() {
	if c.now < c.away {
		return
	}
	burst := pick(c, "lifecycle",
		[]string{"stop", "start"}, []string{"stop", "start", "stop", "start"}, []string{"stop", "stop", "start"}, []string{"start"},
		[]string{"cancel", "start"}, []string{"stop", "start", "start"}, []string{"stop"}, []string{"cancel"}, []string{"stop", "start", "stop"},
		[]string{"cancel", "stop", "start"})
	c.add(Step{Lifecycle: slices.Clone(burst)})
	if burst[len(burst)-1] == "start" {
		c.stopped = false
		return
	}
	c.stopped = true
	pause := pick(c, "lifecycle/pause", time.Nanosecond, time.Second, c.millis("lifecycle/ms", 1, 40_000))
	if c.per("lifecycle/trigger", 2) { // nobody is there to hear it
		c.after(pause/2, c.trigger)
	}
	c.appoint(appointment{at: c.now + pause, must: true, do: func() {
		if c.stopped {
			c.stopped = false
			c.add(Step{Lifecycle: []string{"start"}})
		}
	}})
}

func (c *chaos) trigger() {
	c.add(Step{Trigger: &Times{Times: pick(c, "trigger", 1, 1, 1, 2, 3, 5)}})
}

// call calls a method of the Manager. Methods that write are about the one volume that nothing else touches: mixed with
// publish and unpublish they would break the callers' own contract, and prove nothing. It is untracked in the end.
func (c *chaos) call() {
	method := pick(c, "call/method", slices.Concat(aboutVolume, aboutVolume, aboutNone)...)
	switch reads := []string{"GetAttachment", "IsWithinGracePeriod", "GetDetachTimestamp"}; {
	case slices.Contains(aboutNone, method):
		c.add(Step{Call: &Call{Method: method}})
	case slices.Contains(reads, method):
		c.add(Step{Call: &Call{Method: method, Volume: pick(c, "call/volume", c.scn.Spec.Volumes...).Name}})
	case c.direct != "":
		c.write(method)
	}
}

func (c *chaos) write(method string) {
	call := &Call{Method: method, Volume: c.direct}
	switch method {
	case "UntrackAttachment", "ClearDetachTimestamp":
	case "RemoveNodeAttachment":
		call.Node = pick(c, "call/from", "", c.anyNode(), c.anyNode())
	default:
		call.Node = c.anyNode()
	}
	c.add(Step{Call: call})
	c.tracked = true
}

// endDirect untracks the volume of direct calls, for no wish of anybody's would ever end it. A call may fail under a fault, so
// there is more than one.
func (c *chaos) endDirect() {
	if !c.tracked {
		return
	}
	for range 3 {
		c.now += c.seconds("call/end", 1, 20)
		c.add(Step{Call: &Call{Method: "UntrackAttachment", Volume: c.direct}})
	}
}

func (c *chaos) anyNode() string { return pick(c, "call/node", c.nodes...).name }

var clockSteps = []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, 2 * time.Hour}

func (c *chaos) clockStep() {
	by := pick(c, "clock/by", clockSteps...)
	if c.per("clock/back", 2) {
		by = -by
	}
	c.add(Step{ClockStep: &Jump{By: Duration(by)}})
}
