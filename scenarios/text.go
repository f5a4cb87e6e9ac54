package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// textMax bounds a scenario's text. Ten thousand steps need one megabyte, or two if they were imported.
const textMax = 64 << 20

// Parse reads a scenario from its YAML text; name is the file's, for errors. It is strict: what it does not know is an
// error, and every error says file, line and column. All problems of a text are found at once; the error is a Problems.
//
// Steps may stand in any order of time; Parse sorts them, and replaces groups of volumes by their volumes. Nothing is filled in: that is Defaults.
func Parse(name string, r io.Reader) (*Scenario, error) {
	text, err := io.ReadAll(io.LimitReader(r, textMax+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	root, found := readTree(text)
	s := new(Scenario)
	if len(found) == 0 {
		d := decoder{text: text}
		d.value(root, reflect.ValueOf(s).Elem(), "", "")
		found = append(d.found, d.validate(root, s)...)
	}
	if len(found) > 0 {
		for i := range found {
			found[i].File = name
		}
		return nil, found.sorted()
	}
	s.Spec.ungroup()
	sortSteps(s.Spec.Timeline)
	return s, nil
}

// readTree parses the text as one YAML document and returns its root.
func readTree(text []byte) (*yaml.Node, Problems) {
	if len(text) > textMax {
		return nil, Problems{{Line: 1, Column: 1, What: fmt.Sprintf("the text is longer than %d MiB", textMax>>20)}}
	}
	if p := binaryJunk(text); p != nil {
		return nil, Problems{*p}
	}
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && (len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null") {
		return nil, Problems{{Line: 1, Column: 1, What: "the text is empty", Hint: "a scenario begins with apiVersion: " + APIVersion}}
	}
	if err != nil {
		return nil, Problems{syntaxProblem(err, text)}
	}
	if err := dec.Decode(&second); err == nil {
		return nil, Problems{{Line: second.Line, Column: second.Column, What: "a second document begins here; a file holds one scenario"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{syntaxProblem(err, text)}
	}
	return doc.Content[0], nil
}

// binaryJunk finds the first byte that no text has.
func binaryJunk(text []byte) *Problem {
	line, column := 1, 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return &Problem{Line: line, Column: column, What: fmt.Sprintf("byte 0x%02x is not text", text[i]), Hint: "a scenario is YAML in UTF-8; a recording is read with import"}
		}
		if r == '\n' {
			line, column = line+1, 0
		}
		column++
		i += size
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxProblem takes the line out of an error of the YAML parser, which knows no columns.
func syntaxProblem(err error, text []byte) Problem {
	p := Problem{Line: 1, Column: 1, What: "not YAML: " + err.Error()}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		p.What = "not YAML: " + m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Line = max(1, n)
		}
	}
	if n := tabNear(text, p.Line); n > 0 {
		p.Line, p.Hint = n, "YAML allows no tabs in its indentation; use spaces"
	}
	return p
}

// tabNear returns the first line of those around a syntax error that begins with a tab among its spaces, or 0: the parser
// complains of other things then.
func tabNear(text []byte, line int) int {
	lines := bytes.Split(text, []byte("\n"))
	for n := max(1, line-1); n <= min(line+1, len(lines)); n++ {
		l := strings.TrimPrefix(strings.TrimLeft(string(lines[n-1]), " "), "- ")
		if strings.HasPrefix(strings.TrimLeft(l, " "), "\t") {
			return n
		}
	}
	return 0
}
