package incident

import (
	"fmt"
	"time"

	storagev1 "k8s.io/api/storage/v1"
)

// facts is what the records say, put together by object. Times are the cluster's; a zero one is unknown.
type facts struct {
	tally       *tally
	start       time.Time // of the first used record
	end         time.Time // of the last used one
	nodes       map[string][]*nodeLife
	nodeNames   []string                     // in order of appearance
	nodeIDs     map[string]map[string]string // by driver, by node
	volumes     map[string]*volume           // by PersistentVolume
	attachments []*attachment                // in order of appearance
	byName      map[string][]*attachment     // the lives of a name, in order
	attachers   map[string]bool              // users who write what only an attacher writes
}

// nodeLife is a node from its creation to its deletion: its uid.
type nodeLife struct {
	name, uid   string
	from, until time.Time // zero: before, or after, the log
	ready       []readyChange
	assumed     bool // nothing but the names in VolumeAttachments speaks for it
}

// known is the node's uid in brackets, if the log tells it.
func (n *nodeLife) known() string {
	if n.uid == "" {
		return ""
	}
	return " (uid " + n.uid + ")"
}

type readyChange struct {
	at    time.Time
	ready bool
}

// volume is what a PersistentVolume says.
type volume struct {
	pv, driver, handle, mode string
}

// attachment is a VolumeAttachment from its creation to its end: its (name, uid).
type attachment struct {
	name, uid, driver, pv, node string
	inline                      *volume // a volume without a PersistentVolume
	from                        time.Time
	before                      bool      // from is not in the log: it existed at its beginning, or its creation is missing
	until                       time.Time // when its deletion was asked for
	attached, detached          time.Time // as the recorded attacher said
	failed                      int       // attaches and detaches that the recorded attacher gave up for a while
}

func newFacts(l *log) *facts {
	return &facts{tally: l.tally, nodes: make(map[string][]*nodeLife), nodeIDs: make(map[string]map[string]string),
		volumes: make(map[string]*volume), byName: make(map[string][]*attachment), attachers: make(map[string]bool)}
}

// learn takes in one record, in order of time, and says whether it was news.
func (f *facts) learn(r *record) verdict {
	objects := r.objects
	if len(objects) == 0 { // the name is all that the line says
		objects = []object{{gone: r.verb == "delete"}}
	}
	news := false
	for _, o := range objects {
		if o.meta.Name == "" {
			o.meta.Name = r.name
		}
		if o.meta.Name == "" {
			continue
		}
		switch r.resource {
		case "nodes":
			news = f.learnNode(r, o) || news
		case "persistentvolumes":
			news = f.learnVolume(o) || news
		case "volumeattachments":
			news = f.learnAttachment(r, o) || news
		case "csinodes":
			news = f.learnIDs(o) || news
		}
	}
	if !news {
		return notNeeded("nothing new about " + r.resource)
	}
	if f.start.IsZero() {
		f.start = r.at
	}
	f.end = r.at
	return used()
}

func (f *facts) learnVolume(o object) bool {
	if o.volume == nil || o.volume.Spec.CSI == nil || o.volume.Spec.CSI.VolumeHandle == "" {
		return false
	}
	csi := o.volume.Spec.CSI
	v := volume{pv: o.meta.Name, driver: csi.Driver, handle: csi.VolumeHandle, mode: accessMode(o.volume.Spec.AccessModes)}
	if old := f.volumes[v.pv]; old != nil {
		if *old != v && old.handle != v.handle {
			f.tally.note(fmt.Sprintf("PersistentVolume %s changed from volume %s to %s; the first is replayed", v.pv, old.handle, v.handle))
		}
		return false
	}
	f.volumes[v.pv] = &v
	return true
}

// accessMode picks what a driver is asked for when a volume allows several, as csi-attacher does: many writers, else one.
func accessMode[M ~string](modes []M) string {
	have := make(map[string]bool)
	for _, m := range modes {
		have[string(m)] = true
	}
	for _, m := range []string{"ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany"} {
		if have[m] {
			return m
		}
	}
	return "ReadWriteOnce"
}

func (f *facts) learnIDs(o object) (news bool) {
	if o.csiNode == nil {
		return false
	}
	for _, d := range o.csiNode.Spec.Drivers {
		if f.nodeIDs[d.Name] == nil {
			f.nodeIDs[d.Name] = make(map[string]string)
		}
		if f.nodeIDs[d.Name][o.meta.Name] == "" && d.NodeID != "" {
			f.nodeIDs[d.Name][o.meta.Name] = d.NodeID
			news = true
		}
	}
	return news
}

func (f *facts) learnAttachment(r *record, o object) bool {
	uid := string(o.meta.UID)
	a := f.attachmentLife(o.meta.Name, uid, r.verb == "create")
	if o.gone || o.attachment == nil {
		return a != nil && a.end(r.at, r.at)
	}
	if r.verb == "deletecollection" && o.meta.DeletionTimestamp == nil {
		o.meta.DeletionTimestamp = &o.attachment.CreationTimestamp // the list shows what was there before
		return a != nil && a.end(r.at, time.Time{})
	}
	news := false
	if a == nil {
		a = &attachment{name: o.meta.Name, uid: uid, from: r.at, before: r.verb != "create"}
		if created := o.meta.CreationTimestamp.Time; a.before {
			a.from = notAfter(created, r.at)
		}
		f.attachments = append(f.attachments, a)
		f.byName[a.name] = append(f.byName[a.name], a)
		news = true
	}
	if a.uid == "" {
		a.uid = uid
	}
	if a.before && r.verb == "create" { // answers may be written out of order
		a.from, a.before, news = r.at, false, true
	}
	a.describe(o.attachment.Spec)
	news = a.observe(r.at, o.attachment.Status) || news
	if o.meta.DeletionTimestamp != nil {
		asked := notAfter(o.meta.DeletionTimestamp.Time, r.at) // in whole seconds
		if r.verb == "delete" {
			asked = r.at
		}
		detached := time.Time{}
		if len(o.meta.Finalizers) == 0 {
			detached = r.at
		}
		news = a.end(asked, detached) || news
	}
	if r.verb != "create" && r.verb != "delete" && news {
		f.attachers[r.user] = true
	}
	return news
}

// notAfter bounds a stamp that an object carries by the time at which it was seen: clocks differ.
func notAfter(stamp, seen time.Time) time.Time {
	if stamp.After(seen) {
		return seen
	}
	return stamp
}

// attachmentLife returns the life of a VolumeAttachment name that a uid belongs to, or nil. An unknown uid is the last life's.
func (f *facts) attachmentLife(name, uid string, created bool) *attachment {
	lives := f.byName[name]
	if len(lives) == 0 {
		return nil
	}
	last := lives[len(lives)-1]
	switch {
	case uid == "" && created && !last.until.IsZero():
		return nil
	case uid == "" || last.uid == "":
		return last
	}
	for _, a := range lives {
		if a.uid == uid {
			return a
		}
	}
	return nil
}

func (a *attachment) describe(spec storagev1.VolumeAttachmentSpec) {
	a.driver, a.node = spec.Attacher, spec.NodeName
	if pv := spec.Source.PersistentVolumeName; pv != nil {
		a.pv = *pv
	}
	if in := spec.Source.InlineVolumeSpec; in != nil && in.CSI != nil {
		a.inline = &volume{driver: in.CSI.Driver, handle: in.CSI.VolumeHandle, mode: accessMode(in.AccessModes)}
	}
}

// observe takes in what the recorded attacher says, and reports whether it is news.
func (a *attachment) observe(at time.Time, s storagev1.VolumeAttachmentStatus) bool {
	switch {
	case s.Attached && a.attached.IsZero():
		a.attached = at
		return true
	case !s.Attached && !a.attached.IsZero() && a.detached.IsZero():
		a.detached = at
		return true
	case s.AttachError != nil && at.Sub(s.AttachError.Time.Time) < 2*time.Second, s.DetachError != nil && at.Sub(s.DetachError.Time.Time) < 2*time.Second:
		a.failed++
		return true
	}
	return false
}

// end notes that deletion was asked for, and that the object is gone if it is, and reports whether that is news.
func (a *attachment) end(asked, gone time.Time) (news bool) {
	if a.until.IsZero() {
		a.until, news = asked, true
	}
	if !gone.IsZero() && a.detached.IsZero() {
		a.detached, news = gone, true
	}
	return news
}
