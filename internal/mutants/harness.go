package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// guard is a package with the tests in it that are to notice mutants of the harness.
type guard struct {
	Package string
	Tests   []string
}

// guardsOf returns the tests that patches name, each once, by their packages.
func guardsOf(patches []Patch) []guard {
	var guards []guard
	for _, p := range patches {
		at := slices.IndexFunc(guards, func(g guard) bool { return g.Package == p.Package })
		if at < 0 {
			at = len(guards)
			guards = append(guards, guard{Package: p.Package})
		}
		if g := &guards[at]; !slices.Contains(g.Tests, p.Test) {
			g.Tests = append(g.Tests, p.Test)
		}
	}
	return guards
}

var errFailsAnyway = errors.New("the test fails without the mutant too, so it says nothing")

// harnessMutant runs the one test that is to fail.
func (c Campaign) harnessMutant(ctx context.Context, dir string, row *Row) {
	file, err := overlay(c.Root, dir, &row.Patch)
	if err != nil {
		row.Err = err
		return
	}
	failed, err := c.test(ctx, row.Package, []string{row.Test}, "-overlay", file)
	if row.Runs, row.Err = 1, err; failed != "" {
		row.Killer = failed
	}
}

// testControl runs a package's tests without a mutant.
func (c Campaign) testControl(ctx context.Context, g guard, row *Row) {
	failed, err := c.test(ctx, g.Package, g.Tests)
	if row.Runs, row.Err = len(g.Tests), err; failed != "" {
		row.Err = fmt.Errorf("%s: %w", failed, errFailsAnyway)
	}
}

// test runs tests of a package, and returns the first that failed.
func (c Campaign) test(ctx context.Context, pkg string, tests []string, flags ...string) (failed string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it has not ended within %v", limit))
	defer cancel()
	args := append([]string{"test", "-json", "-count=1", "-timeout", "2m", "-run", "^(" + strings.Join(tests, "|") + ")$"}, flags...)
	cmd := c.command(ctx, "go", append(args, pkg)...)
	cmd.Dir = c.Root
	out, err := cmd.Output()
	reap(cmd)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if cmd.ProcessState == nil {
		return "", err
	}
	said, text := readTest(out)
	silent := ""
	for _, t := range tests {
		switch said[t] {
		case "fail":
			return t, nil
		case "pass":
		default:
			silent = t
		}
	}
	if silent != "" {
		return "", fmt.Errorf("%s of %s has neither passed nor failed: %s", silent, pkg, lastLine(text))
	}
	return "", nil
}

// readTest reads the events of go test -json: how each test ended that did, and what was printed.
func readTest(out []byte) (said map[string]string, text string) {
	said = make(map[string]string)
	for line := range bytes.Lines(out) {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		text += e.Output
		if slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
			said[e.Test] = e.Action
		}
	}
	return said, text
}
