package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// stub is a Loop and a Caller that lets every request take effect at once, and keeps points until they are fired.
type stub struct {
	now    time.Duration
	calls  []trace.Event
	events []trace.Event
	points []*sched.Point
	effect fault.Effect // of the next requests
	quiet  bool
	cut    bool
}

func (s *stub) Now() time.Duration { return s.now }
func (s *stub) Cut() bool          { return s.cut }
func (s *stub) Emit(e trace.Event) {
	if !s.quiet {
		s.events = append(s.events, e)
	}
}

func (s *stub) Call(ctx context.Context, r sched.Request) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := trace.Event{Kind: trace.Call, Label: "call", Verb: r.Verb, Resource: r.Resource, Name: r.Name, Actor: sched.Actor(ctx), Fault: string(s.effect)}
	if r.About != nil {
		r.About(&e)
	}
	var answer any
	var err error
	switch s.effect {
	case fault.None, fault.StaleRead, fault.EmptyList, fault.PartialList, fault.ReplyLost:
		answer, err = r.Do(&e, fault.Decision{Effect: s.effect})
		if s.effect == fault.ReplyLost {
			err = r.Fail(s.effect)
		}
	default:
		err = r.Fail(s.effect)
	}
	if err == nil && r.Seen != nil {
		r.Seen(&trace.Event{Kind: trace.Reply}, answer)
	}
	if !s.quiet {
		e.Code = r.Code(err)
		s.calls = append(s.calls, e)
	}
	return answer, err
}

func (s *stub) Offer(p *sched.Point) {
	if !s.cut {
		s.points = append(s.points, p)
	}
}

func (s *stub) Withdraw(p *sched.Point) bool {
	i := slices.Index(s.points, p)
	if i >= 0 {
		s.points = slices.Delete(s.points, i, i+1)
	}
	return i >= 0
}

// settle fires what is ready until nothing is.
func (s *stub) settle() {
	for {
		i := slices.IndexFunc(s.points, func(p *sched.Point) bool { return p.Ready <= s.now })
		if i < 0 {
			return
		}
		p := s.points[i]
		s.points = slices.Delete(s.points, i, i+1)
		e := trace.Event{Kind: p.Kind, Label: p.Label, Proc: p.Proc, Actor: p.Actor}
		p.Fire(&e, fault.Decision{})
		s.Emit(e)
	}
}

// changes are the change events so far, in short, and forgets them.
func (s *stub) told(kind trace.Kind) (out []string) {
	for _, e := range s.events {
		if e.Kind == kind {
			out = append(out, strings.Join(slices.DeleteFunc([]string{e.Verb, e.Resource, e.Name, e.Volume, e.Node, e.State}, func(s string) bool { return s == "" }), " "))
		}
	}
	s.events = nil
	return out
}

func wall() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC) }

// start returns an empty server and the client of its first process.
func start(tb testing.TB) (*stub, *Server, kubernetes.Interface) {
	tb.Helper()
	loop := &stub{}
	s := New(Config{Loop: loop, Clock: wall, Source: choice.Seeded(1), HistoryMax: 50})
	return loop, s, s.Client(1, loop)
}

// errorIs lets a table name an error by the word that the trace has for it.
func errorIs(err error) string {
	if errors.Is(err, ErrInjected) {
		return "injected " + apiCode(err)
	}
	return apiCode(err)
}
