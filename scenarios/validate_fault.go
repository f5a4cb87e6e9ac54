package scenarios

import (
	"fmt"
	"slices"

	"github.com/holdfast-sim/holdfast/sim/fault"
)

var (
	apiVerbs     = []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	backendVerbs = []string{"grant", "revoke", "fence", "exists"}
	csiVerbs     = []string{"publish", "unpublish"}
	resources    = []string{"nodes", "persistentvolumes", "volumeattachments", "csinodes", "persistentvolumeclaims", "pods", "events",
		"leases", "configmaps", "secrets", "storageclasses", "csidrivers", fault.Backend, fault.CSI}
)

func (v *validator) fault(path string, f Fault) {
	words := make([]string, 0, len(fault.Effects()))
	for _, e := range fault.Effects() {
		words = append(words, string(e))
	}
	v.oneOf(path+".effect", string(f.Effect), words)
	v.on(path+".on", f.On)
	known := slices.Contains(slices.Concat(apiVerbs, backendVerbs), f.On.Verb)
	if verbs := metBy(f.Effect); known && !slices.Contains(verbs, f.On.Verb) {
		v.add(path+".effect", fmt.Sprintf("%s cannot meet %s", f.Effect, f.On.Verb), "", fieldValueHint("", verbs))
	}
	v.duration(path+".for", f.For)
	delays := f.Effect.Delays()
	switch {
	case delays && f.For == 0:
		v.add(path+".for", fmt.Sprintf("%s needs for, the delay", f.Effect), "", "")
	case !delays && f.For != 0:
		v.add(path+".for", fmt.Sprintf("%s has no delay, so that for means nothing", f.Effect), "", "")
	}
	if !(f.Chance >= 0 && f.Chance <= 1) {
		v.add(path+".chance", fmt.Sprintf("chance is %v, outside of (0, 1]", f.Chance), "", "leave chance out for always")
	}
}

// metBy are the verbs that an effect can meet.
func metBy(e fault.Effect) (verbs []string) {
	for _, verb := range slices.Concat(apiVerbs, backendVerbs) {
		resource := ""
		if slices.Contains(backendVerbs, verb) {
			resource = fault.Backend
		}
		if e.Meets(verb, resource) {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}

func (v *validator) on(path string, on On) {
	if on.Resource != "" {
		v.oneOf(path+".resource", on.Resource, resources)
	}
	verbs := slices.Concat(apiVerbs, backendVerbs)
	switch {
	case on.Resource == fault.Backend:
		verbs = backendVerbs
	case on.Resource == fault.CSI:
		verbs = csiVerbs
	case on.Resource != "" || on.API:
		verbs = apiVerbs
	}
	if on.Verb != "" {
		v.oneOf(path+".verb", on.Verb, verbs)
	}
	if on.API && on.Resource == fault.Backend {
		v.add(path+".api", "a request to the backend is none to the API server", "", "")
	}
	v.text(path+".name", on.Name, handleMax)
	v.text(path+".actor", on.Actor, handleMax)
	v.text(path+".label", on.Label, labelMax)
	if on.Nth < 0 {
		v.add(path+".nth", "nth counts from 1", "", "")
	}
	v.duration(path+".from", on.From)
	v.duration(path+".until", on.Until)
	if on.Until != 0 && on.Until <= on.From {
		v.add(path+".until", fmt.Sprintf("until %s is not after from %s", on.Until, on.From), "", "")
	}
}
