package incident

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

type event = auditv1.Event

const (
	stageReceived = auditv1.StageRequestReceived
	stageStarted  = auditv1.StageResponseStarted
	stageComplete = auditv1.StageResponseComplete
	stagePanic    = auditv1.StagePanic
)

// record is a line that may say something: a change of a node, a volume or an attachment, or a read that shows one.
type record struct {
	line     int
	at       time.Time // when the answer was given: the change had taken effect
	user     string
	verb     string
	resource string
	name     string
	objects  []object
}

// object is one API object in a line, of the type that the resource says.
type object struct {
	meta       metav1.ObjectMeta
	node       *corev1.Node
	volume     *corev1.PersistentVolume
	attachment *storagev1.VolumeAttachment
	csiNode    *storagev1.CSINode
	// gone says that the answer was a bare success: the object is no more.
	gone bool
}

// verdict is what became of a line.
type verdict struct {
	kind   verdictKind
	reason string
}

type verdictKind int

const (
	isUsed verdictKind = iota
	isNotNeeded
	isSkipped
)

func used() verdict                   { return verdict{kind: isUsed} }
func notNeeded(reason string) verdict { return verdict{kind: isNotNeeded, reason: reason} }
func skipped(reason string) verdict   { return verdict{kind: isSkipped, reason: reason} }

// decode reads a line as an audit event.
func decode(text []byte) (*event, verdict) {
	e := new(event)
	var head struct{ Kind, APIVersion string }
	switch {
	case text[0] != '{' || json.Unmarshal(text, &head) != nil:
		return nil, skipped("not a JSON object")
	case head.Kind != "Event" || !strings.HasPrefix(head.APIVersion, "audit.k8s.io/"):
		return nil, skipped("JSON, but no event of audit.k8s.io")
	case json.Unmarshal(text, e) != nil:
		return nil, skipped("an audit event with fields of wrong types")
	case e.StageTimestamp.IsZero():
		return nil, skipped("an audit event without a time")
	}
	return e, verdict{}
}

var (
	needed  = []string{"nodes", "persistentvolumes", "volumeattachments", "csinodes"}
	changes = []string{"create", "update", "patch", "delete", "deletecollection"}
)

// judge returns the record of an event, or why there is none.
func (l *log) judge(e *event) (*record, verdict) {
	ref := e.ObjectRef
	switch {
	case ref == nil:
		return nil, notNeeded("requests for no resource")
	case e.Stage == stageReceived:
		return nil, notNeeded("requests received, whose answers count")
	case e.Verb == "watch":
		return nil, notNeeded("watches, whose breaks tell outages")
	case !slices.Contains(needed, ref.Resource) || ref.Subresource != "" && ref.Subresource != "status":
		return nil, notNeeded("about " + ref.Resource)
	case e.Stage != stageComplete && e.Stage != stagePanic:
		return nil, notNeeded("other stages of a request")
	case e.ResponseStatus == nil:
		return nil, skipped("no answer in it")
	case e.ResponseStatus.Code >= 400 || e.Stage == stagePanic:
		return nil, skipped(fmt.Sprintf("answered with an error (%d)", e.ResponseStatus.Code))
	case strings.Contains(e.RequestURI, "dryRun=All"):
		return nil, notNeeded("dry runs")
	}
	change := slices.Contains(changes, e.Verb)
	objects, ok := objectsOf(e)
	l.mention(e, objects)
	switch {
	case !ok:
		return nil, skipped("a body that cannot be read")
	case !change && len(objects) == 0:
		return nil, notNeeded("reads")
	case change && len(objects) == 0 && e.Verb != "delete" && (e.Verb != "create" || ref.Resource != "nodes"):
		return nil, skipped("a change without its body (level " + string(e.Level) + ")")
	case !plausible(ref.Name, objects):
		return nil, skipped("a name that Kubernetes does not allow")
	case change && l.seen[string(e.AuditID)]:
		return nil, notNeeded("events written twice")
	}
	if change && e.AuditID != "" {
		l.seen[string(e.AuditID)] = true
	}
	return &record{at: e.StageTimestamp.Time, user: e.User.Username, verb: e.Verb, resource: ref.Resource, name: ref.Name, objects: objects}, verdict{}
}

// plausible reports whether every name is one that a scenario can hold. An API server lets no other pass; a log may have been
// edited.
func plausible(name string, objects []object) bool {
	ok := func(s string) bool { return s == "" || len(validation.IsDNS1123Subdomain(s)) == 0 }
	fits := func(s string, lengthMax int) bool { return len(s) <= lengthMax && !strings.ContainsRune(s, 0) }
	good := ok(name)
	for _, o := range objects {
		good = good && ok(o.meta.Name)
		if o.attachment != nil {
			source := o.attachment.Spec.Source
			good = good && ok(o.attachment.Spec.NodeName) && (source.PersistentVolumeName == nil || ok(*source.PersistentVolumeName))
			if in := source.InlineVolumeSpec; in != nil && in.CSI != nil {
				good = good && fits(in.CSI.VolumeHandle, handleMax)
			}
		}
		if o.volume != nil && o.volume.Spec.CSI != nil {
			good = good && fits(o.volume.Spec.CSI.VolumeHandle, handleMax)
		}
		if o.csiNode != nil {
			good = good && !slices.ContainsFunc(o.csiNode.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return !fits(d.NodeID, nodeIDMax) })
		}
	}
	return good
}

// What a scenario can hold, less the driver's name that tells apart two volumes with one handle.
const (
	handleMax = 900
	nodeIDMax = 256
)

// objectsOf returns the objects of the answer; of a create whose answer was not logged, that of the request.
func objectsOf(e *event) ([]object, bool) {
	body := e.ResponseObject
	if body == nil && e.Verb == "create" {
		body = e.RequestObject
	}
	if body == nil || len(body.Raw) == 0 {
		return nil, true
	}
	var list struct {
		Kind    string
		Status  json.RawMessage
		Details *metav1.StatusDetails
		Items   []runtime.RawExtension
	}
	if json.Unmarshal(body.Raw, &list) != nil {
		return nil, false
	}
	if list.Kind == "Status" {
		o := object{gone: e.Verb == "delete"}
		if list.Details != nil {
			o.meta.Name, o.meta.UID = list.Details.Name, list.Details.UID
		}
		return []object{o}, true
	}
	bodies := [][]byte{body.Raw}
	if strings.HasSuffix(list.Kind, "List") {
		bodies = nil
		for _, item := range list.Items {
			bodies = append(bodies, item.Raw)
		}
	}
	var objects []object
	for _, raw := range bodies {
		o, err := typed(e.ObjectRef.Resource, raw)
		if err != nil {
			return nil, false
		}
		objects = append(objects, o)
	}
	return objects, true
}

func typed(resource string, raw []byte) (o object, err error) {
	switch resource {
	case "nodes":
		o.node = new(corev1.Node)
		err = json.Unmarshal(raw, o.node)
		o.meta = o.node.ObjectMeta
	case "persistentvolumes":
		o.volume = new(corev1.PersistentVolume)
		err = json.Unmarshal(raw, o.volume)
		o.meta = o.volume.ObjectMeta
	case "volumeattachments":
		o.attachment = new(storagev1.VolumeAttachment)
		err = json.Unmarshal(raw, o.attachment)
		o.meta = o.attachment.ObjectMeta
	case "csinodes":
		o.csiNode = new(storagev1.CSINode)
		err = json.Unmarshal(raw, o.csiNode)
		o.meta = o.csiNode.ObjectMeta
	}
	return o, err
}
