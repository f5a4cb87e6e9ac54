package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// callDirectly calls a method of the Manager, if the system offers that. Nobody may do so outside leadership.
func (e *engine) callDirectly(ev *trace.Event, c scenarios.Call) {
	d, ok := power[Direct](e.now.sys)
	if !ok || !e.now.leads() {
		ev.Code = "Unavailable"
		return
	}
	call := DirectCall{Method: c.Method, Volume: c.Volume, Node: c.Node}
	if c.Volume != "" {
		call.Mode = e.volume(c.Volume).AccessMode
	}
	e.ask(&call)
	op := &operation{verb: verbOf(c.Method), volume: c.Volume, node: c.Node, mode: call.Mode, direct: true, done: func(error) {}}
	e.now.start(ev, op, func(ctx context.Context) error {
		answer, err := d.Call(ctx, call)
		op.answer = inWords(answer)
		return err
	})
	ev.UID, ev.Epoch, ev.Limit = call.UID, call.Epoch, call.Grace
}

// verbOf is a Go method's name as a verb of the trace: trackAttachment.
func verbOf(method string) string { return strings.ToLower(method[:1]) + method[1:] }

// ask fills in what only the run itself can know: which instance there is to be cleared, and how old a detach is.
func (e *engine) ask(c *DirectCall) {
	switch c.Method {
	case "ClearStale":
		c.Node, c.UID, c.Epoch = e.someInstance(c.Volume, c.Node)
	case "IsWithinGracePeriod":
		c.Grace = e.someGrace(c.Volume)
	}
}

// someInstance is the one that the system believes on a node, one that it does not believe any more, or one that never was.
func (e *engine) someInstance(volume, node string) (name, uid string, epoch uint64) {
	p := e.now.prober
	choice := e.src.Choose("clearStale/"+volume, 3)
	for _, k := range p.keys() {
		if k.volume != volume || node != "" && k.node != node {
			continue
		}
		switch choice {
		case 0:
			return k.node, k.uid, k.epoch
		case 1: // what was there before it, or would be after it
			return k.node, k.uid, k.epoch - 1
		}
	}
	if gone, ok := p.gone[volume]; ok && choice < 2 {
		return gone.node, gone.uid, gone.epoch
	}
	return node, "never", 1 << 62
}

// someGrace is the age of a volume's detach, or a nanosecond beside it, or no grace at all.
func (e *engine) someGrace(volume string) time.Duration {
	g := time.Duration(e.scn.Spec.Reconciler.GracePeriod)
	if since, ok := e.now.prober.parted[volume]; ok && e.src.Choose("grace/age", 4) > 0 {
		g = e.loop.Now() - since + time.Duration(e.src.Choose("grace/beside", 3)-1)
	}
	switch e.src.Choose("grace/none", 8) {
	case 0:
		return 0
	case 1:
		return -g
	}
	return g
}

// inWords is an answer as the trace tells it. Instances are sorted, each as volume, node, uid, epoch and state.
func inWords(answer any) string {
	switch a := answer.(type) {
	case bool:
		return strconv.FormatBool(a)
	case time.Time:
		return strconv.FormatInt(stamp(a), 10)
	case []Instance:
		words := make([]string, len(a))
		for i, x := range a {
			words[i] = fmt.Sprintf("%s %s %s %d %s", x.Volume, x.Node, x.UID, x.Epoch, x.State)
		}
		slices.Sort(words)
		return strings.Join(words, "\n")
	}
	return ""
}
