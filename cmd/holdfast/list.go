package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// newList makes the verb that shows what there is to run.
func newList() *cobra.Command {
	output := "text"
	c := &cobra.Command{
		Use:   "list [PATTERN]",
		Short: "List the scenarios that come with holdfast",
		Long: `List shows the scenarios of the library by name. Each is a hazard in its smallest form; holdfast run NAME runs it. A pattern
such as 'node-*' selects names.

` + exitCodes,
		Example: "  holdfast list\n  holdfast list 'node-*' -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pattern := "*"
			if len(args) > 0 {
				pattern = args[0]
			}
			return list(c, pattern, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "text, json, or name")
	return c
}

// listing is one scenario in the JSON form.
type listing struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Expect      []string `json:"expect,omitempty"`
	Invariants  []string `json:"invariants,omitempty"` // rules of its own, and those that it asks for
}

func list(c *cobra.Command, pattern, output string) error {
	found := []listing{}
	for _, s := range scenarios.Library() {
		ok, err := path.Match(pattern, s.Metadata.Name)
		if err != nil {
			return usage("", "%s: %w", pattern, err)
		}
		if ok {
			l := listing{Name: s.Metadata.Name, Description: strings.Join(strings.Fields(s.Metadata.Description), " "), Expect: s.Spec.Expect}
			for _, i := range s.Spec.Invariants {
				l.Invariants = append(l.Invariants, i.Name)
			}
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		return nothing("holdfast list without a pattern shows all", "no scenario of the library matches %s", pattern)
	}
	out := c.OutOrStdout()
	switch output {
	case "json":
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(found)
	case "name":
		for _, l := range found {
			fmt.Fprintln(out, l.Name)
		}
		return nil
	case "text":
		t := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
		fmt.Fprintln(t, "NAME\tWHAT HAPPENS")
		for _, l := range found {
			fmt.Fprintf(t, "%s\t%s\n", l.Name, firstSentence(l.Description))
		}
		return t.Flush()
	}
	return usage("it takes text, json, name", "--output %q is unknown", output)
}

// firstSentence cuts a description for the table.
func firstSentence(text string) string {
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i+1]
	}
	const max = 120
	if r := []rune(text); len(r) > max {
		return string(r[:max-1]) + "…"
	}
	return text
}
