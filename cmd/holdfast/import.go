package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/scenarios/incident"
)

// newImport makes the verb that turns a recording into a scenario.
func newImport() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "import RECORDING",
		Short: "Turn the audit log of an API server into a scenario",
		Long: `Import reads an audit log (audit.k8s.io/v1, one JSON object a line, plain or .gz, - for stdin) and writes a scenario: nodes with
their lives, volumes, what was wished to be attached where and when, and outages of the API server.

The scenario goes to stdout, or to a file with -o. The account goes to stderr: what was used, what was skipped and why, and
every VolumeAttachment of the log. Names in the log are in the scenario: look at it before you share it.

` + exitCodes,
		Example: "  holdfast import cluster.audit.log -o incident.yaml\n  zcat cluster.audit.log.gz | holdfast import - | holdfast run -",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("holdfast import cluster.audit.log", "import takes one recording, not %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return importRecording(c, args[0], output) },
	}
	c.Flags().StringVarP(&output, "output", "o", "", "file to write the scenario to; default stdout")
	return c
}

func importRecording(c *cobra.Command, name, output string) error {
	in := c.InOrStdin()
	if name != "-" {
		f, err := open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	what, r, err := recognise(name, in)
	switch {
	case err != nil:
		return err
	case what == traceText:
		return usage("holdfast replay "+quoteArg(name), "%s:1:1: this is a trace of holdfast, not a recording", name)
	}
	rec, err := incident.Import(name, r)
	if err != nil {
		return err
	}
	text := scenarios.Format(rec.Scenario)
	if output == "" || output == "-" {
		_, err = bytes.NewReader(text).WriteTo(c.OutOrStdout())
	} else {
		err = os.WriteFile(output, text, 0o666)
	}
	if err != nil {
		return fmt.Errorf("write the scenario: %w", err)
	}
	return rec.Account.WriteText(c.ErrOrStderr())
}
