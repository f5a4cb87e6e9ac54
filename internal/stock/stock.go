// Package stock plugs our own Manager, Controller and Reconciler into the harness, as anybody's driver would be plugged in.
//
//	result := sim.Run(t, stock.Builder, scenario)
package stock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/attachment/csi"
	"github.com/holdfast-sim/holdfast/reconciler"
	"github.com/holdfast-sim/holdfast/sim"
)

// System is our own driver's controller as the harness sees it. It offers every optional power.
type System struct {
	manager    *attachment.Manager
	controller *csi.Controller
	reconciler *reconciler.Reconciler

	mu   sync.Mutex      // guards the rest; never held over a wait
	lead context.Context // of the leadership under way
	held bool            // somebody stopped the Reconciler: leadership alone does not start it
}

var (
	_ sim.System    = (*System)(nil)
	_ sim.Lifecycle = (*System)(nil)
	_ sim.Nudger    = (*System)(nil)
	_ sim.Retrier   = (*System)(nil)
	_ sim.Rebuilder = (*System)(nil)
	_ sim.Believer  = (*System)(nil)
	_ sim.Stats     = (*System)(nil)
	_ sim.Direct    = (*System)(nil)
)

// Builder is a sim.Builder.
func Builder(env sim.Env) (sim.System, error) {
	s := &System{}
	set := env.Settings
	var err error
	s.manager, err = attachment.NewManager(env.Client,
		attachment.WithClock(env.Clock), attachment.WithDriver(env.Driver), attachment.WithMaxHolders(set.MaxHolders),
		attachment.WithIdentity(fmt.Sprint(env.Incarnation)),
		attachment.WithGrace(set.Grace), attachment.WithMetrics(env.Metrics), attachment.WithRecorder(env.Recorder), attachment.WithLogger(env.Logger))
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	cfg := csi.Config{
		Manager: s.manager, Client: env.Client, Backend: env.Backend, Driver: env.Driver, Clock: env.Clock, Logger: env.Logger, OnReady: s.ready,
		OnNode: func(name string) { s.reconciler.Seen(name) },
	}
	if set.Fence {
		cfg.Eviction = csi.EvictFencing
	}
	if s.controller, err = csi.New(cfg); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	s.reconciler, err = reconciler.New(s.reconcilerConfig(env))
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	return s, nil
}

func (s *System) reconcilerConfig(env sim.Env) reconciler.Config {
	cfg := reconciler.Config{
		Manager: s.manager, Client: env.Client, Clock: env.Clock, Interval: env.Settings.Interval, GracePeriod: env.Settings.Grace,
		NodeID: s.controller.NodeID, Sweeper: s.controller, Metrics: env.Metrics, Logger: env.Logger,
	}
	if env.Settings.Fence {
		cfg.Fencer = env.Backend
	}
	return cfg
}

// Publish implements sim.System.
func (s *System) Publish(ctx context.Context, r sim.PublishRequest) error {
	return s.controller.Publish(ctx, csi.PublishRequest{Volume: r.Volume, NodeID: r.NodeID, Mode: attachment.Mode(r.Mode), Context: r.Context})
}

// Unpublish implements sim.System.
func (s *System) Unpublish(ctx context.Context, volume, nodeID string) error {
	return s.controller.Unpublish(ctx, volume, nodeID)
}

// Run implements sim.System: the Controller leads, and the Reconciler runs from the moment at which it serves. Who starts it holds
// the lock, which Stop takes first: either he is told that leadership is over, or what he started is stopped here.
func (s *System) Run(ctx context.Context) error {
	s.mu.Lock()
	s.lead, s.held = ctx, false
	s.mu.Unlock()
	defer s.Stop()
	return s.controller.Run(ctx)
}

// ready starts the Reconciler, unless somebody started or stopped it since leadership began.
func (s *System) ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held {
		_ = s.reconciler.Start(s.lead)
	}
}

// Start implements sim.Lifecycle. When leadership has ended it is refused: who does not lead any more clears nothing.
func (s *System) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lead != nil && s.lead.Err() != nil {
		return errors.New("start reconciler: this process does not lead any more")
	}
	s.held = false
	return s.reconciler.Start(ctx)
}

// Stop implements sim.Lifecycle.
func (s *System) Stop() {
	s.mu.Lock()
	s.held = true
	s.mu.Unlock()
	s.reconciler.Stop()
}

// Trigger implements sim.Nudger.
func (s *System) Trigger() { s.reconciler.Trigger() }

// RetryMax implements sim.Retrier.
func (s *System) RetryMax() time.Duration { return reconciler.RetryMax }

// Rebuild implements sim.Rebuilder.
func (s *System) Rebuild(ctx context.Context) error { return s.manager.Rebuild(ctx) }

// Version implements sim.Believer. Both counters only grow, so their sum changes whenever one does.
func (s *System) Version() uint64 { return s.manager.Version() + s.reconciler.Version() }

// Attachments implements sim.Believer. It spoils one copy before it reads the next: a Manager that hands out its own
// pointers is seen to believe nonsense.
func (s *System) Attachments() ([]sim.Instance, map[string]time.Time) {
	spoil(s.manager.ListAttachments())
	clear(s.manager.DetachTimestamps())
	return instancesOf(s.manager.ListAttachments()), s.manager.DetachTimestamps()
}

// Changes tells the harness what to read anew, while it does not read all.
func (s *System) Changes() (volumes []string, all bool) { return s.manager.Changes() }

// AttachmentsOf is Attachments for some volumes.
func (s *System) AttachmentsOf(volumes []string) ([]sim.Instance, map[string]time.Time) {
	var some []attachment.Attachment
	stamps := make(map[string]time.Time)
	for _, v := range volumes {
		if a, ok := s.manager.GetAttachment(v); ok {
			some = append(some, a)
		}
		if t := s.manager.GetDetachTimestamp(v); !t.IsZero() {
			stamps[v] = t
		}
	}
	return instancesOf(some), stamps
}

func instancesOf(attachments []attachment.Attachment) []sim.Instance {
	var out []sim.Instance
	for _, a := range attachments {
		for _, e := range a.Entries {
			i := sim.Instance{Volume: e.Volume, Node: e.Node, UID: e.UID, Epoch: e.Epoch, State: string(e.State), Mode: string(a.Mode), AttachedAt: e.AttachedAt}
			if a.Migration != nil {
				i.MigrationStart, i.MigrationTimeout = a.Migration.StartedAt, a.Migration.Timeout
			}
			out = append(out, i)
		}
	}
	return out
}

func spoil(attachments []attachment.Attachment) {
	for i := range attachments {
		a := &attachments[i]
		for k := range a.Entries {
			a.Entries[k] = attachment.Entry{Instance: attachment.Instance{Volume: a.Volume, Node: "spoilt"}, State: attachment.Held}
		}
		if a.Migration != nil {
			*a.Migration = attachment.Migration{}
		}
	}
}

// Sizes implements sim.Stats.
func (s *System) Sizes() map[string]int {
	sizes := s.manager.Sizes()
	for name, n := range s.reconciler.Sizes() {
		sizes[name] = n
	}
	return sizes
}
