package mutants

import (
	"slices"
	"strings"
)

// without returns an environment without the variables of a prefix: settings of the one who starts a campaign are not those
// of its processes.
func without(environment []string, prefix string) []string {
	return slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, prefix) })
}

// lastLine is what a program said last.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndex(text, "\n")+1:]
}
