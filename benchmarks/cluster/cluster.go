// Package cluster makes the scenarios that studies run: so many volumes, so many nodes, and nothing that happens yet.
//
//	s := cluster.New("idle", 1_000, 100)
//	s.Spec.Timeline = append(s.Spec.Timeline, scenarios.Step{Publish: &scenarios.Attachment{Volume: cluster.Volume(0), Node: cluster.Node(0)}})
package cluster

import (
	"fmt"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// New makes a scenario with so many volumes, each for a single node, and so many nodes.
func New(name string, volumes, nodes int) *scenarios.Scenario {
	s := &scenarios.Scenario{APIVersion: scenarios.APIVersion, Kind: scenarios.Kind, Metadata: scenarios.Metadata{Name: name}}
	for i := range volumes {
		s.Spec.Volumes = append(s.Spec.Volumes, scenarios.Volume{Name: Volume(i), AccessMode: "ReadWriteOnce"})
	}
	for i := range nodes {
		s.Spec.Nodes = append(s.Spec.Nodes, scenarios.Node{Name: Node(i)})
	}
	return s
}

// Volume is the name of a volume, counted from 0.
func Volume(i int) string { return fmt.Sprintf("disk-%d", i+1) }

// Node is the name of a node, counted from 0.
func Node(i int) string { return fmt.Sprintf("node-%d", i+1) }
