package capacity

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	simreport "github.com/holdfast-sim/holdfast/sim/report"
)

const columns = "%11s  %7s  %8s  %8s  %8s  %9s  %7s  %11s  %-4s  %s\n"

// WriteQuestion writes what is asked, and the head of the table that Trial.WriteText fills line by line.
func (p Plan) WriteQuestion(w io.Writer) error {
	limit, workers := "the driver does not limit its requests", "the sidecar makes all calls at once"
	if p.QPS > 0 {
		limit = fmt.Sprintf("the driver makes at most %s a second", number(p.QPS))
	}
	if p.Workers > 0 {
		workers = fmt.Sprintf("the sidecar has %d workers", p.Workers)
	}
	fmt.Fprintf(w, "A request takes %v, %s, %s.\nA rate is kept if publish p99 and the time to converge are at most %v. Volumes are asked for during %v of virtual time, seed %#x.\n\n",
		p.Latency, limit, workers, p.Deadline, p.Window, p.Seed)
	_, err := fmt.Fprintf(w, columns, "STARTS/MIN", "STARTS", "P50", "P99", "MAX", "CONVERGED", "WAITING", "CALLS/START", "KEPT", "BROKEN")
	return err
}

// WriteText writes a trial as a line of the table.
func (t Trial) WriteText(w io.Writer) error {
	kept, broken, converged := "yes", "-", seconds(t.Converged)
	if !t.Kept {
		kept = "no"
	}
	if t.Waiting > 0 {
		converged = "never"
	}
	if len(t.Broken) > 0 {
		broken = strings.Join(t.Broken, " ")
	}
	_, err := fmt.Fprintf(w, columns, number(t.Rate), number(float64(t.Starts)), seconds(t.P50), seconds(t.P99), seconds(t.Max), converged,
		number(float64(t.most())), fmt.Sprintf("%.2f", t.Calls), kept, broken)
	return err
}

// most is the largest backlog.
func (t Trial) most() (most int) {
	for _, p := range t.Backlog {
		most = max(most, p.Waiting)
	}
	return most
}

// WriteText writes what the trials come to.
func (a Answer) WriteText(w io.Writer) error {
	switch {
	case a.Kept == 0:
		fmt.Fprintf(w, "\nNo rate is kept: %s a minute is too much.\n", number(a.Missed))
	case a.Missed == 0:
		fmt.Fprintf(w, "\nAll rates are kept: %s a minute, and perhaps more.\n", number(a.Kept))
	default:
		fmt.Fprintf(w, "\nThe largest rate that is kept is %s a minute; %s is not.\n", number(a.Kept), number(a.Missed))
	}
	if o := a.Overload; o != nil {
		fmt.Fprintf(w, "By the first trial, %s set a ceiling of %s a minute. At %s a backlog of %s is to grow in %v; a simulation found %s (%+.1f %%).\n",
			a.Bound, number(a.Ceiling), number(o.Trial.Rate), number(o.Predicted), o.Trial.Backlog[len(o.Trial.Backlog)-1].At, number(o.Found), 100*o.Error())
	}
	return nil
}

func number(x float64) string {
	if x >= 10 {
		x = math.Round(x)
	}
	return simreport.Number(x)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
