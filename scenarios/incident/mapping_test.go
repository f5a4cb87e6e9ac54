package incident_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/scenarios/incident"
)

// auditLog writes the lines of an audit log, for what the recordings do not have.
type auditLog struct{ lines []string }

type body = map[string]any

var logStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// add appends an event that was answered at the given number of seconds; extra overrides its fields.
func (l *auditLog) add(at float64, verb, resource, name string, response body, extra body) {
	stamp := logStart.Add(time.Duration(at * float64(time.Second))).Format("2006-01-02T15:04:05.000000Z")
	e := body{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": fmt.Sprint("id-", len(l.lines)), "stage": "ResponseComplete",
		"requestURI": "/x", "verb": verb, "user": body{"username": "system:admin"}, "objectRef": body{"resource": resource, "name": name},
		"responseStatus": body{"code": 200}, "requestReceivedTimestamp": stamp, "stageTimestamp": stamp}
	if response != nil {
		e["responseObject"] = response
	}
	for k, v := range extra {
		e[k] = v
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	l.lines = append(l.lines, string(text))
}

func (l *auditLog) imported(t *testing.T) *incident.Recording {
	t.Helper()
	rec, err := incident.Import("made.log", strings.NewReader(strings.Join(l.lines, "\n")))
	require.NoError(t, err)
	sums(t, rec.Account)
	return rec
}

func stampAt(seconds int) string {
	return logStart.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339)
}

func (l *auditLog) node(at float64, verb, name, uid string, created int, ready string) {
	l.add(at, verb, "nodes", name, body{"kind": "Node", "metadata": body{"name": name, "uid": uid, "creationTimestamp": stampAt(created)},
		"status": body{"conditions": []body{{"type": "Ready", "status": ready}}}}, nil)
}

func (l *auditLog) nodeDeleted(at float64, name, uid string) {
	l.add(at, "delete", "nodes", name, body{"kind": "Status", "status": "Success", "details": body{"name": name, "uid": uid}}, nil)
}

func (l *auditLog) pv(at float64, name, handle string, modes ...string) {
	l.add(at, "create", "persistentvolumes", name, body{"kind": "PersistentVolume", "metadata": body{"name": name},
		"spec": body{"accessModes": modes, "csi": body{"driver": "csi.example", "volumeHandle": handle}}}, nil)
}

// va appends an event about a VolumeAttachment; state is "", attached, deleting (with its finalizer) or released (without).
func (l *auditLog) va(at float64, verb, name, uid, pv, node, state string, created int) {
	meta := body{"name": name, "uid": uid, "creationTimestamp": stampAt(created), "finalizers": []string{"external-attacher/csi-example"}}
	if state == "deleting" || state == "released" {
		meta["deletionTimestamp"] = stampAt(int(at))
	}
	if state == "released" {
		delete(meta, "finalizers")
	}
	l.add(at, verb, "volumeattachments", name, body{"kind": "VolumeAttachment", "metadata": meta,
		"spec": body{"attacher": "csi.example", "nodeName": node, "source": body{"persistentVolumeName": pv}}, "status": body{"attached": state != ""}},
		body{"user": body{"username": map[bool]string{true: "attacher", false: "kcm"}[verb == "patch"]}})
}

func TestImport_LogThatBeginsInTheMiddle(t *testing.T) {
	var l auditLog
	l.pv(10, "pv-a", "a", "ReadWriteOnce")
	l.va(12, "patch", "va-1", "u1", "pv-a", "node-1", "attached", -300)
	l.node(20, "patch", "node-2", "n2", -600, "False")
	l.va(30, "delete", "va-1", "u1", "pv-a", "node-1", "deleting", -300)
	l.va(31, "patch", "va-1", "u1", "pv-a", "node-1", "released", -300)
	l.va(35, "patch", "va-2", "u2", "pv-gone", "node-2", "attached", -300)
	rec := l.imported(t)
	require.Equal(t, []string{"0.0s publish a node-1", "10.0s setReady node-2 false", "20.0s unpublish a node-1"}, story(rec.Scenario))
	require.Equal(t, scenarios.Nodes{{Name: "node-2"}, {Name: "node-1"}}, rec.Scenario.Spec.Nodes, "both live from the beginning")
	a := rec.Account
	require.Equal(t, []string{"nothing but VolumeAttachments speaks of node node-1; it is taken to live from the beginning"}, a.Notes)
	require.Equal(t, "publish at 0s (it was there before its first line), unpublish at 20s", a.Attachments[0].Replayed)
	require.Equal(t, scenarios.Duration(21*time.Second), *a.Attachments[0].Detached)
	require.Equal(t, "its PersistentVolume was never seen with a CSI volume", a.Attachments[1].NotReplayed)
}

func TestImport_TwoWritersAreObserved(t *testing.T) {
	var l auditLog
	l.node(0, "create", "node-1", "n1", 0, "True")
	l.node(0, "create", "node-2", "n2", 0, "True")
	l.pv(0, "pv-a", "a", "ReadWriteOnce")
	l.pv(0, "pv-b", "b", "ReadWriteMany", "ReadWriteOnce")
	for i, v := range []string{"a", "b"} {
		l.va(1, "create", "va-1"+v, "u1"+v, "pv-"+v, "node-1", "", 1)
		l.va(2, "patch", "va-1"+v, "u1"+v, "pv-"+v, "node-1", "attached", 1)
		l.va(5, "create", "va-2"+v, "u2"+v, "pv-"+v, "node-2", "", 5)
		l.va(6, "patch", "va-2"+v, "u2"+v, "pv-"+v, "node-2", "attached", 5)
		l.va(float64(8+i), "delete", "va-1"+v, "u1"+v, "pv-"+v, "node-1", "deleting", 1)
		l.va(float64(9+i), "patch", "va-1"+v, "u1"+v, "pv-"+v, "node-1", "released", 1)
	}
	rec := l.imported(t)
	require.Equal(t, []string{"a (ReadWriteOnce) was attached to node-1 and to node-2 at once, from 6s to 9s"}, rec.Account.Observed)
	require.Equal(t, "ReadWriteMany", rec.Scenario.Spec.Volumes[1].AccessMode)
	require.Zero(t, rec.Scenario.Spec.Backend.MaxHolders)
}

func TestImport_NodeWhoseDeletionIsMissing(t *testing.T) {
	var l auditLog
	l.node(0, "create", "node-1", "n1", 0, "True")
	l.node(60, "create", "node-1", "n2", 60, "True")
	l.nodeDeleted(90, "node-1", "n2")
	l.nodeDeleted(91, "node-1", "n2") // again: nothing new
	rec := l.imported(t)
	require.Equal(t, []string{"0.0s createNode node-1", "60.0s deleteNode node-1", "60.0s createNode node-1", "90.0s deleteNode node-1"}, story(rec.Scenario))
	require.Less(t, rec.Scenario.Spec.Timeline[1].At, rec.Scenario.Spec.Timeline[2].At)
	require.Len(t, rec.Account.Notes, 1)
}

func TestImport_BodiesOfRequestsOnly(t *testing.T) {
	var l auditLog
	request := func(o body) body { return body{"level": "Request", "requestObject": o} }
	l.add(0, "create", "nodes", "node-1", nil, request(body{"kind": "Node", "metadata": body{"name": "node-1"}}))
	l.add(1, "create", "persistentvolumes", "pv-a", nil, request(body{"kind": "PersistentVolume", "metadata": body{"name": "pv-a"},
		"spec": body{"accessModes": []string{"ReadWriteOncePod"}, "csi": body{"driver": "d", "volumeHandle": "a"}}}))
	for _, at := range []float64{2, 20} { // the same name twice, without uids
		l.add(at, "create", "volumeattachments", "va", nil, request(body{"kind": "VolumeAttachment", "metadata": body{"name": "va"},
			"spec": body{"attacher": "d", "nodeName": "node-1", "source": body{"persistentVolumeName": "pv-a"}}}))
		l.add(at+5, "delete", "volumeattachments", "va", nil, body{"level": "Metadata"})
	}
	l.add(30, "delete", "nodes", "node-1", nil, body{"level": "Metadata"})
	l.add(31, "create", "nodes", "node-1", nil, body{"level": "Metadata"})
	require.Equal(t, []string{"0.0s createNode node-1", "2.0s publish a node-1", "7.0s unpublish a node-1", "20.0s publish a node-1", "25.0s unpublish a node-1",
		"30.0s deleteNode node-1", "31.0s createNode node-1"}, story(l.imported(t).Scenario))
}

func TestImport_WhatDoesNotCount(t *testing.T) {
	var l auditLog
	l.pv(0, "pv-a", "a", "ReadWriteOnce")
	l.va(1, "create", "va-1", "u1", "pv-a", "node-1", "", 1)
	kept := len(l.lines)
	l.va(2, "create", "va-2", "u2", "pv-a", "node-2", "", 2)
	for i, change := range []string{`"stage":"ResponseComplete"`, `"code":200`, `"/x"`} {
		to := []string{`"stage":"RequestReceived"`, `"code":409`, `"/x?dryRun=All"`}[i]
		l.lines = append(l.lines, strings.Replace(l.lines[kept], change, to, 1))
	}
	l.lines = append(l.lines[:kept], l.lines[kept+1:]...)
	rec := l.imported(t)
	require.Equal(t, []string{"1.0s publish a node-1"}, story(rec.Scenario))
	require.Equal(t, []incident.Reason{{Reason: "answered with an error (409)", Count: 1, FirstLine: 4}}, rec.Account.Lines.Skipped)
}

func TestImport_ManyHoldersAndTwoVolumesObjects(t *testing.T) {
	var l auditLog
	l.pv(0, "pv-a", "a", "ReadWriteMany")
	l.pv(0, "pv-a-again", "a", "ReadWriteMany")
	for i, pv := range []string{"pv-a", "pv-a", "pv-a-again"} {
		n := fmt.Sprint(i + 1)
		l.va(float64(i+1), "create", "va-"+n, "u"+n, pv, "node-"+n, "", i+1)
	}
	l.add(9, "create", "volumeattachments", "va-4", body{"kind": "VolumeAttachment", "metadata": body{"name": "va-4", "uid": "u4"},
		"spec": body{"attacher": "csi.example", "nodeName": "node-1", "source": body{"inlineVolumeSpec": body{"accessModes": []string{"ReadOnlyMany"}, "csi": body{"driver": "csi.example", "volumeHandle": "in/line"}}}}}, nil)
	rec := l.imported(t)
	require.Equal(t, 3, rec.Scenario.Spec.Backend.MaxHolders)
	require.Equal(t, []scenarios.Volume{{Name: "a", PV: "pv-a", AccessMode: "ReadWriteMany"}, {Name: "in/line", PV: "inline-2", AccessMode: "ReadOnlyMany"}}, rec.Scenario.Spec.Volumes)
	require.Contains(t, rec.Account.Notes, "PersistentVolumes pv-a and pv-a-again are one volume, a; the first is replayed")
}

// watch appends the beginning or the end of a watch.
func (l *auditLog) watch(at float64, id, user, resource, stage, query string) {
	l.add(at, "watch", resource, "", nil, body{"auditID": id, "user": body{"username": user}, "stage": stage, "level": "Metadata",
		"requestURI": "/api/" + resource + "?watch=true&timeoutSeconds=400&" + query})
}

func TestImport_OutageIsSilenceAfterWhichWatchesStartAnew(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*auditLog)
		want   []string
	}{
		"outage":            {func(l *auditLog) { l.watch(50.5, "w2", "kcm", "nodes", "ResponseStarted", "resourceVersion=7") }, []string{"20.0s outage 30s"}},
		"quiet":             {func(l *auditLog) {}, nil},
		"watch at its time": {func(l *auditLog) { l.watch(450, "w2", "kcm", "nodes", "ResponseStarted", "resourceVersion=7") }, nil},
		"the server lived on": {func(l *auditLog) {
			l.watch(50.1, "w1", "kcm", "nodes", "ResponseComplete", "")
			l.watch(50.5, "w2", "kcm", "nodes", "ResponseStarted", "resourceVersion=7")
		}, nil},
		"shut down in order": {func(l *auditLog) {
			l.watch(19.5, "w1", "kcm", "nodes", "ResponseComplete", "")
			l.watch(50.5, "w2", "kcm", "nodes", "ResponseStarted", "resourceVersion=7")
		}, []string{"20.0s outage 30s"}},
	} {
		t.Run(name, func(t *testing.T) {
			var l auditLog
			l.node(0, "create", "node-1", "n1", 0, "True")
			l.watch(1, "w1", "kcm", "nodes", "ResponseStarted", "sendInitialEvents=true")
			l.add(20, "get", "pods", "p", nil, nil)
			l.add(50, "get", "pods", "p", nil, nil)
			c.change(&l)
			var outages []string
			for _, step := range story(l.imported(t).Scenario) {
				if strings.Contains(step, "outage") {
					outages = append(outages, step)
				}
			}
			require.Equal(t, c.want, outages)
		})
	}
}

func TestImport_RestartOfTheAttacher(t *testing.T) {
	var l auditLog
	l.pv(0, "pv-a", "a", "ReadWriteOnce")
	resources := []string{"volumeattachments", "persistentvolumes"}
	for _, r := range resources {
		l.watch(1, "w-"+r, "attacher", r, "ResponseStarted", "sendInitialEvents=true")
	}
	l.va(2, "create", "va-1", "u1", "pv-a", "node-1", "", 2)
	l.va(3, "patch", "va-1", "u1", "pv-a", "node-1", "attached", 2)
	for i, r := range resources {
		l.watch(30+float64(i)/10, "w-"+r, "attacher", r, "ResponseComplete", "")
		l.watch(42+float64(i)/10, "x-"+r, "attacher", r, "ResponseStarted", "sendInitialEvents=true")
	}
	rec := l.imported(t)
	require.Equal(t, []string{"2.0s publish a node-1", "30.1s crash 11.9s"}, story(rec.Scenario))
	require.Len(t, rec.Account.Restarts, 1)
	require.Empty(t, rec.Account.Outages)
}
