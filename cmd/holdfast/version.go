package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/sim"
)

// newVersion makes the verb that says what this program was built from.
func newVersion() *cobra.Command {
	output := "text"
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say what this program was built from",
		Long:    "Version prints the versions of Holdfast, of Go and of the Kubernetes client, because a seed means the same run only with the same three.",
		Example: "  holdfast version\n  holdfast version -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := map[string]string{"holdfast": sim.Version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "client-go": moduleVersion("k8s.io/client-go")}
			switch output {
			case "json":
				return json.NewEncoder(c.OutOrStdout()).Encode(v)
			case "text":
				_, err := fmt.Fprintf(c.OutOrStdout(), "holdfast %s\n%s %s\nclient-go %s\n", v["holdfast"], v["go"], v["platform"], v["client-go"])
				return err
			}
			return usage("it takes text, json", "--output %q is unknown", output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "text or json")
	return c
}

func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}
