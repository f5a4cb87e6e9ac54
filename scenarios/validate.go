package scenarios

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// durationMax bounds every duration, so that sums of them never overflow.
const durationMax = 365 * 24 * time.Hour

const (
	handleMax      = 1024 // CSI says 128, and drivers whose handles are paths exceed it
	nodeIDMax      = 256  // a CSI node id
	labelMax       = 4096 // of a point; it has a handle in it
	descriptionMax = 8192 // more is a document
)

var (
	kubernetesNamePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	invariantPattern      = regexp.MustCompile(`^(S([1-9]|1[0-9]|20)|L([1-9]|10))$`)
	threadPattern         = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9_.]*/[A-Za-z0-9][-A-Za-z0-9_.]*#[1-9][0-9]*$`)
	accessModes           = []string{"ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany", "ReadWriteMany"}
)

// Validate returns a Problems error that says all that is wrong with the scenario, or nil. Parse has done so already; it
// is for scenarios made in Go.
//
// A timeline need not make sense: to unpublish what was never published, or to delete a node twice, is allowed, and does
// nothing. So any part of a valid timeline is valid, which shrinking relies on.
func (s *Scenario) Validate() error {
	if found := s.validate(); len(found) > 0 {
		return found.sorted()
	}
	return nil
}

func (s *Scenario) validate() Problems {
	v := validator{nodes: make(map[string]bool), volumes: make(map[string]bool), groups: make(map[string]bool), attachments: make(map[string]Attachment)}
	v.oneOf("apiVersion", s.APIVersion, []string{APIVersion})
	v.oneOf("kind", s.Kind, []string{Kind})
	v.name("metadata.name", s.Metadata.Name)
	v.text("metadata.description", s.Metadata.Description, descriptionMax)
	for i, t := range s.Metadata.Threads {
		if path := fmt.Sprintf("metadata.threads[%d]", i); !threadPattern.MatchString(t) {
			v.add(path, fmt.Sprintf("%q names no thread", t), "", "it takes owner/repository#number")
		}
	}
	v.nodeList(s.Spec.Nodes)
	v.volumeList(s.Spec.Volumes)
	v.settings(&s.Spec)
	for i, step := range s.Spec.Timeline {
		v.step(fmt.Sprintf("spec.timeline[%d]", i), step)
	}
	for i, f := range s.Spec.Faults {
		v.fault(fmt.Sprintf("spec.faults[%d]", i), f)
	}
	for i, name := range s.Spec.Expect {
		if !invariantPattern.MatchString(name) {
			v.add(fmt.Sprintf("spec.expect[%d]", i), fmt.Sprintf("%q is no invariant", name), "", "invariants are S1 to S20 and L1 to L10")
		}
	}
	v.invariants(s.Spec.Invariants)
	v.resolved(&s.Spec)
	return v.found
}

func (v *validator) resolved(s *Spec) {
	if r := s.Resolved; r != nil {
		v.text("spec.resolved.strategy", r.Strategy, handleMax)
		v.text("spec.resolved.system", r.System, handleMax)
		v.text("spec.resolved.breaks", r.Breaks, handleMax)
	}
	if r := s.Resolved; len(s.Turns) > 0 && (r == nil || r.Strategy != "" && r.Strategy != inOrder) {
		v.add("spec.turns", "turns belong to a resolved scenario whose strategy is "+inOrder, "", "")
	}
	for i, t := range s.Turns {
		path := fmt.Sprintf("spec.turns[%d]", i)
		v.text(path+".take", t.Take, labelMax)
		v.text(path+".before", t.Before, labelMax)
		if t.Take == "" || t.Before == "" || t.Take == t.Before {
			v.add(path, "a turn takes one label before another one", "", "")
		}
	}
}

// validator collects problems, and the names that steps may refer to.
type validator struct {
	found          Problems
	nodes, volumes map[string]bool
	groups         map[string]bool       // of volumes
	attachments    map[string]Attachment // by VolumeAttachment name
}

func (v *validator) add(path, what, meant, hint string) {
	if len(v.found) < problemsKept {
		v.found = append(v.found, Problem{Path: path, What: what, Meant: meant, Hint: hint})
	}
}

func (v *validator) nodeList(nodes Nodes) {
	if len(nodes) == 0 || len(nodes) > nodesMax {
		v.add("spec.nodes", fmt.Sprintf("there are %d nodes; from 1 to %d are wanted", len(nodes), nodesMax), "", "")
	}
	ids := make(map[string]bool)
	for i, n := range nodes {
		path := fmt.Sprintf("spec.nodes[%d]", i)
		v.name(path+".name", n.Name)
		v.text(path+".id", n.ID, nodeIDMax)
		v.once(path+".name", "node", n.Name, v.nodes)
		id := n.ID
		setDefault(&id, "id-"+n.Name)
		v.once(path+".id", "node id", id, ids)
	}
}

func (v *validator) volumeList(volumes []Volume) {
	pvs := make(map[string]bool)
	for i, vol := range volumes {
		path := fmt.Sprintf("spec.volumes[%d]", i)
		if vol.Name == "" {
			v.add(path+".name", "a volume has no name", "", "")
		}
		v.text(path+".name", vol.Name, handleMax)
		if !v.once(path+".name", "volume", vol.Name, v.volumes) {
			continue
		}
		if v.group(path, vol) {
			continue
		}
		pv := vol.PV
		setDefault(&pv, pvName(vol.Name))
		v.name(path+".pv", pv)
		v.once(path+".pv", "PersistentVolume", pv, pvs)
		v.oneOf(path+".accessMode", vol.AccessMode, accessModes)
		v.duration(path+".migrationTimeout", vol.MigrationTimeout)
	}
}

// group checks a group of volumes, and reports whether it is one.
func (v *validator) group(path string, vol Volume) bool {
	if vol.Count == 0 {
		return false
	}
	delete(v.volumes, vol.Name)
	if vol.Count < 1 || vol.Count > groupMax {
		v.add(path+".count", fmt.Sprintf("count is %d, outside of 1 to %d", vol.Count, groupMax), "", "")
		return true
	}
	if vol.PV != "" {
		v.add(path+".pv", "a group of volumes has no PersistentVolume of its own", "", "leave pv out")
	}
	v.groups[vol.Name] = true
	for i := range vol.Count {
		v.once(path+".name", "volume", memberOf(vol.Name, i), v.volumes)
	}
	v.oneOf(path+".accessMode", vol.AccessMode, accessModes)
	v.duration(path+".migrationTimeout", vol.MigrationTimeout)
	return true
}

func (v *validator) settings(s *Spec) {
	v.duration("spec.reconciler.interval", s.Reconciler.Interval)
	v.duration("spec.reconciler.gracePeriod", s.Reconciler.GracePeriod)
	if s.Backend.MaxHolders < 0 {
		v.add("spec.backend.maxHolders", "maxHolders is negative", "", "")
	}
	v.span("spec.latency", s.Latency)
	v.span("spec.deliver", s.Deliver)
	if s.SidecarWorkers < 0 {
		v.add("spec.sidecarWorkers", "sidecarWorkers is negative", "", "sidecarWorkers: 10")
	}
	switch c := s.Client; {
	case !(c.QPS >= 0) || math.IsInf(c.QPS, 0):
		v.add("spec.client.qps", fmt.Sprintf("qps is %g, which is no rate", c.QPS), "", "a number above 0, or leave client out for no limit")
	case c.Burst < 0:
		v.add("spec.client.burst", "burst is negative", "", "")
	case c.QPS == 0 && c != (Client{}):
		v.add("spec.client.qps", "a burst without qps is no limit", "", "qps: 5")
	}
}

func (v *validator) span(path string, l Latency) {
	v.duration(path+".min", l.Min)
	v.duration(path+".max", l.Max)
	if l.Min > l.Max {
		v.add(path+".min", fmt.Sprintf("min %s is more than max %s", l.Min, l.Max), "", "")
	}
}

// once wants a name that was not there before, and says whether it is.
func (v *validator) once(path, what, name string, seen map[string]bool) bool {
	if seen[name] {
		v.add(path, fmt.Sprintf("there are two with the %s %q", what, name), "", "")
		return false
	}
	seen[name] = true
	return true
}

// oneOf wants one of a few words.
func (v *validator) oneOf(path, got string, words []string) {
	if slices.Contains(words, got) {
		return
	}
	meant := suggest(got, words)
	if len(words) == 1 {
		meant = words[0]
	}
	v.add(path, fmt.Sprintf("%s is %q", path[strings.LastIndex(path, ".")+1:], got), meant, fieldValueHint(meant, words))
}

func fieldValueHint(meant string, words []string) string {
	if meant != "" {
		return ""
	}
	return "it is one of " + strings.Join(words, ", ")
}

// known wants the name of something that the scenario has.
func (v *validator) known(path, what, name string, have map[string]bool) {
	if have[name] || len(v.found) >= problemsKept {
		return
	}
	names := make([]string, 0, len(have))
	for n := range have {
		names = append(names, n)
	}
	slices.Sort(names)
	meant, hint := suggest(name, names[:min(len(names), 200)]), ""
	if meant == "" && len(names) <= 20 {
		hint = fmt.Sprintf("each %s is listed in spec.%ss: %s", what, what, strings.Join(names, ", "))
	}
	v.add(path, fmt.Sprintf("there is no %s %q", what, name), meant, hint)
}

func (v *validator) name(path, name string) {
	if !kubernetesName(name) {
		v.add(path, fmt.Sprintf("%q is no Kubernetes name", name), "", "names are lower-case letters, digits, dashes and dots, at most 253")
	}
}

func kubernetesName(name string) bool {
	return len(name) <= 253 && kubernetesNamePattern.MatchString(name)
}

func (v *validator) text(path, text string, lengthMax int) {
	if len(text) > lengthMax || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		v.add(path, fmt.Sprintf("the text is not UTF-8, or longer than %d bytes", lengthMax), "", "")
	}
}

// duration wants one that is not negative.
func (v *validator) duration(path string, d Duration) {
	if d < 0 {
		v.add(path, fmt.Sprintf("%s is %s, which is negative", path[strings.LastIndex(path, ".")+1:], d), "", "")
	}
	v.bounded(path, d)
}

func (v *validator) bounded(path string, d Duration) {
	if time.Duration(d) > durationMax || time.Duration(d) < -durationMax {
		v.add(path, fmt.Sprintf("%s is longer than a year", d), "", "")
	}
}
