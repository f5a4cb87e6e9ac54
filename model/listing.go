package model

import (
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// listing is a list that the incarnation made, by resource.
type listing struct {
	tried bool // by an actor other than an informer
	good  bool // one of those succeeded since the last lead
	ever  bool // one was made in an earlier leadership: this is how the system rebuilds
	asked moment
	told  moment
	empty bool          // the last good one by anybody was empty, or was made empty by a fault
	bare  time.Duration // when the last of those was seen
	cache filling       // what informers made of it
}

// filling is how far an informer has come with its list of a resource.
type filling struct {
	tried  bool   // it asked for one
	filled bool   // one was answered, rightly or not
	told   moment // when the last was
	asked  moment // when the last whole one was answered, by which it knows what there was then; zero if none was
	torn   bool   // one came since that a fault had made empty, short or old
}

// torn reports whether a fault made the answer to a list empty, short or old: it is not the truth.
func torn(e *trace.Event) bool {
	return e.Fault == "emptyList" || e.Fault == "partialList" || e.Fault == "staleRead"
}

// live reports whether an actor reads for a decision of its own, and not to feed a cache.
func live(actor string) bool { return actor == "run" || opNumber(actor) != 0 }

// listing is what is known of an incarnation's lists of a resource.
func (p *proc) listing(resource string) *listing {
	l := p.lists[resource]
	if l == nil {
		l = &listing{}
		p.lists[resource] = l
	}
	return l
}

// listed notes the answer to a list.
func (p *proc) listed(s *state, e *trace.Event, asked moment) {
	l := p.listing(e.Resource)
	l.tried = l.tried || live(e.Actor)
	if e.Code != "OK" {
		return
	}
	if e.Actor == "informer" {
		l.cache.filled, l.cache.told = true, s.now
		if l.cache.torn = torn(e); !l.cache.torn {
			l.cache.asked = asked
		}
	}
	if e.Resource == "nodes" && e.Fault == "" {
		p.blind = false
	}
	l.good = l.good || live(e.Actor)
	l.asked, l.told, l.empty = asked, s.now, e.Count == 0 || e.Fault == "emptyList"
	if l.empty {
		l.bare = s.now.at
	}
	if e.Resource != "nodes" {
		return
	}
	for name := range s.nodes {
		if known := p.signs[name]; e.Actor == "informer" && e.Fault == "" && len(known) > 0 && known[len(known)-1].uid != "" && s.current(name) != nil &&
			known[len(known)-1].uid != s.currentUID(name) {
			s.reached[reachKey{caller: "watch of nodes", fault: "coalesced"}]++ // a deletion and a creation are one update to this cache
		}
		if e.Fault == "partialList" {
			p.signal(s, name, "") // it may be one of those that the list lacks
		}
		if l.empty || s.current(name) == nil {
			p.signal(s, name, "")
		} else {
			p.signal(s, name, s.currentUID(name))
		}
	}
	if e.Actor == "run" {
		p.pass.listed, p.pass.empty = p.pass.listed || !l.empty, l.empty
	}
}
