package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// BackendClient is the storage backend as one incarnation of the system sees it: it implements sim.Backend. Any goroutine
// may use it; its calls end with their contexts. Errors are of type *BackendError, or the context's.
type BackendClient struct {
	backend *Backend
	caller  Caller
}

// Client returns the backend as one incarnation of a process sees it.
func (b *Backend) Client(c Caller) *BackendClient { return &BackendClient{b, c} }

// Exists reports whether the storage system has the volume. A stale read does not know it yet.
func (c *BackendClient) Exists(ctx context.Context, volume string) (bool, error) {
	answer, err := c.call(ctx, "exists", volume, "", 0, func(d fault.Decision) (any, error) {
		return c.backend.volumes[volume] != nil && d.Effect != fault.StaleRead, nil
	})
	if err != nil {
		return false, err
	}
	return answer.(bool), nil
}

// Grant lets a node use a volume.
func (c *BackendClient) Grant(ctx context.Context, volume, nodeID string, epoch uint64, readOnly bool) error {
	_, err := c.call(ctx, "grant", volume, nodeID, epoch, func(fault.Decision) (any, error) {
		return nil, c.backend.grant(volume, nodeID, epoch, readOnly)
	})
	return err
}

// Revoke ends a node's access granted up to an epoch. An empty node is every node.
func (c *BackendClient) Revoke(ctx context.Context, volume, nodeID string, epoch uint64) error {
	return c.cutOff(ctx, "revoke", volume, nodeID, epoch)
}

// Fence ends a node's access granted up to an epoch although the node may be alive and in the middle of a write.
func (c *BackendClient) Fence(ctx context.Context, volume, nodeID string, epoch uint64) error {
	return c.cutOff(ctx, "fence", volume, nodeID, epoch)
}

func (c *BackendClient) cutOff(ctx context.Context, verb, volume, nodeID string, epoch uint64) error {
	_, err := c.call(ctx, verb, volume, nodeID, epoch, func(fault.Decision) (any, error) {
		c.backend.cutOff(verb, volume, nodeID, epoch)
		return nil, nil
	})
	return err
}

func (c *BackendClient) call(ctx context.Context, verb, volume, nodeID string, epoch uint64, do func(fault.Decision) (any, error)) (any, error) {
	name := "" // every node
	if nodeID != "" {
		name, _ = c.backend.cfg.Node(nodeID)
	}
	return c.caller.Call(ctx, sched.Request{
		Verb: verb, Resource: fault.Backend, Name: volume,
		About: func(e *trace.Event) { e.Volume, e.Node, e.Epoch = volume, name, epoch },
		Do:    func(_ *trace.Event, d fault.Decision) (any, error) { return do(d) },
		Fail:  func(effect fault.Effect) error { return c.backend.injected(effect, verb, volume, nodeID) },
		Code:  backendCode,
	})
}

// code is the kind of a storage error, in gRPC's words.
type code string

// What the simulated storage system answers, besides success.
const (
	notFound           code = "NotFound"
	failedPrecondition code = "FailedPrecondition"
	unavailable        code = "Unavailable"
	deadlineExceeded   code = "DeadlineExceeded"
	resourceExhausted  code = "ResourceExhausted"
	aborted            code = "Aborted"
	internal           code = "Internal"
)

// BackendError is what the storage system says no with.
type BackendError struct {
	code     code
	text     string
	injected bool
}

// Error implements error.
func (e *BackendError) Error() string { return e.text + ": " + string(e.code) }

// Code is the word by which a caller tells errors apart.
func (e *BackendError) Code() string { return string(e.code) }

// Is lets errors.Is recognise what the fault plan made.
func (e *BackendError) Is(target error) bool { return target == ErrInjected && e.injected }

func (b *Backend) refuse(verb, volume, nodeID string, c code, why string) error {
	return &BackendError{code: c, text: fmt.Sprintf("%s %s on %s: %s", verb, volume, nodeID, why)}
}

// injected is how an effect looks to a client of the storage system. A lost reply and an unreachable server look alike: the
// caller cannot know.
func (b *Backend) injected(effect fault.Effect, verb, volume, nodeID string) error {
	c, why := internal, "internal error"
	switch effect {
	case fault.Unreachable, fault.ReplyLost:
		c, why = unavailable, "connection lost"
	case fault.Timeout, fault.LateEffect:
		c, why = deadlineExceeded, "no answer in time"
	case fault.Throttled:
		c, why = resourceExhausted, "too many requests"
	case fault.Conflict:
		c, why = aborted, "another operation is in progress"
	}
	return &BackendError{code: c, text: fmt.Sprintf("%s %s on %s: %s", verb, volume, nodeID, why), injected: true}
}

func backendCode(err error) string {
	var ours *BackendError
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &ours):
		return ours.Code()
	case errors.Is(err, context.DeadlineExceeded):
		return string(deadlineExceeded)
	case errors.Is(err, context.Canceled):
		return "Canceled"
	}
	return "Unknown"
}
