package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variablePrefix begins the names of the environment variables that set flags.
const variablePrefix = "HOLDFAST_"

// variableOf is the environment variable of a flag.
func variableOf(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// warnOfVariables tells of variables that are set and misspelt, for nobody else would.
func warnOfVariables(c *cobra.Command) {
	var known []string
	for _, verb := range c.Root().Commands() {
		verb.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, strings.TrimPrefix(variableOf(f.Name), variablePrefix)) })
	}
	set := os.Environ()
	slices.Sort(set)
	for _, entry := range set {
		name, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, variablePrefix)
		if !ours || slices.Contains(known, rest) {
			continue
		}
		if meant := didYouMean(rest, known, variablePrefix); meant != "" {
			fmt.Fprintf(c.ErrOrStderr(), "warning: %s is set and means nothing%s\n", name, meant)
		}
	}
}

// wrongValue refuses a value that is not of its setting's type; called is the flag or the variable.
func wrongValue(called, value string, f *pflag.Flag) error {
	switch f.Value.Type() {
	case "int":
		return usage("", "%s %q is not a whole number", called, value)
	case "bool":
		return usage("it takes true, false", "%s %q is neither true nor false", called, value)
	case "duration":
		return usage("a duration is 30s or 2m", "%s %q is not a duration", called, value)
	}
	return usage("", "%s %q is not a %s", called, value, f.Value.Type())
}
