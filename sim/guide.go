package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Guide lets a walk make the choices between the last instant of the timeline and the end of the faults: which step of an
// operation, of the sidecar or of the run loop is next, and which of the effects a call meets. Everything else goes on in
// order and at once: watches are never late, timers and the operator come first. So all calls of that instant are together,
// if the scenario's latency is zero. Once the walk is over the run ends, and its result says nothing.
func Guide(w *explore.Walk, effects []fault.Effect) Option {
	return optionFunc(func(o *options) { o.strategy, o.walk, o.effects = "explore", w, effects })
}

// guide is the strategy of a walk.
type guide struct {
	engine *engine
	next   fault.Effect // what the point that was picked last meets

	volumes map[string]string // by name of an operation
}

// Name implements sched.Strategy.
func (*guide) Name() string { return "explore" }

// Pick implements sched.Strategy.
func (g *guide) Pick(points []*sched.Point) int {
	g.next = fault.None
	if !g.open() {
		return 0
	}
	if i := slices.IndexFunc(points, func(p *sched.Point) bool { return !branches(p) }); i >= 0 {
		return i
	}
	var options []explore.Option
	var at []int
	for i, p := range points {
		for _, effect := range g.effects(p) {
			options, at = append(options, g.option(p, effect)), append(at, i)
		}
	}
	k := g.engine.opt.walk.Choose(options, g.state(points))
	g.next = fault.Effect(options[k].Fault)
	return at[k]
}

// open reports whether the present step is the walk's to choose.
func (g *guide) open() bool {
	e := g.engine
	return !e.healing && !e.opt.walk.Over() && e.loop.Now() >= e.horizon()-time.Second
}

// branches reports whether the order of a point is explored.
func branches(p *sched.Point) bool {
	return p.Actor == "run" || p.Kind != trace.Wake && strings.HasPrefix(p.Actor, "op-") || p.Actor == "sidecar"
}

// effects are what may become of a point, first that nothing goes wrong.
func (g *guide) effects(p *sched.Point) []fault.Effect {
	all := []fault.Effect{fault.None}
	for _, effect := range g.engine.opt.effects {
		if p.Kind == trace.Call && p.Site != nil && effect.Meets(p.Site.Verb, p.Site.Resource) {
			all = append(all, effect)
		}
	}
	return all
}

// option names a point by what it does and not by when its operation began. A crash is about everything.
func (g *guide) option(p *sched.Point, effect fault.Effect) explore.Option {
	o := explore.Option{Name: p.Label, Actor: strconv.Itoa(p.Proc) + "/" + p.Actor, Fault: string(effect)}
	switch op, ok := g.engine.called[p.Actor]; {
	case ok:
		o.Name = strings.Replace(o.Name, "/"+p.Actor+"/", "/"+op.name+"/", 1)
		o.Actor, o.About = strconv.Itoa(p.Proc)+"/"+op.name, touched(p, op)
	case p.Actor == "sidecar":
		name := p.Label[strings.LastIndex(p.Label, "/")+1 : strings.LastIndex(p.Label, "#")]
		if x := g.engine.entries[name]; x != nil {
			o.Actor, o.About = "sidecar of "+name, x.volume
		}
	}
	if effect == fault.CrashBefore || effect == fault.CrashAfter {
		o.About = ""
	}
	return o
}

// touched is what a step of an operation reads or changes. A request changes the server alone: what the system makes of the answer
// is the next step's. No node and no volume comes or goes meanwhile, so that to look at one is nobody else's business.
func touched(p *sched.Point, op calling) string {
	switch {
	case p.Kind != trace.Call || p.Site == nil:
	case p.Site.Resource == "nodes" || p.Site.Verb == "exists":
		return "what " + op.name + " looks at"
	case p.Site.Resource == fault.Backend:
		return "backend of " + op.volume
	}
	return op.volume
}

// decide is what the walk chose for the point that is about to happen.
func (g *guide) decide() fault.Decision {
	d := fault.Decision{Effect: g.next}
	if g.next.Delays() {
		d.For = lateEffect
	}
	return d
}

// lateEffect is how long a request is on its way that takes effect when its caller has been told of a timeout.
const lateEffect = 30 * time.Second

// calling is an operation by what it does: the same in every order of steps.
type calling struct{ name, volume string }

// call notes an operation that begins under the name of an actor.
func (g *guide) call(actor string, op *operation) {
	e := g.engine
	base := op.verb + " " + op.volume + " " + op.node
	e.ordinals[base]++
	name := base + " " + strconv.Itoa(e.ordinals[base])
	e.called[actor], g.volumes[name] = calling{name, op.volume}, op.volume
}
