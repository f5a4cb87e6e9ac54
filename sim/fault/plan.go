// Package fault says what goes wrong, where, and how often.
//
// A Plan is a list of rules. Each rule has a predicate over sites (a request of some actor about to take effect) and an
// effect. The scheduler asks the plan once for every request that it lets happen:
//
//	plan := fault.NewPlan(src, fault.Rule{On: fault.Predicate{Verb: "patch", Resource: "persistentvolumes", Nth: 2}, Effect: fault.ReplyLost})
//	d := plan.Decide(fault.Site{Verb: "patch", Resource: "persistentvolumes", Name: "pv-a", Label: label, At: now})
package fault

import (
	"math"
	"time"

	"github.com/holdfast-sim/holdfast/sim/choice"
)

// Effect is what happens to a request instead of the ordinary.
type Effect string

// The effects. "Takes effect" means that the server's or backend's state changes.
const (
	None        Effect = ""
	Unreachable Effect = "unreachable" // connection refused, takes no effect
	Error       Effect = "error"       // fails with an internal error, takes no effect
	Throttled   Effect = "throttled"   // 429 with Retry-After, takes no effect
	Conflict    Effect = "conflict"    // 409 as if somebody had just written, takes no effect
	Timeout     Effect = "timeout"     // the caller sees a server timeout, takes no effect
	LateEffect  Effect = "lateEffect"  // the caller sees a server timeout at once, the request takes effect later
	Hang        Effect = "hang"        // no answer until the caller's context ends, or its connection is found to be dead after 45 s; takes no effect
	ReplyLost   Effect = "replyLost"   // takes effect, the caller sees a broken connection
	Latency     Effect = "latency"     // takes effect, the answer comes after For
	Deaf        Effect = "deaf"        // takes effect, the answer comes after For, and the caller cannot leave before: the end of its context does not reach the call
	EmptyList   Effect = "emptyList"   // a list succeeds and has no items
	PartialList Effect = "partialList" // a list succeeds and lacks about half of its items
	StaleRead   Effect = "staleRead"   // a get or list answers with the state of a moment ago, exists without what the backend has
	ErrorAfter  Effect = "errorAfter"  // takes effect, the caller is told of an internal error all the same
	CrashBefore Effect = "crashBefore" // the system crashes just before the request takes effect
	CrashAfter  Effect = "crashAfter"  // the system crashes between the effect and the answer
)

// Effects lists every effect but None, in the order of this file.
func Effects() []Effect {
	return []Effect{Unreachable, Error, Throttled, Conflict, Timeout, LateEffect, Hang, ReplyLost, Latency, Deaf, EmptyList, PartialList, StaleRead, ErrorAfter, CrashBefore, CrashAfter}
}

// Delays reports whether the effect has a delay.
func (e Effect) Delays() bool { return e == Latency || e == LateEffect || e == Deaf }

// Meets reports whether the effect makes sense for a request; one for which it does not is left alone.
func (e Effect) Meets(verb, resource string) bool {
	switch e {
	case Conflict:
		return verb == "update" || verb == "patch"
	case EmptyList, PartialList:
		return verb == "list"
	case StaleRead:
		return verb == "get" || verb == "list" || verb == "exists"
	case Throttled:
		return resource != Backend
	case ErrorAfter: // what a backend calls internal, it has refused
		return resource != Backend && verb != "watch"
	case LateEffect:
		return !Reads(verb)
	}
	return true
}

// Reads reports whether a verb changes nothing at the API server or at the backend.
func Reads(verb string) bool {
	switch verb {
	case "get", "list", "watch", "exists":
		return true
	}
	return false
}

// Resources of sites that are not at the API server: requests to the storage backend, and calls of the system itself.
const (
	Backend = "backend"
	CSI     = "csi"
)

// Site is one request about to take effect.
type Site struct {
	Label    string // the point's label
	Proc     int
	Actor    string
	Verb     string
	Resource string // plural, lower case; or Backend, or CSI
	Name     string
	At       time.Duration // virtual time
}

// Predicate selects sites; an empty field selects all.
type Predicate struct {
	Verb, Resource, Name, Actor, Label string
	// API selects sites at the API server only.
	API bool
	// Nth selects only the n-th site, from 1, that the rest of the predicate selects; 0 selects all.
	Nth int
	// From and Until bound the virtual time: From <= At < Until. Until 0 is no bound.
	From, Until time.Duration
}

// Rule gives sites an effect.
type Rule struct {
	On     Predicate
	Effect Effect
	// For is the delay of Latency, LateEffect and Deaf.
	For time.Duration
	// Chance is the probability, in (0, 1), that a selected site gets the effect; 0 means always.
	Chance float64
}

// Decision is the plan's answer for one site.
type Decision struct {
	Effect Effect
	For    time.Duration
}

// Plan decides. It belongs to one run and is used by one goroutine.
type Plan struct {
	rules []Rule
	seen  []int
	src   choice.Source
	ended bool
}

// NewPlan returns a plan of rules; the first rule that selects a site and fires decides.
func NewPlan(src choice.Source, rules ...Rule) *Plan {
	return &Plan{rules: rules, seen: make([]int, len(rules)), src: src}
}

// Add appends a rule while the run goes on.
func (p *Plan) Add(r Rule) {
	p.rules = append(p.rules, r)
	p.seen = append(p.seen, 0)
}

// End makes every later decision None.
func (p *Plan) End() { p.ended = true }

// Missed returns the labels that rules name and that no site had.
func (p *Plan) Missed() (labels []string) {
	for i, r := range p.rules {
		if r.On.Label != "" && p.seen[i] == 0 {
			labels = append(labels, r.On.Label)
		}
	}
	return labels
}

// Decide returns the effect for a site.
func (p *Plan) Decide(s Site) Decision {
	if p.ended {
		return Decision{}
	}
	for i, r := range p.rules {
		if !r.On.selects(s) {
			continue
		}
		p.seen[i]++
		if r.On.Nth > 0 && r.On.Nth != p.seen[i] {
			continue
		}
		if r.Chance > 0 && p.src.Choose("fault/"+string(r.Effect)+"/"+s.Label, math.MaxInt32) >= int(r.Chance*math.MaxInt32) {
			continue
		}
		return Decision{Effect: r.Effect, For: r.For}
	}
	return Decision{}
}

func (p Predicate) selects(s Site) bool {
	return match(p.Verb, s.Verb) && match(p.Resource, s.Resource) && match(p.Name, s.Name) && match(p.Actor, s.Actor) && match(p.Label, s.Label) &&
		!(p.API && (s.Resource == Backend || s.Resource == CSI)) && s.At >= p.From && (p.Until == 0 || s.At < p.Until)
}

func match(want, got string) bool { return want == "" || want == got }
