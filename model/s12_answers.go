package model

import (
	"fmt"
	"sort"
	"strings"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// asked notes what a read is to return, when it is called: it waits for nobody, so that it tells what is believed then.
func (r *isolated) asked(s *state, o *operation) {
	switch {
	case o.verb == "getAttachment" && o.volume != nil:
		r.due[o.num] = words(o.proc.memory(o.volume.handle))
	case o.verb == "listAttachments":
		var all []*memory
		for _, v := range s.order {
			if m := o.proc.mem[v.handle]; m != nil {
				all = append(all, m)
			}
		}
		r.due[o.num] = words(all...)
	}
}

// answered compares the answer.
func (r *isolated) answered(s *state, o *operation, e *trace.Event) {
	due, ok := r.due[o.num]
	delete(r.due, o.num)
	if ok && e.Code == "OK" && e.Message != due {
		r.violate(s, "answers", []int{o.begun.step}, "%s returned %q, and believed is %q", o.verb, e.Message, due)
	}
}

// words are the instances of volumes as a trace tells an answer.
func words(memories ...*memory) string {
	var all []string
	for _, m := range memories {
		for _, i := range m.instances {
			all = append(all, fmt.Sprintf("%s %s %s %d %s", i.volume, i.node, i.uid, i.epoch, i.state))
		}
	}
	sort.Strings(all)
	return strings.Join(all, "\n")
}
