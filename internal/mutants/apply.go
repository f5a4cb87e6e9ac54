package mutants

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// ErrStale means that a patch does not apply to the code any more: a line of it is not there, or what it says stands there twice.
var ErrStale = errors.New("the patch no longer applies")

// Apply returns the changed files, by their paths below root. Every line of the patch must be there as it is, removed ones and
// context; only the numbers of lines may differ, for they move with each change elsewhere in the file.
func (p Patch) Apply(root fs.FS) (map[string][]byte, error) {
	changed := make(map[string][]byte, len(p.files))
	for _, f := range p.files {
		name := nameOf(f)
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", p.ID, ErrStale, err)
		}
		out, err := applyFile(f, src)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s: %w", p.ID, ErrStale, name, err)
		}
		changed[name] = out
	}
	return changed, nil
}

func applyFile(f *gitdiff.File, src []byte) ([]byte, error) {
	at := *f
	at.TextFragments = nil
	for n, fragment := range f.TextFragments {
		line, err := locate(fragment, src)
		if err != nil {
			return nil, fmt.Errorf("hunk %d: %w", n+1, err)
		}
		moved := *fragment
		moved.OldPosition = line
		at.TextFragments = append(at.TextFragments, &moved)
	}
	var out bytes.Buffer
	if err := gitdiff.Apply(&out, bytes.NewReader(src), &at); err != nil {
		return nil, err
	}
	if bytes.Equal(out.Bytes(), src) {
		return nil, errors.New("it changes nothing")
	}
	return out.Bytes(), nil
}

// locate returns the number of the line at which the old lines of a hunk stand, all of them, and nowhere else.
func locate(f *gitdiff.TextFragment, src []byte) (int64, error) {
	var old strings.Builder
	for _, l := range f.Lines {
		if l.Old() {
			old.WriteString(l.Line)
		}
	}
	text, want := "\n"+string(src), "\n"+old.String()
	at := strings.Index(text, want)
	switch {
	case at < 0:
		return 0, errors.New("its lines are not there")
	case strings.LastIndex(text, want) != at:
		return 0, errors.New("its lines are there more than once")
	}
	return int64(strings.Count(text[:at], "\n")) + 1, nil
}
