package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// execute runs a command line and returns the exit code.
func execute(known catalog, args []string, in io.Reader, out, errs io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(errs, "error: a fault of holdfast itself: %v\nhint: please report it with the command line\n", p)
			code = exitHarness
		}
	}()
	root := newRoot(known)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	if err := root.Execute(); err != nil {
		return complain(errs, err)
	}
	return exitHeld
}

// newRoot makes the command with all its verbs.
func newRoot(known catalog) *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Simulate what volume attachments of a CSI driver go through, and judge how it copes",
		Long: `Holdfast runs the attachment controller of a CSI driver against a simulated cluster with virtual time, lets nodes die, calls
fail and processes crash in every order that a seed can think of, and says whether it kept its promises: a volume has one
writer, nothing live is cleared, nothing stale stays.

` + exitCodes,
		Example:       "  holdfast run\n  holdfast run node-deleted --seeds 1-500",
		Args:          knownVerb,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if wrong := new(pflag.InvalidValueError); errors.As(err, &wrong) {
			return wrongValue("--"+wrong.GetFlag().Name, wrong.GetValue(), wrong.GetFlag())
		}
		return usage(c.CommandPath()+" --help lists the flags", "%w%s", err, meantFlag(c, err))
	})
	for _, g := range []struct{ id, title string }{
		{"search", "Search:"}, {"incidents", "Incidents:"}, {"measure", "Measure:"}, {"results", "Results:"}, {"other", "Other:"},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
	}
	add := func(group string, c *cobra.Command) {
		c.GroupID = group
		root.AddCommand(c)
	}
	add("search", newRun(known))
	add("search", newShrink(known))
	add("search", newExplain(known))
	add("search", newWhatIf(known))
	add("search", newExplore(known))
	add("search", newEnvelope(known))
	add("search", newCheck(known))
	add("search", newMutants())
	add("incidents", newImport())
	add("incidents", newReplay(known))
	add("measure", newBench())
	add("results", newList())
	add("other", newVersion())
	root.AddCommand(newWorker(known))
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			strictShells(c)
		case "help":
			strictHelp(c)
		}
	}
	addCompletion(root, known)
	return root
}

// knownVerb refuses what is no verb, and names the one that was probably meant.
func knownVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("holdfast --help lists the verbs", "there is no verb %q%s", args[0], didYouMean(args[0], verbNames(c), ""))
}

// meantFlag names the flag that a misspelt one stands for.
func meantFlag(c *cobra.Command, err error) string {
	_, flag, ok := strings.Cut(err.Error(), "unknown flag: --")
	if !ok {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return didYouMean(flag, names, "--")
}
