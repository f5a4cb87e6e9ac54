package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"time"
)

// What a scenario that says nothing gets.
const (
	intervalDefault   = 5 * time.Minute
	graceDefault      = 30 * time.Second
	maxHoldersDefault = 2 // a migration's source and target
)

// inOrder is the strategy of a resolved scenario that names none, and the only one that takes turns.
const inOrder = "in-order"

// Defaults returns a copy of the scenario in which every default is filled in: the driver's node ids, names of
// PersistentVolumes and VolumeAttachments, the reconciler's interval and grace, the holders of a ReadWriteMany volume,
// a limited client's burst, assume.nodeDead, and one trigger. The timeline is in order. It changes nothing that is set, so that it is idempotent.
func (s *Scenario) Defaults() *Scenario {
	c := *s
	c.APIVersion, c.Kind = APIVersion, Kind
	spec := &c.Spec
	spec.Nodes = slices.Clone(s.Spec.Nodes)
	for i := range spec.Nodes {
		setDefault(&spec.Nodes[i].ID, "id-"+spec.Nodes[i].Name)
	}
	spec.Volumes = slices.Clone(s.Spec.Volumes)
	spec.Timeline = slices.Clone(s.Spec.Timeline)
	spec.ungroup()
	for i := range spec.Volumes {
		setDefault(&spec.Volumes[i].PV, pvName(spec.Volumes[i].Name))
	}
	setDefault(&spec.Reconciler.Interval, Duration(intervalDefault))
	setDefault(&spec.Reconciler.GracePeriod, Duration(graceDefault))
	setDefault(&spec.Backend.MaxHolders, maxHoldersDefault)
	setDefault(&spec.Client.Burst, spec.Client.burst())
	nodeDead := s.Spec.Assume.NodeDead == nil || *s.Spec.Assume.NodeDead
	spec.Assume.NodeDead = &nodeDead
	for i := range spec.Timeline {
		spec.Timeline[i] = spec.Timeline[i].defaults()
	}
	sortSteps(spec.Timeline)
	spec.Faults = slices.Clone(s.Spec.Faults)
	spec.Expect = slices.Clone(s.Spec.Expect)
	spec.Invariants = slices.Clone(s.Spec.Invariants)
	spec.Turns = slices.Clone(s.Spec.Turns)
	if r := s.Spec.Resolved; r != nil {
		filled := *r
		setDefault(&filled.Strategy, inOrder)
		spec.Resolved = &filled
	}
	return &c
}

// burst is the default of Burst: as many times the QPS as client-go's own defaults have.
func (c Client) burst() int { return int(math.Ceil(2 * c.QPS)) }

// Plain returns a copy of the scenario without what Defaults fills in: a scenario as somebody would write it. Defaults of both
// are the same.
func (s *Scenario) Plain() *Scenario {
	c := *s.Defaults()
	spec := &c.Spec
	for i := range spec.Nodes {
		unset(&spec.Nodes[i].ID, "id-"+spec.Nodes[i].Name)
	}
	for i := range spec.Volumes {
		unset(&spec.Volumes[i].PV, pvName(spec.Volumes[i].Name))
	}
	unset(&spec.Reconciler.Interval, Duration(intervalDefault))
	unset(&spec.Reconciler.GracePeriod, Duration(graceDefault))
	unset(&spec.Backend.MaxHolders, maxHoldersDefault)
	unset(&spec.Client.Burst, spec.Client.burst())
	if *spec.Assume.NodeDead {
		spec.Assume.NodeDead = nil
	}
	for _, step := range spec.Timeline {
		for _, a := range []*Attachment{step.Publish, step.Unpublish} {
			if a != nil {
				unset(&a.Name, attachmentName(a.Volume, a.Node))
			}
		}
		if step.Trigger != nil {
			unset(&step.Trigger.Times, 1)
		}
	}
	if spec.Resolved != nil {
		unset(&spec.Resolved.Strategy, inOrder)
	}
	return &c
}

// defaults returns the step with its own copies of what it fills in.
func (s Step) defaults() Step {
	for _, a := range []**Attachment{&s.Publish, &s.Unpublish} {
		if *a != nil {
			filled := **a
			setDefault(&filled.Name, attachmentName(filled.Volume, filled.Node))
			*a = &filled
		}
	}
	if s.Trigger != nil {
		filled := *s.Trigger
		setDefault(&filled.Times, 1)
		s.Trigger = &filled
	}
	return s
}

// pvName is the default name of a volume's PersistentVolume: "pv-" and the handle where that is a name, else a digest, for a
// handle may be a path, a URL, or longer than any name.
func pvName(volume string) string {
	if name := "pv-" + volume; kubernetesName(name) {
		return name
	}
	return "pv-" + digest(volume)
}

// attachmentName is the default name of a VolumeAttachment: readable where volume and node allow it, else a digest, as
// Kubernetes itself does, for a volume handle may be any text. The dot keeps (a-b, c) and (a, b-c) apart.
func attachmentName(volume, node string) string {
	name := "va-" + volume + "." + node
	if kubernetesName(name) {
		return name
	}
	return "va-" + digest(volume+"\x00"+node)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

func unset[T comparable](field *T, value T) {
	var zero T
	if *field == value {
		*field = zero
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
