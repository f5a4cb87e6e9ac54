package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/report"
)

// addCompletion tells shells which values the words of a command line take.
func addCompletion(root *cobra.Command, known catalog) {
	values := map[string][]string{
		"system": known.names(), "strategy": strategies(),
		"results": {string(report.ListFailed), string(report.ListAll), string(report.ListNone)},
	}
	forms := map[string][]string{"run": {"text", "json"}, "replay": {"text", "json"}, "check": {"text", "json"}, "list": {"text", "json", "name"}, "version": {"text", "json"}}
	for _, c := range root.Commands() {
		for flag, words := range values {
			offer(c, flag, words)
		}
		offer(c, "output", forms[c.Name()])
		switch c.Name() {
		case "run":
			c.ValidArgsFunction = libraryNames(cobra.ShellCompDirectiveDefault) // or a file
		case "list":
			c.ValidArgsFunction = libraryNames(cobra.ShellCompDirectiveNoFileComp)
		}
	}
}

// offer lets a flag be completed from some words, if the command has it.
func offer(c *cobra.Command, flag string, words []string) {
	if len(words) > 0 && c.Flags().Lookup(flag) != nil {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // it fails for flags that are not there
	}
}

func libraryNames(otherwise cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) (names []string, _ cobra.ShellCompDirective) {
		for _, s := range scenarios.Library() {
			if strings.HasPrefix(s.Metadata.Name, begun) {
				names = append(names, s.Metadata.Name)
			}
		}
		return names, otherwise
	}
}

// strictShells makes completion refuse a shell that it does not know.
func strictShells(c *cobra.Command) {
	c.Example = "  source <(holdfast completion bash)\n  holdfast completion zsh > ~/.zfunc/_holdfast"
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		shells := verbNames(c)
		return usage("it knows "+strings.Join(shells, ", "), "there is no completion for %q%s", args[0], didYouMean(args[0], shells, ""))
	}
}

// strictHelp makes help refuse a verb that there is not.
func strictHelp(c *cobra.Command) {
	c.Args = func(c *cobra.Command, args []string) error {
		found, rest, err := c.Root().Find(args)
		if err != nil || len(rest) > 0 {
			word := args[0]
			if len(rest) > 0 {
				word = rest[0]
			}
			return usage("holdfast --help lists the verbs", "there is no verb %q%s", word, didYouMean(word, verbNames(found), ""))
		}
		return nil
	}
}

// verbNames are the verbs below a command that people may call.
func verbNames(c *cobra.Command) (names []string) {
	for _, v := range c.Commands() {
		if !v.Hidden {
			names = append(names, v.Name())
		}
	}
	return names
}
