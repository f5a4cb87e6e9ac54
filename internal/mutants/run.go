package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/holdfast-sim/holdfast/sim/report"
)

const (
	// limit bounds one process: 400 runs take some seconds, and under the race detector ten times as long.
	limit = 5 * time.Minute
	// waitDelay is how long a process that was told to end may take to do so.
	waitDelay = 5 * time.Second
)

var errBuild = errors.New("it does not build")

// trial is what came of the runs of one program.
type trial struct {
	runs  int
	cpu   time.Duration // of the process and its workers
	found *report.Entry // the first finding
}

// seeds runs a program on chaos of seeds 1 to n, one after the other, to the first finding. Where the race detector is built in,
// two things happen in each step.
func (c Campaign) seeds(ctx context.Context, program string, n int, race bool) (trial, error) {
	args := []string{"--seeds", "1-" + strconv.Itoa(n)}
	if race {
		args = append(args, "--strategy", "pairs")
	}
	return c.try(ctx, program, args...)
}

// library runs a program on the scenarios of the library.
func (c Campaign) library(ctx context.Context, program string) (trial, error) {
	return c.try(ctx, program, "*")
}

func (c Campaign) try(ctx context.Context, program string, what ...string) (trial, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it has not ended within %v", limit))
	defer cancel()
	small := "0"
	if c.Shrink {
		small = "1"
	}
	args := append([]string{"run", "--workers", "1", "--fail-fast", "-o", "json", "--shrink", small, "--graveyard", "",
		"--out", filepath.Join(filepath.Dir(program), "out")}, what...)
	cmd := c.command(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = without(cmd.Environ(), "HOLDFAST_")
	err := cmd.Run()
	reap(cmd)
	if ctx.Err() != nil {
		return trial{}, context.Cause(ctx)
	}
	t := trial{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return t, fmt.Errorf("run it: %w", err)
	}
	var d report.Document
	if e := json.Unmarshal(out.Bytes(), &d); e != nil {
		return t, fmt.Errorf("run it: %w: no report: %s", errors.Join(err, e), lastLine(errs.String()))
	}
	t.runs = d.Runs
	for i := range d.Results {
		if e := &d.Results[i]; e.Verdict.Finding() {
			t.found = e
			break
		}
	}
	if d.Faults > 0 || d.Interrupted || t.found == nil && d.Runs < d.Planned {
		return t, fmt.Errorf("run it: %d of %d runs, %d faults of the harness: %s", d.Runs, d.Planned, d.Faults, lastLine(errs.String()))
	}
	return t, nil
}
