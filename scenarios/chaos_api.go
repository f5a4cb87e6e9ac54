package scenarios

import "time"

// apiClasses are the classes of what happens to the API server and to the watches of it.
func (c *chaos) apiClasses() []class {
	return []class{
		{"outage", 2, c.outage},
		{"lag", 2, c.lag},
		{"disconnect", 2, c.disconnect},
	}
}

func (c *chaos) outage() {
	c.mark()
	c.add(Step{Outage: &Outage{For: Duration(c.millis("outage/ms", 500, 45_000)), Hang: c.per("outage/hang", 3)}})
}

func (c *chaos) lag() {
	c.add(Step{Lag: &Lag{Resource: c.resource("lag"), For: Duration(pick(c, "lag/for", time.Second, c.seconds("lag/s", 1, 60), c.seconds("lag/long", 60, 150)))}})
}

func (c *chaos) disconnect() {
	c.add(Step{Disconnect: &Resource{Resource: c.resource("disconnect"), Gone: c.per("disconnect/gone", 2)}})
}

// resource prefers nodes: what is believed of them decides most.
func (c *chaos) resource(label string) string {
	return pick(c, label+"/resource", "nodes", "nodes", "persistentvolumes", "volumeattachments", "csinodes")
}
