package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// graveyardDefault is where a campaign that is told nothing else keeps its findings: beside what --out is by default.
const graveyardDefault = "holdfast-out/graveyard"

// graveyard is the directory where findings are kept as resolved scenarios. Each run of holdfast begins with them: what was
// mended once stays mended, and what was not shows at once. They tell faults and turns by their names, so that most of them
// hold good when the code has changed; one that does not says where it left its way. Whoever is done with one removes its file.
type graveyard struct {
	dir   string // "" is none
	tried int
	held  int
	left  []string // what those that hold now say of the way that they left
}

// sources are the findings that are kept, of one system.
func (g *graveyard) sources(system string) ([]source, error) {
	if g.dir == "" {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(g.dir), "*.yaml"))
	if err != nil {
		return nil, usage("--graveyard names a directory", "%s: %w", g.dir, err)
	}
	var found []source
	for _, path := range files {
		src, err := readFile(path)
		if err != nil {
			return nil, fmt.Errorf("the graveyard: %w", err)
		}
		if src.resolved == nil {
			return nil, usage("holdfast shrink makes one that does", "the graveyard: %s: the scenario does not say by which seed it goes", path)
		}
		if src.resolved.System == system {
			src.buried = true
			found = append(found, src)
		}
	}
	return found, nil
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// bury keeps a finding. The same one is kept once.
func (g *graveyard) bury(s *scenarios.Scenario) error {
	if g.dir == "" {
		return nil
	}
	if err := os.MkdirAll(g.dir, 0o777); err != nil {
		return fmt.Errorf("make the graveyard: %w", err)
	}
	text := scenarios.Format(s)
	path := filepath.Join(g.dir, fmt.Sprintf("%s-%.12s.yaml", s.Spec.Resolved.Breaks, trace.Digest(text)))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		return fmt.Errorf("bury a finding: %w", err)
	}
	return nil
}

// add notes what became of a buried finding.
func (g *graveyard) add(src source, r report.Run) {
	g.tried++
	if r.Outcome != report.Held {
		return
	}
	g.held++
	if r.Diverged != "" {
		g.left = append(g.left, src.arg+": "+r.Diverged)
	}
}

// document is what the report in JSON says of them.
func (g *graveyard) document() *report.Graveyard {
	if g.tried == 0 {
		return nil
	}
	return &report.Graveyard{Runs: g.tried, Held: g.held, Diverged: g.left}
}

// tell says what became of them all.
func (g *graveyard) tell(w io.Writer) {
	if g.tried == 0 {
		return
	}
	fmt.Fprintf(w, "graveyard: %d of %d earlier findings hold now\n", g.held, g.tried)
	for _, line := range g.left {
		fmt.Fprintf(w, "  no longer the same run: %s\n", line)
	}
}
