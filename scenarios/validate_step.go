package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

const (
	lifecycleMax = 100
	triggersMax  = 1000
	replayMax    = 1000
)

var (
	lifecycleWords = []string{"start", "stop", "cancel"}
	// watched are the resources whose watches a scenario may disturb.
	watched = []string{"nodes", "persistentvolumes", "volumeattachments", "csinodes", "persistentvolumeclaims"}
	// aboutVolume are the methods of the Manager that take a volume, and aboutNone those that do not. Another system's
	// methods have names of its own, of which nothing is known here.
	aboutVolume = []string{"TrackAttachment", "TrackAttachmentWithMode", "AddSecondaryAttachment", "RemoveNodeAttachment", "UntrackAttachment",
		"ClearStale", "GetAttachment", "IsWithinGracePeriod", "GetDetachTimestamp", "ClearDetachTimestamp"}
	aboutNone = []string{"ListAttachments", "Rebuild"}
)

func (v *validator) step(path string, s Step) {
	v.duration(path+".at", s.At)
	switch actions := s.actions(); {
	case len(actions) == 0:
		v.add(path, "the step has no action", "", "a step is a time and an action: {at: 10s, trigger: {}}")
	case len(actions) > 1:
		v.add(path, "the step has more than one action: "+strings.Join(actions, ", "), "", "write a step for each; steps of one instant keep their order")
	}
	v.attachment(path+".publish", s.Publish)
	v.callStep(path, s)
	v.attachment(path+".unpublish", s.Unpublish)
	v.nodeStep(path, s)
	v.processStep(path, s)
	v.apiStep(path, s)
}

func (v *validator) attachment(path string, a *Attachment) {
	if a == nil {
		return
	}
	v.duration(path+".over", a.Over)
	if v.groups[a.Volume] {
		if a.Node != everyNode {
			v.known(path+".node", "node", a.Node, v.nodes)
		}
		if a.Name != "" {
			v.add(path+".name", "a step about a group makes many VolumeAttachments", "", "leave name out")
		}
		return
	}
	if a.Over != 0 {
		v.add(path+".over", "only steps of a group of volumes are spread", "", "give the volume a count")
	}
	v.known(path+".volume", "volume", a.Volume, v.volumes)
	v.known(path+".node", "node", a.Node, v.nodes)
	name := a.Name
	setDefault(&name, attachmentName(a.Volume, a.Node))
	v.name(path+".name", name)
	this := Attachment{Volume: a.Volume, Node: a.Node}
	if other, ok := v.attachments[name]; ok && other != this {
		v.add(path+".name", fmt.Sprintf("VolumeAttachment %q is already that of %s on %s", name, other.Volume, other.Node), "", "")
		return
	}
	v.attachments[name] = this
}

// callStep checks what only one of the two calls takes.
func (v *validator) callStep(path string, s Step) {
	if s.Publish != nil && s.Publish.Force {
		v.add(path+".publish.force", "only unpublish can be forced", "", "")
	}
	if s.Publish != nil && s.Publish.Abandon {
		v.add(path+".publish.abandon", "only an unpublish can be abandoned", "", "")
	}
	if s.Publish != nil && s.Publish.AccessMode != "" {
		v.oneOf(path+".publish.accessMode", s.Publish.AccessMode, accessModes)
	}
	if s.Unpublish != nil && s.Unpublish.AccessMode != "" {
		v.add(path+".unpublish.accessMode", "unpublish asks for no access mode", "", "")
	}
	for _, p := range []struct {
		verb string
		pv   *PV
	}{{"deletePV", s.DeletePV}, {"createPV", s.CreatePV}} {
		if p.pv != nil {
			v.known(path+"."+p.verb+".volume", "volume", p.pv.Volume, v.volumes)
			v.duration(path+"."+p.verb+".for", p.pv.For)
		}
	}
}

func (v *validator) nodeStep(path string, s Step) {
	for _, r := range []struct {
		verb string
		ref  *NodeRef
	}{{"createNode", s.CreateNode}, {"deleteNode", s.DeleteNode}, {"killMachine", s.KillMachine}, {"startMachine", s.StartMachine}, {"outOfService", s.OutOfService}} {
		if r.ref != nil {
			v.known(path+"."+r.verb+".node", "node", r.ref.Node, v.nodes)
		}
	}
	if s.SetReady != nil {
		v.known(path+".setReady.node", "node", s.SetReady.Node, v.nodes)
	}
}

func (v *validator) processStep(path string, s Step) {
	if s.Crash != nil {
		v.duration(path+".crash.for", s.Crash.For)
	}
	if s.Overlap != nil {
		v.duration(path+".overlap.for", s.Overlap.For)
	}
	if s.Pause != nil {
		v.duration(path+".pause.for", s.Pause.For)
	}
	if s.Depose != nil {
		v.duration(path+".depose.for", s.Depose.For)
	}
	if len(s.Lifecycle) > lifecycleMax {
		v.add(path+".lifecycle", fmt.Sprintf("a burst has at most %d calls", lifecycleMax), "", "")
	}
	for i, word := range s.Lifecycle {
		v.oneOf(fmt.Sprintf("%s.lifecycle[%d]", path, i), word, lifecycleWords)
	}
	if s.Trigger != nil && (s.Trigger.Times < 0 || s.Trigger.Times > triggersMax) {
		v.add(path+".trigger.times", fmt.Sprintf("times is %d, outside of 1 to %d", s.Trigger.Times, triggersMax), "", "")
	}
	if s.ClockStep != nil {
		v.bounded(path+".clockStep.by", s.ClockStep.By)
	}
	if s.Call != nil {
		v.call(path+".call", s.Call)
	}
}

func (v *validator) call(path string, c *Call) {
	v.text(path+".method", c.Method, handleMax)
	methods := slices.Concat(aboutVolume, aboutNone)
	if meant := suggest(c.Method, methods); c.Method == "" || meant != "" && meant != c.Method {
		v.add(path+".method", fmt.Sprintf("the Manager has no method %q", c.Method), meant, fieldValueHint(meant, methods))
		return
	}
	if slices.Contains(aboutVolume, c.Method) || c.Volume != "" {
		v.known(path+".volume", "volume", c.Volume, v.volumes)
	}
	if c.Node != "" {
		v.known(path+".node", "node", c.Node, v.nodes)
	}
}

func (v *validator) apiStep(path string, s Step) {
	if s.Outage != nil {
		v.duration(path+".outage.for", s.Outage.For)
	}
	if s.Lag != nil {
		v.oneOf(path+".lag.resource", s.Lag.Resource, watched)
		v.duration(path+".lag.for", s.Lag.For)
	}
	if s.Disconnect != nil {
		v.oneOf(path+".disconnect.resource", s.Disconnect.Resource, watched)
		if s.Disconnect.Events != 0 {
			v.add(path+".disconnect.events", "only a replay has events", "", "")
		}
	}
	if s.Replay != nil {
		v.oneOf(path+".replay.resource", s.Replay.Resource, watched)
		if s.Replay.Gone {
			v.add(path+".replay.gone", "only a disconnect has gone", "", "")
		}
		if s.Replay.Events < 1 || s.Replay.Events > replayMax {
			v.add(path+".replay.events", fmt.Sprintf("events is %d, outside of 1 to %d", s.Replay.Events, replayMax), "", "")
		}
	}
}
