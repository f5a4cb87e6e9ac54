package campaign

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"

	"github.com/holdfast-sim/holdfast/sim/report"
)

// hello is the first line to a worker, and welcome its answer, so that a worker that cannot even start is told from one that
// the system under test has killed.
type hello struct {
	Tape string `json:"tape"`
}

type welcome struct {
	Ready bool `json:"ready"`
}

// Execute does one run and writes its trace to the tape.
type Execute func(job Job, tape io.Writer) report.Run

// gcPercent lets garbage grow: a run leaves a few megabytes behind, and collecting them often takes a third of all time.
const gcPercent = 800

// Serve is the worker's side: it does the jobs that come in, one at a time, until in ends. It sets GOMAXPROCS to 1, for the
// engine needs that, and leaves an interrupt from the terminal to the parent.
func Serve(in io.Reader, out io.Writer, execute Execute) error {
	runtime.GOMAXPROCS(1)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	signal.Ignore(os.Interrupt)
	jobs, answers := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	var h hello
	if err := jobs.Decode(&h); err != nil {
		return fmt.Errorf("read the first line: %w", err)
	}
	tape, err := openTape(h.Tape)
	if err != nil {
		return err
	}
	defer tape.close()
	if err := answers.Encode(welcome{true}); err != nil {
		return fmt.Errorf("answer the first line: %w", err)
	}
	for {
		var job Job
		if err := jobs.Decode(&job); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a job: %w", err)
		}
		tape.rewind()
		before := ProcessorTime()
		run := execute(job, tape)
		run.CPU = ProcessorTime() - before
		if err := answers.Encode(run); err != nil {
			return fmt.Errorf("answer a job: %w", err)
		}
	}
}
