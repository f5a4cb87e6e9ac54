package incident

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
)

// WriteText writes the account for a terminal: the lines, what the cluster did, and every VolumeAttachment, recorded against
// simulated where Observe has followed a run.
func (a *Account) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s of %s\n", a.File, scenarios.Duration(a.End.Sub(a.Start).Round(time.Millisecond)), a.Start.UTC().Format(time.RFC3339))
	if a.Warning != "" {
		fmt.Fprintf(&b, "warning: %s\n", a.Warning)
	}
	fmt.Fprintf(&b, "lines: %d = %d used + %d understood but not needed + %d skipped\n", a.Lines.Total, a.Lines.Used, sum(a.Lines.NotNeeded), sum(a.Lines.Skipped))
	for _, r := range a.Lines.NotNeeded {
		fmt.Fprintf(&b, "  not needed %5d  %s\n", r.Count, r.Reason)
	}
	for _, r := range a.Lines.Skipped {
		fmt.Fprintf(&b, "  skipped    %5d  %s (first: %s:%d)\n", r.Count, r.Reason, a.File, r.FirstLine)
	}
	for _, n := range a.Notes {
		fmt.Fprintf(&b, "assumed: %s\n", n)
	}
	for _, o := range a.Outages {
		fmt.Fprintf(&b, "outage of the API server at %s for %s\n", round(o.At), round(o.For))
	}
	for _, r := range a.Restarts {
		fmt.Fprintf(&b, "restart of the attacher at %s for %s\n", round(r.At), round(r.For))
	}
	for _, o := range a.Observed {
		fmt.Fprintf(&b, "the recorded cluster: %s\n", o)
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VOLUME\tMODE\tNODE\tWISHED\tATTACHED\tDETACHED\tHERE ATTACHED\tHERE DETACHED\tVOLUMEATTACHMENT\tNOTE")
	for _, x := range a.Attachments {
		s := x.Simulated
		if s == nil {
			s = new(Simulated)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s..%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.volume(), orDash(x.Mode), orDash(x.Node), round(x.From), short(x.Until), short(x.Attached), short(x.Detached),
			short(s.Attached), short(s.Gone), x.Name, x.NotReplayed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (x *Attachment) volume() string {
	if x.Volume == "" {
		return "? (" + orDash(x.PersistentVolume) + ")"
	}
	return x.Volume
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func short(d *scenarios.Duration) string {
	if d == nil {
		return "-"
	}
	return round(*d).String()
}
