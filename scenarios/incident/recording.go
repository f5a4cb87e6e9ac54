// Package incident turns the audit log of a real Kubernetes cluster into a scenario, so that what happened there can be
// replayed on a driver under virtual time.
//
//	rec, err := incident.Import("outage.log.gz", file)
//	run(rec.Scenario)
//	rec.Account.WriteText(os.Stdout) // what was used, what was not, and what the cluster did
//
// An audit log has no CSI calls. What it has is wishes: a VolumeAttachment that is created is a wish to publish, and its
// deletion is a wish to unpublish. What the recorded attacher made of them (attached: true, the finalizer removed) is an
// observation: it stands in the Account beside what our run makes of the same wishes, and is never replayed.
//
// What the log does not say is assumed, and the Account says so.
package incident

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// Recording is what an audit log has become.
type Recording struct {
	Scenario *scenarios.Scenario
	Account  *Account
}

// Import reads an audit log: events of audit.k8s.io/v1, one JSON object a line, plain or compressed with gzip. The name is
// the file's, for errors and for the scenario. Lines that cannot be used are counted in the account; it is an error only if
// nothing can.
func Import(name string, r io.Reader) (*Recording, error) {
	log := &log{name: name, tally: newTally(name)}
	if err := log.read(r); err != nil {
		return nil, err
	}
	log.cutStrays()
	log.sort()
	f := newFacts(log)
	for _, rec := range log.records {
		log.tally.count(rec.line, f.learn(rec))
	}
	if log.tally.used == 0 {
		return nil, log.nothing()
	}
	f.resolve()
	b := builder{facts: f, outages: log.outages(), restarts: log.restarts(f.attachers)}
	rec := &Recording{Scenario: b.scenario(scenarioName(name))}
	b.named(log.mentions)
	rec.Account = b.account()
	if err := rec.Scenario.Validate(); err != nil {
		return nil, fmt.Errorf("%s makes no valid scenario: %w", name, err)
	}
	return rec, nil
}

// nothing is the error of a file of which no line could be used.
func (l *log) nothing() error {
	t := l.tally
	if t.total == 0 {
		return fmt.Errorf("%s is empty\nhint: an audit log has one JSON object of audit.k8s.io/v1 a line", l.name)
	}
	text := fmt.Sprintf("%s: none of %d lines could be used", l.name, t.total)
	for _, r := range append(t.skippedReasons(), t.notNeededReasons()...) {
		text += fmt.Sprintf("\n  %d: %s (first: %s:%d)", r.Count, r.Reason, l.name, r.FirstLine)
	}
	return fmt.Errorf("%s\nhint: %s", text, l.shape.hint())
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// scenarioName makes a name out of a file's.
func scenarioName(file string) string {
	name := strings.ToLower(filepath.Base(file))
	for _, suffix := range []string{".gz", ".log", ".json", ".jsonl", ".audit"} {
		name = strings.TrimSuffix(name, suffix)
	}
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-")
	if name == "" {
		return "recording"
	}
	return name[:min(len(name), 100)]
}

// span is a piece of time.
type span struct{ from, until time.Time }
