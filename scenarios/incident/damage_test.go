package incident_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/scenarios/incident"
)

// bare appends an event about a VolumeAttachment as a policy of level Metadata leaves it.
func (l *auditLog) bare(at float64, verb, name string) {
	l.add(at, verb, "volumeattachments", name, nil, body{"level": "Metadata"})
}

func TestImport_NamesWithoutBodiesAreInTheAccount(t *testing.T) {
	var l auditLog
	l.node(0, "create", "node-1", "n1", 0, "True")
	l.pv(0, "pv-a", "a", "ReadWriteOnce")
	l.bare(1, "create", "va-bare")
	l.va(2, "create", "va-1", "u1", "pv-a", "node-1", "", 2)
	l.bare(3, "patch", "va-1")
	l.bare(4, "patch", "va-bare")
	l.bare(9, "delete", "va-bare")
	l.bare(11, "get", "va-read")
	l.add(12, "delete", "volumeattachments", "va-end", body{"kind": "Status", "status": "Success"}, nil)
	a := l.imported(t).Account
	var rows []string
	for _, x := range a.Attachments {
		until := "-"
		if x.Until != nil {
			until = x.Until.String()
		}
		rows = append(rows, fmt.Sprint(x.Name, " ", x.From, "..", until, " ", x.NotReplayed))
	}
	require.Equal(t, []string{"va-bare 1s..9s no body (level Metadata), not played", "va-1 2s..- ", "va-read 11s..- no body (level Metadata), not played",
		"va-end 12s..12s nothing but its deletion is in the log, not played"}, rows)
	require.Empty(t, a.Warning, "one of them is played")
	var b bytes.Buffer
	require.NoError(t, a.WriteText(&b))
	require.Regexp(t, `\? \(-\) .* va-bare +no body \(level Metadata\), not played`, b.String())
}

func TestImport_WarnsIfNothingIsPlayed(t *testing.T) {
	var l auditLog
	l.node(0, "create", "node-1", "n1", 0, "True")
	require.Empty(t, l.imported(t).Account.Warning, "no VolumeAttachment is named")
	l.bare(1, "create", "va-bare")
	l.va(2, "create", "va-1", "u1", "pv-unknown", "node-1", "", 2)
	a := l.imported(t).Account
	require.Contains(t, a.Warning, "not one of the 2 VolumeAttachments that this log names can be played")
	var b bytes.Buffer
	require.NoError(t, a.WriteText(&b))
	require.Contains(t, b.String(), "\nwarning: not one of the 2 ")
}

func TestImport_StrayTimesAreSkipped(t *testing.T) {
	text := string(recorded(t, "pod-move"))
	want, err := incident.Import("x.log", strings.NewReader(text))
	require.NoError(t, err)
	for _, year := range []string{"0001-01-02", "1999-01-01", "2062-12-31", "9999-01-01"} {
		var l auditLog
		l.node(0, "create", "node-9", "n9", 0, "True")
		stray := strings.ReplaceAll(l.lines[0], "2026-03-01", year)
		got, err := incident.Import("x.log", strings.NewReader(stray+"\n"+text))
		require.NoError(t, err, year)
		sums(t, got.Account)
		require.Equal(t, want.Scenario.Spec, got.Scenario.Spec, year)
		require.Contains(t, got.Account.Lines.Skipped, incident.Reason{Reason: "stamped more than 60 days before or after the others", Count: 1, FirstLine: 1})
	}
}

func TestImport_StampsOfObjectsAreNeverLaterThanTheirLines(t *testing.T) {
	var l auditLog
	l.pv(0, "pv-a", "a", "ReadWriteOnce")
	l.va(1, "patch", "va-1", "u1", "pv-a", "node-1", "attached", 3_000_000_00)
	l.node(2, "patch", "node-2", "n2", 3_000_000_00, "True")
	rec := l.imported(t)
	for _, step := range rec.Scenario.Spec.Timeline {
		require.LessOrEqual(t, time.Duration(step.At), 2*time.Second)
	}
}

func TestImport_AYearIsTheMost(t *testing.T) {
	var l auditLog
	for month := range 15 {
		l.node(float64(month*30*24*3600), "create", fmt.Sprint("node-", month), fmt.Sprint("n", month), 0, "True")
	}
	rec := l.imported(t)
	require.Len(t, rec.Scenario.Spec.Nodes, 13)
	require.Equal(t, "stamped more than a year after the first", rec.Account.Lines.Skipped[0].Reason)
}

func TestImport_OtherShapesAreToldHowToConvert(t *testing.T) {
	const event = `{"kind":"Event","apiVersion":"audit.k8s.io/v1"}`
	for text, hint := range map[string]string{
		"[" + event + ",\n" + event + "]\n":                                                              "jq -c '.[]'",
		`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + event + `]}`:                    "jq -c '.items[]'",
		"{\n \"kind\": \"EventList\",\n \"apiVersion\": \"audit.k8s.io/v1\",\n \"items\": []\n}\n":       "jq -c '.items[]'",
		"\ufeff{\n \"kind\": \"Event\",\n \"apiVersion\": \"audit.k8s.io/v1\"\n}\n":                      "jq -c . ",
		`{"kind":"Event","apiVersion":"audit.k8s.io/v1","stageTimestamp":"2026-01-01T00:00:00.000000Z"}`: "level RequestResponse",
	} {
		_, err := incident.Import("x.log", strings.NewReader(text))
		require.ErrorContains(t, err, hint, text)
	}
}

func TestImport_ByteOrderMark(t *testing.T) {
	text := recorded(t, "pod-move")
	want, err := incident.Import("x.log", bytes.NewReader(text))
	require.NoError(t, err)
	got, err := incident.Import("x.log", bytes.NewReader(append([]byte("\ufeff"), text...)))
	require.NoError(t, err)
	require.Equal(t, want, got)
}
