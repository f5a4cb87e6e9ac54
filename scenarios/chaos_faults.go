package scenarios

import (
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/sim/fault"
)

// place is a kind of request that the system makes, and what may happen to it.
type place struct {
	on      On
	effects []fault.Effect
	weight  int
}

// places lists what a plan may meet. What a real API server cannot do is left out: a read of one object is never stale,
// and no list but that of nodes, whose emptiness systems must doubt, comes back empty. (A list that asks for the present
// is not stale either; the simulated server sees to that.) A watch or a list that hangs is an outage with hang, which ends.
func places() []place {
	read := []fault.Effect{fault.Error, fault.Timeout, fault.Unreachable, fault.Throttled, fault.Latency, fault.Hang, fault.ReplyLost, fault.Deaf}
	list := []fault.Effect{fault.Error, fault.Timeout, fault.Unreachable, fault.Throttled, fault.Latency}
	write := []fault.Effect{fault.Conflict, fault.Error, fault.Timeout, fault.LateEffect, fault.Hang, fault.ReplyLost, fault.Latency, fault.Throttled,
		fault.Unreachable, fault.Deaf, fault.ErrorAfter, fault.CrashBefore, fault.CrashAfter}
	backend := []fault.Effect{fault.Error, fault.Timeout, fault.LateEffect, fault.Hang, fault.ReplyLost, fault.Latency, fault.Deaf, fault.CrashBefore, fault.CrashAfter}
	watch := []fault.Effect{fault.Error, fault.Unreachable, fault.Timeout, fault.Throttled}
	crash := []fault.Effect{fault.CrashBefore, fault.CrashAfter}
	return []place{
		{On{Verb: "get", Resource: "nodes"}, read, 4},
		{On{Verb: "get", Resource: "nodes", Actor: "run"}, read, 4},
		{On{Verb: "get", Resource: "nodes", Actor: "run"}, crash, 12},
		{On{Verb: "patch", Resource: "persistentvolumes"}, write, 8},
		{On{Verb: "patch", Resource: "persistentvolumes", Actor: "run"}, write, 3},
		{On{Verb: "get", Resource: "persistentvolumes"}, read, 2},
		{On{Verb: "get", Resource: "csinodes"}, read, 1},
		{On{Verb: "list", Resource: "nodes"}, append(list, fault.EmptyList, fault.StaleRead), 3},
		{On{Verb: "list", Resource: "persistentvolumes"}, append(list, fault.StaleRead), 1},
		{On{Verb: "list", Resource: "volumeattachments"}, append(list, fault.StaleRead), 1},
		{On{Verb: "watch", Resource: "nodes"}, watch, 1},
		{On{Verb: "watch", Resource: "persistentvolumes"}, watch, 1},
		{On{Verb: "watch", Resource: "volumeattachments"}, watch, 1},
		{On{Verb: "grant", Resource: fault.Backend}, backend, 5},
		{On{Verb: "revoke", Resource: fault.Backend}, backend, 5},
		{On{Verb: "fence", Resource: fault.Backend}, backend, 3},
		{On{Verb: "fence", Resource: fault.Backend, Actor: "run"}, crash, 2},
		{On{Verb: "exists", Resource: fault.Backend}, []fault.Effect{fault.Error, fault.Timeout, fault.Latency, fault.Hang}, 1},
		{On{Actor: "run"}, slices.Concat(crash, []fault.Effect{fault.Error}), 2},
		{On{API: true}, []fault.Effect{fault.Error, fault.Latency, fault.Timeout, fault.Unreachable, fault.Throttled}, 2},
	}
}

// faults draws the rules of the plan: which effects this scenario knows at all, then up to twelve rules, each of an effect
// and of a place where it can happen. Effects come first, so that the rare ones are as frequent as those that fit everywhere.
func (c *chaos) faults() {
	if c.calm {
		return
	}
	all := places()
	weight := make(map[fault.Effect]int)
	for _, p := range all {
		for _, e := range p.effects {
			weight[e] += p.weight
		}
	}
	var known []fault.Effect
	for _, e := range fault.Effects() {
		if weight[e] > 0 && c.allows(e) && (c.favours(string(e)) || !c.per("faults/off/"+string(e), 3)) {
			known = append(known, e)
		}
	}
	if len(known) == 0 {
		return
	}
	for range c.between("faults/rules", 2, 12) {
		effect := pick(c, "faults/effect", known...)
		c.scn.Spec.Faults = append(c.scn.Spec.Faults, c.rule(c.where(all, effect, weight[effect]), effect))
	}
}

// where draws one of the places that have the effect, by their weights, of which sum is the sum.
func (c *chaos) where(all []place, effect fault.Effect, sum int) On {
	n := c.choose("faults/place/"+string(effect), sum)
	for _, p := range all {
		if !slices.Contains(p.effects, effect) {
			continue
		}
		if n -= p.weight; n < 0 {
			return p.on
		}
	}
	panic("scenarios: an effect without a place: " + string(effect))
}

// allows reports whether the profile lets an effect appear.
func (c *chaos) allows(e fault.Effect) bool {
	return len(c.profile.Only) == 0 || slices.Contains(c.profile.Only, string(e))
}

func (c *chaos) rule(on On, effect fault.Effect) Fault {
	f := Fault{On: on, Effect: effect}
	crash := effect == fault.CrashBefore || effect == fault.CrashAfter
	anywhere := on.Verb == ""
	switch {
	case anywhere:
		f.Chance = 0.02
	case c.per("faults/nth", 5):
		f.On.Nth = c.between("faults/which", 1, 5)
	case crash && on.Resource == "nodes": // a pass reads few nodes
		f.Chance = pick(c, "faults/crash in a pass", 0.1, 0.3, 0.6)
	case crash: // each costs a restart, so that few are enough
		f.Chance = pick(c, "faults/crash chance", 0.05, 0.1, 0.2)
	case on.Verb == "list" || on.Verb == "watch": // there are few of those
		f.Chance = pick(c, "faults/list chance", 0.1, 0.3, 0.6)
	default:
		f.Chance = pick(c, "faults/chance", 0.05, 0.1, 0.2, 0.4)
	}
	f.For = c.delay(effect, func() time.Duration {
		return pick(c, "faults/delay", c.millis("faults/ms", 10, 2000), c.seconds("faults/s", 2, 20), csiCallTimeout, csiCallTimeout+1)
	})
	if horizon := c.horizon(); !anywhere && c.per("faults/window", 4) && horizon > time.Second {
		from := time.Duration(c.between("faults/from", 0, int(horizon/time.Millisecond)-1)) * time.Millisecond
		f.On.From, f.On.Until = Duration(from), Duration(from+c.seconds("faults/until", 5, 180))
		if !crash && f.Chance > 0 {
			f.Chance = pick(c, "faults/window chance", f.Chance, 0.5, 0.9)
		}
	}
	return f
}

// horizon is the time of the last step.
func (c *chaos) horizon() (last time.Duration) {
	for _, s := range c.scn.Spec.Timeline {
		last = max(last, time.Duration(s.At))
	}
	return last
}

// delay draws the delay of an effect that has one. A call is deaf for less than a Stop may take (SPEC.md section 5, L1).
func (c *chaos) delay(effect fault.Effect, usual func() time.Duration) Duration {
	switch {
	case effect == fault.Deaf:
		return Duration(c.millis("deaf/ms", 100, 4000))
	case effect.Delays():
		return Duration(usual())
	}
	return 0
}
