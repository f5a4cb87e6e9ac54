package scenarios

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// validate checks what was decoded, and finds the place of each problem in the text. What the decoder has complained
// about is left out: a misspelt action is not also a missing one, and a broken list of volumes says nothing about who
// refers to it.
func (d *decoder) validate(root *yaml.Node, s *Scenario) (found Problems) {
	for _, p := range s.validate() {
		if d.complained(p) {
			continue
		}
		n := locate(root, p.Path)
		p.Line, p.Column = n.Line, n.Column
		if p.inside > 0 {
			p.Line, p.Column = letterOf(d.text, n, p.inside-1)
		}
		found = append(found, p)
	}
	return found
}

func (d *decoder) complained(p Problem) bool {
	if slices.Contains(d.misspelt, p.Path) {
		return true
	}
	for _, q := range d.found {
		if within(q.Path, p.Path) || within(p.Path, q.Path) {
			return true
		}
		refers := strings.HasPrefix(p.What, "there is no ")
		if refers && (within(q.Path, "spec.volumes") || within(q.Path, "spec.nodes")) {
			return true
		}
	}
	return false
}

// within reports whether path is outer, or a part of it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[' || outer == "")
}

// locate returns the node at a path such as spec.timeline[3].publish.volume, or the nearest that there is above it.
func locate(n *yaml.Node, path string) *yaml.Node {
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		next := child(n, part)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func child(n *yaml.Node, part string) *yaml.Node {
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == part {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
