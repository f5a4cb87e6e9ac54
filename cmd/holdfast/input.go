package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/scenarios/incident"
)

// source is a scenario to run, and where it came from.
type source struct {
	name string // the scenario's name
	text string // its text, as a worker reads it; empty for chaos
	arg  string // as it was typed, so that it can be typed again; empty for chaos
	// resolved says how the scenario goes when nobody says otherwise; nil if it does not.
	resolved *scenarios.Resolved
	buried   bool // it is from the graveyard
	// account says what an import used and what it skipped; nil for what is no recording.
	account *incident.Account
}

// find returns the sources that one argument means: a name or pattern of the library, a file, the files of a directory, or -
// for stdin. What a file holds is seen from its content.
func find(arg string, stdin io.Reader) ([]source, error) {
	if arg == "-" {
		s, err := read("-", stdin)
		return []source{s}, err
	}
	if s, err := scenarios.Lookup(arg); err == nil {
		return []source{fromScenario(s, arg)}, nil
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return findInDir(arg)
	case err == nil:
		s, err := readFile(arg)
		return []source{s}, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", arg, plain(err))
	case strings.ContainsAny(arg, "*?["):
		return findInLibrary(arg)
	case strings.ContainsAny(arg, "/\\.") || arg == "":
		return nil, usage("holdfast list shows the scenarios that come with it", "%s: no such file", arg)
	}
	_, err = scenarios.Lookup(arg)
	return nil, usage("holdfast list shows them all, and a file needs its path", "%w", err)
}

// theScenario returns the scenario of an argument that means a single one.
func theScenario(arg string, stdin io.Reader) (*scenarios.Scenario, error) {
	found, err := find(arg, stdin)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, usage("name one of them", "%s: %d scenarios", arg, len(found))
	}
	return scenarios.Parse(found[0].name, strings.NewReader(found[0].text))
}

func findInLibrary(pattern string) ([]source, error) {
	var found []source
	for _, s := range scenarios.Library() {
		ok, err := path.Match(pattern, s.Metadata.Name)
		if err != nil {
			return nil, usage("", "%s: %w", pattern, err)
		}
		if ok {
			found = append(found, fromScenario(s, s.Metadata.Name))
		}
	}
	if len(found) == 0 {
		return nil, nothing("holdfast list shows them all", "no scenario of the library matches %s", pattern)
	}
	return found, nil
}

// findInDir takes the files of a directory, by their names' ends, because a directory may hold a README.
func findInDir(dir string) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, plain(err))
	}
	if len(entries) == 0 {
		return nil, nothing("", "%s is empty", dir)
	}
	var found []source
	for _, e := range entries {
		ends := func(suffix string) bool { return strings.HasSuffix(e.Name(), suffix) }
		if e.IsDir() || !slices.ContainsFunc([]string{".yaml", ".yml", ".log", ".log.gz", ".jsonl", ".jsonl.gz"}, ends) {
			continue
		}
		s, err := readFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	if len(found) == 0 {
		return nil, usage("scenarios end in .yaml, recordings in .log, .jsonl or .gz", "%s: a directory without a scenario or a recording", dir)
	}
	return found, nil
}

func readFile(name string) (source, error) {
	f, err := open(name)
	if err != nil {
		return source{}, err
	}
	defer f.Close()
	return read(name, f)
}

// open opens a file for reading, and refuses a directory in plain words.
func open(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, plain(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, usage("name a file in it", "%s: a directory", name)
	}
	return f, nil
}

// plain drops from a file system error what its caller says anyway.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// read reads a scenario or a recording.
func read(name string, r io.Reader) (source, error) {
	form, r, err := recognise(name, r)
	if err != nil {
		return source{}, err
	}
	switch form {
	case traceText:
		return source{}, usage("holdfast replay "+quoteArg(name), "%s:1:1: this is a trace, which is replayed and not run", name)
	case recordingText:
		rec, err := incident.Import(name, r)
		if err != nil {
			return source{}, err
		}
		s := fromScenario(rec.Scenario, name)
		s.account = rec.Account
		return s, nil
	}
	s, err := scenarios.Parse(name, r)
	if err != nil {
		return source{}, err
	}
	return fromScenario(s, name), nil
}

func fromScenario(s *scenarios.Scenario, arg string) source {
	return source{name: s.Metadata.Name, text: string(scenarios.Format(s)), arg: arg, resolved: s.Defaults().Spec.Resolved}
}
