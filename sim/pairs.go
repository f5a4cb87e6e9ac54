package sim

import "context"

// pairs is the strategy for a race detector. One thing at a time, which is what makes a run repeatable, also puts everything in
// an order, and what is in order is no race. Under pairs two things of different actors happen in each step, and while what they
// woke runs, every read that the system offers is made on a goroutine that has done nothing else: it takes no lock but those
// that the read itself takes. Who did what in such a step is not known, so that S20 alone is judged, and the same seed need not
// give the same run.
const pairs = "pairs"

// together is how many points happen in one step.
func (e *engine) together() int {
	if e.opt.strategy == pairs {
		return 2
	}
	return 1
}

// beside is what happens during each step.
func (e *engine) beside() func() {
	if e.opt.strategy != pairs {
		return nil
	}
	return func() {
		for _, in := range []*incarnation{e.elder, e.now} {
			if in != nil {
				in.readAll()
			}
		}
	}
}

// readAll makes every read that the system offers, each on a goroutine of its own.
func (in *incarnation) readAll() {
	for _, r := range in.reads() {
		in.aside("reader", r.name, r.do)
	}
}

// aRead is one read of the system.
type aRead struct {
	name string
	do   func()
}

func (in *incarnation) reads() []aRead {
	all := []aRead{{"metrics", func() { _, _ = in.registry.Gather() }}}
	if b, ok := power[Believer](in.sys); ok {
		all = append(all, aRead{"attachments", func() { b.Attachments() }}, aRead{"version", func() { b.Version() }})
	}
	if s, ok := power[Stats](in.sys); ok {
		all = append(all, aRead{"sizes", func() { s.Sizes() }})
	}
	d, ok := power[Direct](in.sys)
	if !ok {
		return all
	}
	for _, m := range []string{"GetAttachment", "GetDetachTimestamp", "IsWithinGracePeriod"} {
		for _, v := range in.engine.scn.Spec.Volumes {
			all = append(all, aRead{m, func() { _, _ = d.Call(context.Background(), DirectCall{Method: m, Volume: v.Name, Grace: 1}) }})
		}
	}
	return all
}
