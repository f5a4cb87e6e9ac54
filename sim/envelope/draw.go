package envelope

import (
	"html/template"
	"io"
	"math"
	"time"
)

// Row is an axis as it was looked at.
type Row struct {
	Name, Meaning string
	Points        []Point // in ascending order of value
}

// Point is one value of a setting, and what broke there first; empty if everything held.
type Point struct {
	Value  time.Duration
	Breaks string
}

// The picture's measures, in pixels.
const (
	left, right = 90, 690
	rowHeight   = 70
	head        = 36
)

// Draw writes a picture (SVG) of the rows: one line each, over the logarithm of the value, green where everything held, red where
// something broke, and dashed in between, where the border is. It needs no network, and follows the reader's dark mode.
func Draw(w io.Writer, rows []Row) error {
	var lines []line
	for i, r := range rows {
		lines = append(lines, r.line(head+i*rowHeight))
	}
	return page.Execute(w, struct {
		Width, Height int
		Lines         []line
	}{right + 90, head + len(rows)*rowHeight, lines})
}

// line is a row as it is drawn.
type line struct {
	Row
	Y, Below, Above int
	Spans           []span
	Marks           []mark
}

// span is what lies between two values.
type span struct {
	From, To float64
	Class    string
}

// mark is one value. Its label is empty where none is needed: the ends of the row are told, and what stands beside a border. What
// holds there is told below the line, up to the mark, and what does not above it.
type mark struct {
	X                    float64
	Class, Label, Anchor string
	LabelY               int
	Breaks               string
}

func (r Row) line(y int) line {
	l := line{Row: r, Y: y, Below: y + 20, Above: y - 10}
	for i, p := range r.Points {
		m := mark{X: r.at(p.Value), Class: class(p), Breaks: p.Breaks, Anchor: "middle", LabelY: l.Below}
		border := i > 0 && class(r.Points[i-1]) != m.Class || i+1 < len(r.Points) && class(r.Points[i+1]) != m.Class
		switch {
		case border && m.Class == "held":
			m.Label, m.Anchor = p.Value.String(), "end"
		case border:
			m.Label, m.LabelY = p.Value.String(), l.Above
		case i == 0:
			m.Label = p.Value.String()
		case i == len(r.Points)-1:
			m.Label, m.Anchor = p.Value.String(), "start"
		}
		l.Marks = append(l.Marks, m)
		if i == 0 {
			continue
		}
		s := span{From: l.Marks[i-1].X, To: m.X, Class: m.Class}
		if l.Marks[i-1].Class != m.Class {
			s.Class = "border"
		}
		l.Spans = append(l.Spans, s)
	}
	return l
}

func class(p Point) string {
	if p.Breaks != "" {
		return "broken"
	}
	return "held"
}

// at places a value on the row: by its logarithm, from the row's least to its largest one. Zero has none, and stands at the left.
func (r Row) at(v time.Duration) float64 {
	low := r.Points[0].Value
	if low == 0 && len(r.Points) > 1 {
		low = r.Points[1].Value / 2
	}
	high := r.Points[len(r.Points)-1].Value
	if v <= low || high <= low {
		return left
	}
	return left + (right-left)*math.Log(float64(v)/float64(low))/math.Log(float64(high)/float64(low))
}

var page = template.Must(template.New("envelope").Parse(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" width="{{.Width}}" height="{{.Height}}" role="img">
<title>Envelope: within which settings all invariants hold</title>
<style>
text { font: 12px sans-serif; fill: #222 } .name { font-weight: bold } .note { fill: #666 }
line { stroke-width: 6 } line.held { stroke: #1a7f37 } line.broken { stroke: #cf222e } line.border { stroke: #9a6700; stroke-dasharray: 4 4; stroke-width: 3 }
circle.held { fill: #1a7f37 } circle.broken { fill: #cf222e }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .note { fill: #999 } line.held { stroke: #3fb950 } line.broken { stroke: #f85149 } line.border { stroke: #d29922 } circle.held { fill: #3fb950 } circle.broken { fill: #f85149 } }
</style>
{{range .Lines}}{{$line := .}}<text class="name" x="8" y="{{.Y}}">{{.Name}}</text><text class="note" x="90" y="{{.Above}}">{{.Meaning}}</text>
{{range .Spans}}<line class="{{.Class}}" x1="{{printf "%.1f" .From}}" x2="{{printf "%.1f" .To}}" y1="{{$line.Y}}" y2="{{$line.Y}}"/>
{{end}}{{range .Marks}}<circle class="{{.Class}}" cx="{{printf "%.1f" .X}}" cy="{{$line.Y}}" r="5"><title>{{with .Breaks}}{{.}} breaks{{else}}held{{end}}</title></circle>
{{if .Label}}<text text-anchor="{{.Anchor}}" x="{{printf "%.1f" .X}}" y="{{.LabelY}}">{{.Label}}{{with .Breaks}} {{.}}{{end}}</text>
{{end}}{{end}}{{end}}</svg>
`))
