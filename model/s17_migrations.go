package model

import "strings"

// A migration's counts and words are judged in the step in which they appear, against what is believed of the volume: which
// of its two nodes was there first, and which one is left.

// moved enters the begin or the end of a migration.
func (r *observable) moved(s *state, x move) {
	b := r.book(x.proc)
	b.dirty = true
	switch {
	case !x.ended && x.restored:
	case !x.ended:
		b.due[migrationsTotal("started")]++
	case x.restored || x.proc.rebuilds(s) || s.synced(x.proc, x.volume): // another incarnation may have counted it
		b.fuzzy++
		b.overdue++
	case s.now.at-x.latest >= x.timeout:
		b.overdue++
	case s.now.at-x.earliest < x.timeout:
		b.due[migrationsTotal(x.result())]++
		b.least += (s.now.at - x.latest).Seconds()
		b.most += (s.now.at - x.earliest).Seconds()
	default:
		b.fuzzy++
		b.overdue++
	}
}

// migrations compares the counts by result. One that is past its timeout may have been counted already.
func (r *observable) migrations(s *state, p *proc, b *book) {
	for _, result := range []string{"started", "completed", "aborted"} {
		name := migrationsTotal(result)
		if got, due := p.counters[name], b.due[name]; got < due || got > due+b.fuzzy {
			r.violate(s, "counters", nil, "%s is %v, and %v migrations had that result in incarnation %d", name, got, due, p.num)
			b.void = true
		}
	}
	most := b.overdue
	for _, m := range p.mem {
		if left := m.moving.leftBy(m); left != "" && !b.void {
			r.violate(s, "gauges", []int{m.moving.seen.step}, "the migration of %s from %s to %s goes on in memory, and %s has left", m.moving.volume.handle, m.moving.pair[0], m.moving.pair[1], left)
			b.void = true
		}
		if m.moving != nil && (m.moving.restored || s.now.at-m.moving.earliest >= m.moving.timeout) {
			most++
		}
	}
	if got := p.counters[migrationsTotal("timed_out")]; got > most {
		r.violate(s, "counters", nil, "%s is %v, and only %v migrations can have timed out in incarnation %d", migrationsTotal("timed_out"), got, most, p.num)
		b.void = true
	}
}

// wording judges the nodes and the direction that an event's message tells.
func (r *observable) wording(s *state, n note) {
	v := s.aboutVolume(n)
	if v == nil || !r.judged("events") {
		return
	}
	m := n.proc.memory(v.handle)
	words := wordsOf(n.message)
	switch n.reason {
	case "MigrationStarted", "MigrationCompleted", "MigrationAborted", "MigrationTimedOut":
		r.direction(s, m, v, n, words)
	case "VolumeAttached", "VolumeDetached", "StaleAttachmentCleared", "AttachmentConflict":
		r.named(s, v, n, words)
		r.names(s, v, n, words)
	}
}

// direction compares "from S to T" with the order in which the two were attached.
func (r *observable) direction(s *state, m *memory, v *volume, n note, words []string) {
	from, to := after(words, "from"), after(words, "to")
	if from == "" || to == "" || from == to || s.nodes[from] == nil || s.nodes[to] == nil {
		return
	}
	source, target := m.last[0], m.last[1]
	if source == "" || target == "" {
		return
	}
	if n.reason != "MigrationStarted" && m.turned == s.now && m.former == [2]string{from, to} {
		return // what it tells of is over, and the record that says so names the next pair already
	}
	if from == target && to == source {
		r.violate(s, "events", nil, "the event %s of %s says from %s to %s; it is from %s to %s", n.reason, v.handle, from, to, source, target)
	}
}

// named looks for some node of the volume in the message.
func (r *observable) named(s *state, v *volume, n note, words []string) {
	known := false
	for _, w := range words {
		if s.nodes[w] == nil {
			continue
		}
		known = true
		for _, d := range v.deals {
			if d.node == w && (d.asked || d.ending || d.held) {
				return
			}
		}
	}
	if known && len(v.deals) > 0 {
		r.violate(s, "events", nil, "the event %s of %s names nodes that never had to do with it: %q", n.reason, v.handle, n.message)
	}
}

// aboutVolume finds the volume that a recorded event is about: by the object, or by a word of the message.
func (s *state) aboutVolume(n note) *volume {
	for _, w := range wordsOf(n.message) {
		if v := s.volumes[w]; v != nil {
			return v
		}
	}
	for _, v := range s.order {
		if v.pv.name == n.object || v.claim == n.object && v.claim != "" {
			return v
		}
	}
	return nil
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" ,;:()\"'", c) })
}

// after returns the word that follows another one.
func after(words []string, word string) string {
	for i, w := range words {
		if w == word && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}
