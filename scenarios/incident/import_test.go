package incident_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/scenarios/incident"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".audit.log.gz"))
	require.NoError(t, err)
	defer f.Close()
	unzip, err := gzip.NewReader(f)
	require.NoError(t, err)
	text, err := io.ReadAll(unzip)
	require.NoError(t, err)
	return text
}

// story is the timeline without the names of VolumeAttachments and with times in tenths of a second.
func story(s *scenarios.Scenario) (lines []string) {
	for _, step := range s.Spec.Timeline {
		what := step.Action() + " "
		switch {
		case step.Publish != nil:
			what += step.Publish.Volume + " " + step.Publish.Node
		case step.Unpublish != nil:
			what += step.Unpublish.Volume + " " + step.Unpublish.Node
		case step.CreateNode != nil:
			what += step.CreateNode.Node
		case step.DeleteNode != nil:
			what += step.DeleteNode.Node
		case step.SetReady != nil:
			what += fmt.Sprint(step.SetReady.Node, " ", step.SetReady.Ready)
		case step.Outage != nil:
			what += step.Outage.For.String()
		case step.Crash != nil:
			what += step.Crash.For.String()
		}
		lines = append(lines, fmt.Sprintf("%.1fs %s", time.Duration(step.At).Seconds(), what))
	}
	return lines
}

func TestImport_NodeSameName(t *testing.T) {
	rec, err := incident.Import("node-same-name.audit.log", bytes.NewReader(recorded(t, "node-same-name")))
	require.NoError(t, err)
	s := rec.Scenario
	require.Equal(t, "node-same-name", s.Metadata.Name)
	require.Equal(t, scenarios.Nodes{{Name: "node-1", ID: "node-1", Later: true}, {Name: "node-2", ID: "node-2", Later: true}}, s.Spec.Nodes)
	require.Equal(t, []scenarios.Volume{{Name: "h-pv-1", PV: "pv-1", AccessMode: "ReadWriteOnce"}, {Name: "h-pv-2", PV: "pv-2", AccessMode: "ReadWriteOnce"}}, s.Spec.Volumes)
	require.Equal(t, []string{
		"0.0s createNode node-1", "0.3s createNode node-2",
		"2.1s publish h-pv-1 node-1", "2.2s publish h-pv-2 node-2",
		"7.3s deleteNode node-1", "9.5s createNode node-1",
		"16.0s unpublish h-pv-1 node-1", "20.3s publish h-pv-1 node-1",
		"25.6s deleteNode node-2", "26.9s unpublish h-pv-2 node-2", "27.0s createNode node-2",
		"37.3s publish h-pv-2 node-1",
		"41.5s unpublish h-pv-1 node-1", "41.6s unpublish h-pv-2 node-1",
	}, story(s))

	a := rec.Account
	require.Len(t, a.Attachments, 4)
	require.Equal(t, a.Attachments[0].Name, a.Attachments[2].Name, "one name, two lives")
	require.NotEqual(t, a.Attachments[0].UID, a.Attachments[2].UID)
	for _, x := range a.Attachments {
		require.NotNil(t, x.Attached)
		require.Greater(t, *x.Attached, x.From)
		require.Greater(t, *x.Detached, *x.Until)
	}
	require.Equal(t, []string{
		"h-pv-1 stayed attached to node-1 for 8.669s after that node (uid c3c45049-ec01-4105-bdd4-86307487ef59) was deleted at 7.325s",
		"h-pv-2 stayed attached to node-2 for 1.282s after that node (uid 198edc5c-ea08-4f3d-adc8-d11c1f73ea31) was deleted at 25.627s",
	}, a.Observed)
	require.Empty(t, a.Outages, "quiet is no outage")
	require.Equal(t, 91, a.Lines.Total)
	require.Equal(t, 26, a.Lines.Used)
}

func TestImport_PodMove_PlainAndZipped(t *testing.T) {
	plain, err := incident.Import("pod-move.audit.log", bytes.NewReader(recorded(t, "pod-move")))
	require.NoError(t, err)
	f, err := os.Open("testdata/pod-move.audit.log.gz")
	require.NoError(t, err)
	defer f.Close()
	zipped, err := incident.Import("pod-move.audit.log", f)
	require.NoError(t, err)
	require.Equal(t, plain, zipped)
	require.Equal(t, []string{
		"0.0s createNode node-1", "1.1s createNode node-2", "2.1s createNode node-3",
		"4.3s publish h-pv-1 node-1", "4.5s publish h-pv-2 node-2",
		"12.7s unpublish h-pv-1 node-1", "13.2s publish h-pv-1 node-3",
		"18.5s unpublish h-pv-1 node-3", "18.5s unpublish h-pv-2 node-2",
	}, story(plain.Scenario))
	require.Empty(t, plain.Account.Observed)
	require.Empty(t, plain.Account.Notes)
}

// sums checks the law of the account: every line is counted once.
func sums(t *testing.T, a *incident.Account) {
	t.Helper()
	n := a.Lines.Used
	for _, r := range append(a.Lines.NotNeeded, a.Lines.Skipped...) {
		require.Positive(t, r.FirstLine)
		require.LessOrEqual(t, r.FirstLine, a.Lines.Total)
		n += r.Count
	}
	require.Equal(t, a.Lines.Total, n)
}

func TestImport_AnyOrderOfLinesIsTheSameStory(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(recorded(t, "node-same-name"))), "\n")
	want, err := incident.Import("x.log", strings.NewReader(strings.Join(lines, "\n")))
	require.NoError(t, err)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		got, err := incident.Import("x.log", strings.NewReader(strings.Join(append(lines, lines[:30]...), "\n"))) // and some of them twice
		require.NoError(t, err)
		require.Equal(t, string(scenarios.Format(want.Scenario)), string(scenarios.Format(got.Scenario)))
		sums(t, got.Account)
	}
}

func TestImport_BeginsAnywhere(t *testing.T) {
	for _, name := range []string{"node-same-name", "pod-move"} {
		lines := strings.SplitAfter(string(recorded(t, name)), "\n")
		for from := range lines {
			rec, err := incident.Import("x.log", strings.NewReader(strings.Join(lines[from:], "")))
			if err != nil {
				require.Regexp(t, `none of \d+ lines could be used|is empty`, err.Error())
				continue
			}
			require.NoError(t, rec.Scenario.Validate())
			sums(t, rec.Account)
			require.Equal(t, rec.Account.Lines.Total, len(lines)-from-1)
		}
	}
}

func TestObserve_MatchesLivesOfOneName(t *testing.T) {
	rec, err := incident.Import("x.log", bytes.NewReader(recorded(t, "node-same-name")))
	require.NoError(t, err)
	a := rec.Account
	name := a.Attachments[0].Name
	change := func(verb, state string, at time.Duration) {
		a.Observe(trace.Event{Kind: trace.Change, Resource: "volumeattachments", Verb: verb, Name: name, State: state, At: at})
	}
	a.Observe(trace.Event{Kind: trace.Change, Resource: "nodes", Verb: "created", Name: name, At: 1})
	change("created", "wished", 2*time.Second)
	change("updated", "attached", 3*time.Second)
	change("deleting", "deleting", 16*time.Second)
	change("deleted", "", 17*time.Second)
	change("created", "wished", 20*time.Second)
	change("created", "wished", 21*time.Second) // a third life has no counterpart

	at := func(d time.Duration) *scenarios.Duration { x := scenarios.Duration(d); return &x }
	require.Equal(t, &incident.Simulated{Wished: *at(2 * time.Second), Attached: at(3 * time.Second), Deleting: at(16 * time.Second), Gone: at(17 * time.Second)}, a.Attachments[0].Simulated)
	require.Equal(t, &incident.Simulated{Wished: *at(20 * time.Second)}, a.Attachments[2].Simulated)
	require.Nil(t, a.Attachments[1].Simulated)

	var b bytes.Buffer
	require.NoError(t, a.WriteText(&b))
	require.Contains(t, b.String(), "lines: 91 = 26 used + 60 understood but not needed + 5 skipped\n")
	require.Regexp(t, `h-pv-1 +ReadWriteOnce +node-1 +2.113s..15.989s +2.125s +15.994s +3s +17s`, b.String())

	text, err := json.Marshal(a)
	require.NoError(t, err)
	var back incident.Account
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, a.Attachments, back.Attachments)
}

type directory struct{}

func (directory) Read([]byte) (int, error) { return 0, errors.New("is a directory") }

func TestImport_Errors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":      {"", "x.log is empty"},
		"blank":      {"\n\n", "x.log: none of 2 lines could be used\n  2: empty line (first: x.log:1)"},
		"binary":     {"\x00\x01\x02\n\xff", "x.log: none of 2 lines could be used\n  2: not a JSON object (first: x.log:1)"},
		"a scenario": {"apiVersion: holdfast.dev/v1alpha1\n", "x.log: none of 1 lines could be used\n  1: not a JSON object"},
		"other json": {`{"kind":"Pod"}`, "x.log: none of 1 lines could be used\n  1: JSON, but no event of audit.k8s.io"},
		"metadata":   {`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","verb":"create","objectRef":{"resource":"volumeattachments","name":"a"},"responseStatus":{"code":201},"stageTimestamp":"2026-01-01T00:00:00.000000Z"}`, "a change without its body (level Metadata) (first: x.log:1)"},
		"bad gzip":   {"\x1f\x8bnonsense", "read x.log: gzip: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := incident.Import("x.log", strings.NewReader(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := incident.Import("dir", directory{})
	require.EqualError(t, err, "read dir: is a directory")
}

func TestImport_BrokenLinesAreCountedAndLongOnesBounded(t *testing.T) {
	text := recorded(t, "pod-move")
	mixed := slices.Concat([]byte("{\"kind\":\n"), bytes.Repeat([]byte("x"), 33<<20), []byte("\n"), text, []byte(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":7}`))
	rec, err := incident.Import("x.log", bytes.NewReader(mixed))
	require.NoError(t, err)
	sums(t, rec.Account)
	require.Contains(t, rec.Account.Lines.Skipped, incident.Reason{Reason: "longer than 32 MiB", Count: 1, FirstLine: 2})
	require.Contains(t, rec.Account.Lines.Skipped, incident.Reason{Reason: "not a JSON object", Count: 1, FirstLine: 1})
	require.Contains(t, rec.Account.Lines.Skipped, incident.Reason{Reason: "an audit event with fields of wrong types", Count: 1, FirstLine: 71})
	require.Len(t, rec.Account.Attachments, 3)
}

func TestImport_TruncatedGzipSaysSo(t *testing.T) {
	zipped, err := os.ReadFile("testdata/node-same-name.audit.log.gz")
	require.NoError(t, err)
	rec, err := incident.Import("x.log", bytes.NewReader(zipped[:len(zipped)*3/4]))
	require.NoError(t, err)
	require.Regexp(t, `x.log could be read up to line \d+ only: the gzip is cut short`, rec.Account.Notes[0])
}

func FuzzImport(f *testing.F) {
	for _, name := range []string{"pod-move", "node-same-name"} {
		zipped, err := os.ReadFile(filepath.Join("testdata", name+".audit.log.gz"))
		if err != nil {
			f.Fatal(err)
		}
		unzip, _ := gzip.NewReader(bytes.NewReader(zipped))
		text, _ := io.ReadAll(unzip)
		for i, line := range bytes.Split(text, []byte("\n")) {
			if i%7 == 0 {
				f.Add(line)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rec, err := incident.Import("x.log", bytes.NewReader(text))
		if err == nil {
			require.NoError(t, rec.Scenario.Validate())
			sums(t, rec.Account)
		}
	})
}
