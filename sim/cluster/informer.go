package cluster

import (
	"context"
	"runtime"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/sim/sched"
)

// informer is the actor of what a cache asks for. What is read to feed a cache decides nothing by itself, so that the oracle
// has to know it from what somebody reads to decide by, although both may be done under one context.
const informer = "informer"

// fromInformer names the actor of a list or a watch that a reflector makes, whoever started that. An operation that waits for
// a list of its own keeps its name. A request that names a version, and no actor, can be nobody else's.
func fromInformer(ctx context.Context, o metav1.ListOptions) context.Context {
	switch actor := sched.Actor(ctx); {
	case actor == informer, strings.HasPrefix(actor, "op-"):
		return ctx
	case actor == "other" && o.ResourceVersion != "", reflects():
		return sched.WithActor(ctx, informer)
	}
	return ctx
}

// framesMax bounds how far up a reflector is looked for.
const framesMax = 64

// reflects reports whether the caller is one of client-go's reflectors. Its context says nothing of that, and its requests
// look like anybody's; lists and watches are rare enough to look at the stack.
func reflects() bool {
	var callers [framesMax]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "k8s.io/client-go/tools/cache.(*Reflector)") {
			return true
		}
		if !more {
			return false
		}
	}
}
