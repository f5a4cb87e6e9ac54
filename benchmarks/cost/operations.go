package cost

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/client-go/tools/cache"

	"github.com/holdfast-sim/holdfast/benchmarks/load"
)

// The names of the operations.
const (
	Pass         = "Pass"         // a whole pass of the Reconciler in which nothing has changed
	Event        = "Event"        // a node without volumes is deleted, and comes again: the pass between looks at no other
	LoseNode     = "LoseNode"     // a node with ten attachments is deleted: the pass that finds it missing, and the one that clears
	Clear        = "Clear"        // the pass in which the grace periods of what is stale end
	TrackUntrack = "TrackUntrack" // an attachment comes and goes
	List         = "List"         // a copy of all attachments
	Control      = "Control"      // a bare pass over a map
	Copying      = "Copying"      // a reconciler that copies all
)

// makers build the trials, in the order in which each round visits them.
func (p Plan) makers() (all []func() (*trial, error)) {
	for _, n := range p.Sizes {
		all = append(all,
			func() (*trial, error) { return control(n), nil },
			func() (*trial, error) { return passing(Pass, n, (*load.Load).Pass) },
			func() (*trial, error) { return passing(Event, n, (*load.Load).Event) },
			func() (*trial, error) { return copying(n), nil },
			func() (*trial, error) { return listing(n) },
			func() (*trial, error) { return pair(n) },
			func() (*trial, error) { return losing(n) })
		for _, share := range p.Stale {
			all = append(all, func() (*trial, error) { return clearing(n, share) })
		}
	}
	return all
}

// passing is an operation of a load that leaves it as it was.
func passing(name string, n int, do func(*load.Load)) (*trial, error) {
	l, err := load.New(load.Shape{Attachments: n})
	if err != nil {
		return nil, err
	}
	return &trial{name: name, size: n, do: func() error { do(l); return nil }, calls: l.Calls, close: l.Close}, nil
}

func losing(n int) (*trial, error) {
	l, err := load.New(load.Shape{Attachments: n})
	if err != nil {
		return nil, err
	}
	return &trial{
		name: LoseNode, size: n, calls: l.Calls, close: l.Close,
		do:    func() error { l.Lose(0); return nil },
		again: func() error { return l.Regain(0) },
	}, nil
}

func clearing(n int, share float64) (*trial, error) {
	l, err := load.New(load.Shape{Attachments: n, Stale: share})
	if err != nil {
		return nil, err
	}
	return &trial{
		name: fmt.Sprintf("%s/stale=%g", Clear, share), size: n, calls: l.Calls, close: l.Close,
		do: func() error { l.Clear(); return nil },
		again: func() error {
			if l.Held() != n-l.Stale() {
				return fmt.Errorf("%w: %d attachments are left", errLeft, l.Held())
			}
			return l.Restore()
		},
	}, nil
}

func listing(n int) (*trial, error) {
	m, err := load.Filled(n)
	if err != nil {
		return nil, err
	}
	return &trial{name: List, size: n, do: func() error {
		if len(m.ListAttachments()) != n {
			return errLeft
		}
		return nil
	}}, nil
}

func pair(n int) (*trial, error) {
	m, err := load.Filled(n)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return &trial{name: TrackUntrack, size: n, do: func() error {
		if err := m.TrackAttachment(ctx, "volume", "node"); err != nil {
			return err
		}
		return m.UntrackAttachment(ctx, "volume")
	}}, nil
}

// known is what the two that are compared with remember of a volume.
type known struct{ node, uid string }

func remembered(n int) map[string]*known {
	all := make(map[string]*known)
	for i := range n {
		all[load.Volume(i)] = &known{node: load.Node(i, n)}
	}
	return all
}

// control visits every attachment and does nothing else.
func control(n int) *trial {
	all := remembered(n)
	return &trial{name: Control, size: n, do: func() error {
		visited := 0
		for _, k := range all {
			if k.uid == "" {
				visited++
			}
		}
		if visited != n {
			return errLeft
		}
		return nil
	}}
}

// copying is a reconciler as it is written at first: it copies what is remembered under the lock, and then asks the cache of nodes
// about each attachment.
func copying(n int) *trial {
	var mu sync.Mutex
	all := remembered(n)
	nodes := cache.NewStore(func(obj any) (string, error) { return obj.(string), nil })
	for i := range n {
		_ = nodes.Add(load.Node(i, n)) // this store's key function has no error
	}
	return &trial{name: Copying, size: n, do: func() error {
		mu.Lock()
		seen := make(map[string]*known, len(all))
		for v, k := range all {
			seen[v] = &known{node: k.node, uid: k.uid}
		}
		mu.Unlock()
		for _, k := range seen {
			if _, there, err := nodes.GetByKey(k.node); err != nil || !there {
				return errLeft
			}
		}
		return nil
	}}
}
