package model

// Tally counts what happened in a trace, by name: the report shows it, and a campaign sums it up to see what was never reached.
type Tally = map[string]int

// counts is the tally while it grows. Names are only put together at the end.
type counts struct {
	faults, troubles, refused                   map[string]int
	publishes, unpublishes                      int
	conflicts, crashes, midPass                 int
	nodesGone, nodesGoneAttached                int
	migrationFaults, migrations                 int
	cleared, evicted, repairs, orphans, rebuilt int
	assumed, leaned                             int // A-dead
	overlaps                                    int // processes that began while another one ran
}

func newCounts() counts {
	return counts{faults: make(map[string]int), troubles: make(map[string]int), refused: make(map[string]int)}
}

func (c *counts) fault(s *state, effect string) {
	c.faults[effect]++
	c.inMigration(s)
}

func (c *counts) trouble(s *state, verb string) {
	c.troubles[verb]++
	c.inMigration(s)
}

// inMigration counts the volumes whose migration was under way when a fault came.
func (c *counts) inMigration(s *state) {
	for _, p := range s.alive {
		c.migrationFaults += p.migrating
	}
}

func (c *counts) crash(s *state, p *proc) {
	c.crashes++
	if p.pass.begun > p.pass.ended {
		c.midPass++
	}
	c.inMigration(s)
}

func (c *counts) nodeGone(s *state, name string) {
	c.nodesGone++
	for _, v := range s.order {
		for _, d := range v.deals {
			if d.node == name && d.held {
				c.nodesGoneAttached++
				return
			}
		}
	}
}

func (c *counts) returned(o *operation) {
	switch {
	case o.verb == "publish" && o.code == "OK":
		c.publishes++
	case o.verb == "unpublish" && o.code == "OK":
		c.unpublishes++
	case o.verb == "publish":
		c.refused[o.code]++
	}
}

func (c *counts) removed(r removal) {
	switch r.cause {
	case becauseCleared:
		c.cleared++
	case becauseEvicted:
		c.evicted++
	case becauseRepaired:
		c.repairs++
	case becauseOwn:
		c.orphans++
	case becauseRebuilt:
		c.rebuilt++
	}
}

// tally puts the names together.
func (c *counts) tally() Tally {
	t := Tally{
		"publishes OK": c.publishes, "unpublishes OK": c.unpublishes, "conflicts": c.conflicts, "crashes": c.crashes,
		"crashes in mid-pass": c.midPass, "node deletions": c.nodesGone, "node deletions with volumes attached": c.nodesGoneAttached,
		"migrations in flight at a fault": c.migrationFaults, "migrations": c.migrations, "stale entries cleared": c.cleared,
		"evictions": c.evicted, "repairs": c.repairs, "orphans unpublished": c.orphans, "overlapping processes": c.overlaps,
		"A-dead assumed": c.assumed, "A-dead leaned on": c.leaned,
	}
	for effect, n := range c.faults {
		t["fault/"+effect] = n
	}
	for verb, n := range c.troubles {
		t["trouble/"+verb] = n
	}
	for code, n := range c.refused {
		t["publishes refused/"+code] = n
	}
	return t
}
