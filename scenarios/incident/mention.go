package incident

import (
	"fmt"
	"slices"
	"time"
)

// mention is a line that names a VolumeAttachment and does not say what it is: all that an audit policy of level Metadata
// leaves of one.
type mention struct {
	name    string
	at      time.Time
	deleted bool
	why     string
}

// mention keeps the name of a VolumeAttachment in an event without its body.
func (l *log) mention(e *event, objects []object) {
	if e.ObjectRef.Resource != "volumeattachments" || e.ObjectRef.Name == "" || !plausible(e.ObjectRef.Name, nil) {
		return
	}
	if slices.ContainsFunc(objects, func(o object) bool { return o.attachment != nil }) {
		return
	}
	m := mention{name: e.ObjectRef.Name, at: e.StageTimestamp.Time, deleted: e.Verb == "delete", why: fmt.Sprintf("no body (level %s), not played", e.Level)}
	if len(objects) > 0 {
		m.why = "nothing but its deletion is in the log, not played"
	}
	l.mentions = append(l.mentions, m)
}

// named tells of the VolumeAttachments that the log names without ever saying what they are, each name once.
func (b *builder) named(mentions []mention) {
	byName := make(map[string]*Attachment)
	for _, m := range mentions {
		if len(b.facts.byName[m.name]) > 0 {
			continue
		}
		told := byName[m.name]
		if told == nil {
			told = &Attachment{Name: m.name, From: b.at(m.at), NotReplayed: m.why}
			byName[m.name] = told
			b.told = append(b.told, told)
		}
		if m.deleted {
			told.Until = b.maybe(m.at)
		}
	}
	slices.SortStableFunc(b.told, func(x, y *Attachment) int { return int(x.From - y.From) })
}

// warning is what has to be said of a log of which no attachment can be played: its run judges next to nothing.
func (b *builder) warning() string {
	if len(b.told) == 0 || slices.ContainsFunc(b.told, func(a *Attachment) bool { return a.NotReplayed == "" }) {
		return ""
	}
	return fmt.Sprintf("not one of the %d VolumeAttachments that this log names can be played, so that a run of it says nothing about them; "+
		"log volumeattachments and persistentvolumes at level RequestResponse", len(b.told))
}
