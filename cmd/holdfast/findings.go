package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// savedMax bounds the findings whose traces are saved. They are the first ones in the order of the runs; the others can be
// had again by their seeds.
const savedMax = 50

// findings saves what was found: for each a trace that replays and a text with the same name, and a page with the calls that
// no order explains, if there are such.
type findings struct {
	dir   string
	saved int
	taken map[string]bool
}

// save writes the files of one finding and notes their path in the run. A directory that cannot be written is an error, and
// the finding stands all the same.
func (f *findings) save(r *report.Run, tape []byte) error {
	if f.saved == savedMax {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return fmt.Errorf("make the directory for findings: %w", err)
	}
	base := filepath.Join(f.dir, f.name(*r))
	if len(tape) > 0 {
		if err := os.WriteFile(base+".trace", tape, 0o666); err != nil {
			return fmt.Errorf("save a trace: %w", err)
		}
		r.Trace, r.Replay = base+".trace", replayLine(base+".trace")
	}
	if j, _ := r.Verdict.Lookup("S11"); j.Outcome == model.Violated {
		if err := saveHistory(base+".html", tape); err != nil {
			return err
		}
		r.History = base + ".html"
	}
	if r.Again == "" {
		r.Again = r.Replay
	}
	var text bytes.Buffer
	if err := report.Details(&text, *r); err != nil {
		return err
	}
	if err := os.WriteFile(base+".txt", text.Bytes(), 0o666); err != nil {
		return fmt.Errorf("save a finding: %w", err)
	}
	f.saved++
	return nil
}

// saveHistory draws the calls that no order explains.
func saveHistory(path string, tape []byte) error {
	header, events, err := trace.Read(path, bytes.NewReader(tape))
	if err != nil {
		return fmt.Errorf("draw a history: %w", err)
	}
	var page bytes.Buffer
	if err := model.Visualize(&page, header, events); err != nil {
		return fmt.Errorf("draw a history: %w", err)
	}
	if err := os.WriteFile(path, page.Bytes(), 0o666); err != nil {
		return fmt.Errorf("save a history: %w", err)
	}
	return nil
}

// name makes a file name of a run, the same one for the same run. Two scenarios of one name get different ones.
func (f *findings) name(r report.Run) string {
	plain := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.", c) {
			return c
		}
		return '-'
	}, r.Scenario)
	base := fmt.Sprintf("%s-%#x", strings.TrimLeft(plain, ".-"), r.Seed)
	name := base
	for n := 2; f.taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	if f.taken == nil {
		f.taken = make(map[string]bool)
	}
	f.taken[name] = true
	return name
}
