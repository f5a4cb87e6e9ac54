package cluster

import "time"

// The knobs of a scenario: what goes wrong between the server and the caches. What goes wrong with single requests is the
// fault plan's.

// SetAway begins or ends an outage: while it lasts, no watch delivers anything. Requests are the fault plan's business.
func (s *Server) SetAway(away bool) {
	s.away = away
	for _, t := range s.order {
		t.rethink()
	}
}

// SetLag delivers nothing of a resource before a virtual time; the empty resource is all of them. A time that has passed
// ends the lag.
func (s *Server) SetLag(resource string, until time.Duration) {
	for _, t := range s.order {
		if resource == "" || resource == t.resource {
			s.lags[t.resource] = until
			t.rethink()
		}
	}
}

// Disconnect ends the open watches of a resource, each in a step of its own; the empty resource is all of them. What they
// had not delivered, they never will. If the history is gone too, each first says 410 Expired, and nobody can go on from an earlier version: every
// cache has to list again.
func (s *Server) Disconnect(resource string, h History) {
	for _, t := range s.order {
		if resource == "" || resource == t.resource {
			t.disconnect(h)
		}
	}
}

// Replay lets the open watches of a resource deliver their last n events again, old after new, as a server does that falls back
// behind; the empty resource is all of them.
func (s *Server) Replay(resource string, n int) {
	for _, t := range s.order {
		if resource == "" || resource == t.resource {
			for _, w := range t.watches {
				w.cursor = max(w.first, t.base, w.cursor-n)
			}
			t.rethink()
		}
	}
}

// History is what Disconnect leaves of the log of changes.
type History int

// A watch that was cut off can go on where it was if the history is kept, and must list again if it is gone.
const (
	HistoryKept History = iota
	HistoryGone
)

// Undelivered is the number of watches that have something to deliver. When it is zero, every cache has been told all.
func (s *Server) Undelivered() (n int) {
	for _, t := range s.order {
		for _, w := range t.watches {
			if _, ok := w.next(); ok && !w.over() {
				n++
			}
		}
	}
	return n
}

func (t *table) rethink() {
	for _, w := range t.watches {
		w.again()
	}
}

func (t *table) disconnect(h History) {
	if h == HistoryGone {
		t.base += len(t.log)
		t.log, t.forgotten = nil, t.server.version
	}
	for _, w := range t.watches {
		w.initial, w.expired, w.closing = nil, h == HistoryGone, h == HistoryKept
		w.again()
	}
}
