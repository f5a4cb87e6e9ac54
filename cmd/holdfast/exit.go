package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes. They are stable, and part of the help.
const (
	exitHeld        = 0
	exitFound       = 1
	exitUsage       = 2
	exitNothing     = 3
	exitHarness     = 4
	exitIncomplete  = 5
	exitInterrupted = 130
)

const exitCodes = `Exit codes:
  0    all ran, nothing found
  1    it worked and found something: a violation, a crash, a stall
  2    usage, a bad file, input or output
  3    nothing selected
  4    a replay diverged, a run was not deterministic, or a fault of the harness
  5    incomplete or inconclusive, or, with --self-check, a mark was never reached
  130  interrupted; what was done is reported`

// failure is an error with an exit code, and perhaps a sentence that helps.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// exitWith ends a verb with a code and no error of its own: the report has said all.
func exitWith(code int) error {
	if code == exitHeld {
		return nil
	}
	return &failure{code: code}
}

func usage(hint, format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint}
}

func nothing(hint, format string, args ...any) error {
	return &failure{code: exitNothing, err: fmt.Errorf(format, args...), hint: hint}
}

// complain writes an error for people, and returns the exit code. An error that nobody gave a code is bad input.
func complain(w io.Writer, err error) int {
	f := &failure{code: exitUsage, err: err}
	errors.As(err, &f)
	if f.err == nil {
		return f.code
	}
	var hints []string
	for i, line := range strings.Split(strings.TrimSpace(f.err.Error()), "\n") {
		if hint, ok := strings.CutPrefix(line, "hint: "); ok {
			hints = append(hints, hint)
			continue
		}
		if i == 0 {
			line = "error: " + line
		}
		fmt.Fprintln(w, line)
	}
	if f.hint != "" {
		hints = append(hints, f.hint)
	}
	if len(hints) > 0 {
		fmt.Fprintln(w, "hint: "+hints[0])
	}
	return f.code
}
