package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// writable checks before a campaign that its findings can be saved. The directory itself is made only for a finding; until
// then the nearest one above it that exists has to take a file.
func (s *settings) writable() error {
	refuse := func(err error) error {
		return usage("--out names another directory", "%s %s cannot be written: %w", s.called("out"), s.out, plain(err))
	}
	dir := filepath.Clean(s.out)
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return usage("--out names another directory", "%s %s cannot be written: %s is not a directory", s.called("out"), s.out, dir)
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir || !errors.Is(err, fs.ErrNotExist) {
			return refuse(err)
		}
		dir = parent
	}
	probe, err := os.CreateTemp(dir, ".holdfast-*")
	if err != nil {
		return refuse(err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return refuse(err)
	}
	return nil
}
