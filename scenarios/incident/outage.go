package incident

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gapMin is the shortest silence that may be an outage: no API server is back sooner.
const gapMin = 2 * time.Second

// watchLine is the beginning or the end of a watch, or the first list of an informer.
type watchLine struct {
	at            time.Time
	id, user, key string        // key is what one informer of a user watches
	limit         time.Duration // after which the server ends the watch by itself; 0 if unknown
	begins        bool
	fresh         bool // the watcher knows no version yet: its process has just started
}

func newWatchLine(e *event) watchLine {
	w := watchLine{at: e.StageTimestamp.Time, id: string(e.AuditID), user: e.User.Username, begins: e.Stage == stageStarted}
	path, query, _ := strings.Cut(e.RequestURI, "?")
	agent, _, _ := strings.Cut(e.UserAgent, " ")
	w.key = w.user + " " + agent + " " + path
	if values, err := url.ParseQuery(query); err == nil {
		if seconds, err := strconv.Atoi(values.Get("timeoutSeconds")); err == nil && seconds > 0 && seconds < 1e6 {
			w.limit = time.Duration(seconds) * time.Second
		}
		w.fresh = values.Get("resourceVersion") == "" && values.Get("sendInitialEvents") == "true"
	}
	return w
}

// outages finds the times in which the API server was away: a silence of everybody, after which watches start anew that
// had neither ended nor come to their time. Silence alone says nothing: a small cluster is often still.
func (l *log) outages() (found []span) {
	gaps := l.gaps()
	after := time.Time{} // watches that an outage has broken are not open any more
	for i, gap := range gaps {
		next := time.Time{}
		if i+1 < len(gaps) {
			next = gaps[i+1].from
		}
		if l.broke(gap, after, next) {
			found = append(found, gap)
			after = gap.from
		}
	}
	return found
}

// gaps lists the silences between the first and the last line.
func (l *log) gaps() (gaps []span) {
	var latest time.Time
	for _, a := range l.active {
		if !latest.IsZero() && a.from.Sub(latest) >= gapMin {
			gaps = append(gaps, span{latest, a.from})
		}
		if a.until.After(latest) {
			latest = a.until
		}
	}
	return gaps
}

// broke reports whether the watches say that the server was away in a gap: one that was open before it starts anew before
// the next gap, and none that was open before it ends later in the ordinary way. Watches of one user that start anew without
// knowing anything speak of that user's own restart, unless it is the API server itself.
func (l *log) broke(gap span, after, next time.Time) bool {
	open := make(map[string]watchLine) // by key
	broken, fresh := false, make(map[string]bool)
	for _, w := range l.watches {
		switch old, was := open[w.key]; {
		case !w.at.After(gap.from):
			if w.begins && w.at.After(after) {
				open[w.key] = w
			} else if lived := w.at.Sub(old.at); !w.begins && (gap.from.Sub(w.at) > gapMin || lived < gapMin || old.limit > 0 && lived >= old.limit) {
				delete(open, w.key) // it ended long before the gap, or was refused, or came to its time; else a server that is shut down ended it
			}
		case !w.begins:
			if was && old.id == w.id && w.id != "" {
				return false // the server that began it has lived on
			}
		case was && (next.IsZero() || !w.at.After(next)):
			if old.limit == 0 || w.at.Sub(old.at) < old.limit {
				fresh[w.user] = w.fresh
				broken = broken || !w.fresh || w.user == "system:apiserver" || len(fresh) > 1
			}
			delete(open, w.key)
		}
	}
	return broken
}

// restarts finds the times in which the process of an attacher was away: all its watches end before their time and start
// anew knowing nothing, within seconds, while the API server lives on.
func (l *log) restarts(attachers map[string]bool) (found []span) {
	const together = 10 * time.Second
	type process struct {
		informers map[string]time.Time // when each began last
		ended     time.Time
		fresh     map[string]bool
		freshAt   time.Time
	}
	processes := make(map[string]*process)
	for _, w := range l.watches {
		if !attachers[w.user] {
			continue
		}
		p := processes[w.user]
		if p == nil {
			p = &process{informers: make(map[string]time.Time), fresh: make(map[string]bool)}
			processes[w.user] = p
		}
		what := w.key[strings.LastIndex(w.key, " "):] // another version of the attacher has another agent
		switch {
		case !w.begins:
			p.ended = w.at
		case w.fresh && !p.informers[what].IsZero():
			if w.at.Sub(p.freshAt) > together {
				p.fresh, p.freshAt = make(map[string]bool), w.at
			}
			p.fresh[what] = true
			if len(p.fresh) == len(p.informers) {
				down := span{p.freshAt, p.freshAt}
				if p.ended.Before(p.freshAt) && p.freshAt.Sub(p.ended) < 10*time.Minute {
					down.from = p.ended
				}
				found = append(found, down)
				p.fresh = make(map[string]bool)
			}
		}
		if w.begins {
			p.informers[what] = w.at
		}
	}
	return found
}
