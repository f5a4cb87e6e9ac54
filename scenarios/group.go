package scenarios

import "strconv"

const (
	// groupMax bounds the volumes of a group. A run of ten thousand takes twelve seconds.
	groupMax = 10_000
	// everyNode is the node of a step about a group whose volumes are spread over all nodes: the first volume to the first node, and so on,
	// from the first again.
	everyNode = "*"
)

// ungroup replaces each group of volumes by its volumes, and each step about it by one for each of them.
func (spec *Spec) ungroup() {
	groups := make(map[string]int)
	var volumes []Volume
	for _, v := range spec.Volumes {
		n := v.Count
		if n == 0 {
			volumes = append(volumes, v)
			continue
		}
		groups[v.Name], v.Count = n, 0
		for i := range n {
			one := v
			one.Name = memberOf(v.Name, i)
			volumes = append(volumes, one)
		}
	}
	if len(groups) == 0 {
		return
	}
	var steps []Step
	for _, s := range spec.Timeline {
		a := s.Publish
		if a == nil {
			a = s.Unpublish
		}
		if a == nil || groups[a.Volume] == 0 {
			steps = append(steps, s)
			continue
		}
		for i := range groups[a.Volume] {
			steps = append(steps, s.member(i, groups[a.Volume], spec.Nodes))
		}
	}
	spec.Volumes, spec.Timeline = volumes, steps
}

// member is the step about one volume of a group of n.
func (s Step) member(i, n int, nodes Nodes) Step {
	one := func(a *Attachment) *Attachment {
		if a == nil {
			return nil
		}
		s.At += a.Over * Duration(i) / Duration(n)
		b := *a
		b.Volume, b.Over = memberOf(a.Volume, i), 0
		if b.Node == everyNode {
			b.Node = nodes[i%len(nodes)].Name
		}
		return &b
	}
	s.Publish, s.Unpublish = one(s.Publish), one(s.Unpublish)
	return s
}

func memberOf(group string, i int) string { return group + "-" + strconv.Itoa(i+1) }
