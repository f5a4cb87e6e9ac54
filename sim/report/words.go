package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Words says what an event is about, as an operator would: a verb in the first column, what it was done to in the second, and
// in the third what the eye may skip.
//
//	publish   vm-disk -> node-1           epoch 2
func Words(e trace.Event) (verb, object, note string) {
	switch e.Kind {
	case trace.Op:
		return opWords(e)
	case trace.Return:
		return "answer", strings.TrimSpace(e.Verb+" "+target(e)) + ": " + orOK(e.Code), join(late(e), e.Message)
	case trace.Call:
		return e.Verb, target(e), join(who(e), code(e), effect(e))
	case trace.Reply:
		return "reply", strings.TrimSpace(e.Verb + " " + target(e)), join("to "+who(e), code(e), effect(e), e.Message)
	case trace.Deliver:
		return "see", e.Resource + " " + e.Name + " " + strings.ToLower(e.Verb), join("cache of process "+strconv.Itoa(e.Proc), uid(e))
	case trace.Wake:
		return "wake", orLabel(e), ""
	case trace.Process:
		return e.Verb, "process " + strconv.Itoa(e.Proc), e.Message
	case trace.Phase:
		return "phase", e.Name, ""
	case trace.Change:
		return "object", e.Resource + " " + e.Name + " " + e.Verb, join(uid(e), e.State)
	case trace.World:
		return worldWords(e)
	case trace.Belief:
		return beliefWords(e)
	case trace.Counter:
		return "counter", e.Name + " = " + strconv.FormatFloat(e.Value, 'g', -1, 64), ""
	case trace.Recorded:
		return "event", e.Verb + " on " + e.Name, e.Message
	case trace.Trouble:
		return troubleWords(e)
	}
	return string(e.Kind), orLabel(e), join(e.Code, e.Message)
}

// opWords names operations by what an operator of a cluster would call them.
func opWords(e trace.Event) (verb, object, note string) {
	verb, object = e.Verb, target(e)
	switch e.Verb {
	case "unpublish":
		if e.Node == "" {
			object = e.Volume + " -> every node"
		}
	case "wish", "unwish": // the operator's VolumeAttachment, before the sidecar acts on it
	case "createNode", "deleteNode":
		verb, object = strings.TrimSuffix(e.Verb, "Node"), e.Node
	case "setReady":
		object = strings.TrimSpace(e.Node + " " + readiness(e.State))
	case "outOfService":
		object = e.Node
	case "killMachine", "startMachine":
		verb, object = strings.TrimSuffix(e.Verb, "Machine"), "machine of "+e.Node
	}
	return verb, object, join(uid(e), e.Message)
}

// readiness says a node's state in words.
func readiness(state string) string {
	if state == "notReady" {
		return "not ready"
	}
	return state
}

func worldWords(e trace.Event) (verb, object, note string) {
	switch e.Verb {
	case "machineUp", "machineDown":
		return "machine", "of " + e.Node + " is " + strings.ToLower(strings.TrimPrefix(e.Verb, "machine")), uid(e)
	}
	return "backend", e.Verb + " " + target(e), join(uid(e), epoch(e))
}

func beliefWords(e trace.Event) (verb, object, note string) {
	if e.State == "" && e.Node == "" {
		return "believe", e.Volume + " has a new detach stamp", ""
	}
	if e.State == "gone" || e.State == "" {
		return "forget", e.Volume + " on " + e.Node, join(uid(e), epoch(e))
	}
	return "believe", e.Volume + " on " + e.Node + " " + e.State, join(uid(e), epoch(e))
}

func troubleWords(e trace.Event) (verb, object, note string) {
	note = ""
	if e.Limit != 0 {
		note = Clock(e.Limit)
	}
	what := strings.TrimSpace(e.Resource + " " + e.Name)
	if e.Proc > 0 {
		what = "process " + strconv.Itoa(e.Proc)
	}
	for _, end := range []string{"Begin", "End"} {
		if name, ok := strings.CutSuffix(e.Verb, end); ok {
			return name, strings.TrimSpace(what + " " + strings.ToLower(end) + "s"), note
		}
	}
	return e.Verb, what, note
}

// target is the thing that an event is about: volume -> node if it knows them, else the object.
func target(e trace.Event) string {
	switch {
	case e.Volume != "" && e.Node != "":
		return e.Volume + " -> " + e.Node
	case e.Volume != "" && e.Resource != "" && e.Resource != "backend":
		return e.Resource + " " + e.Name + " (" + e.Volume + ")"
	case e.Volume != "":
		return e.Volume
	case e.Resource != "":
		return strings.TrimSpace(e.Resource + " " + e.Name)
	case e.Node != "":
		return e.Node
	}
	return e.Name
}

func orOK(code string) string {
	if code == "" {
		return "OK"
	}
	return code
}

// orLabel is the name of an event, or the last parts of its label.
func orLabel(e trace.Event) string {
	if e.Name != "" {
		return e.Name
	}
	return e.Label
}

func who(e trace.Event) string {
	if e.Proc == 0 {
		return e.Actor
	}
	return strings.TrimSpace(e.Actor + " of process " + strconv.Itoa(e.Proc))
}

func code(e trace.Event) string {
	if e.Code == "OK" {
		return ""
	}
	return e.Code
}

func effect(e trace.Event) string {
	if e.Fault == "" {
		return ""
	}
	return "fault " + e.Fault
}

func late(e trace.Event) string {
	switch {
	case e.Lost:
		return "nobody saw it"
	case e.Late:
		return "too late for the caller"
	}
	return ""
}

func uid(e trace.Event) string {
	if e.UID == "" {
		return ""
	}
	return "uid " + e.UID
}

func epoch(e trace.Event) string {
	if e.Epoch == 0 {
		return ""
	}
	return fmt.Sprintf("epoch %d", e.Epoch)
}

func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}
