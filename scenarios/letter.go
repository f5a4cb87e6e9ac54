package scenarios

import (
	"bytes"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// letterOf returns line and column, in the text of a scenario, of the n-th letter of a value, from 0. A value may stand there
// plain, in quotes, or as a block over several lines, and YAML folds and unescapes it. So text and value are compared letter by
// letter, and white space, which is what YAML changes, is passed over. Where that fails, it is the place of the value.
func letterOf(text []byte, value *yaml.Node, n int) (line, column int) {
	c := cursor{line: value.Line, style: value.Style}
	for _, l := range bytes.SplitAfter(text, []byte("\n"))[max(value.Line-1, 0):] {
		c.lines = append(c.lines, []rune(string(l)))
	}
	c.column = value.Column - 1
	switch {
	case c.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		c.nextLine() // the first one has the sign of the block, | or >
	case c.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		c.column++
	}
	for i, letter := range []rune(value.Value) {
		blank := unicode.IsSpace(letter)
		switch {
		case blank && i < n:
			continue
		case !blank && !c.find(letter):
			return value.Line, value.Column
		case i == n:
			return c.line, c.column + 1
		}
		c.column++
	}
	return c.line, c.column + 1 // behind the end
}

// cursor goes through the lines of a text.
type cursor struct {
	lines        [][]rune // the rest of the text
	line, column int      // the line from 1, of which lines[0] is the rest; the column from 0
	style        yaml.Style
}

func (c *cursor) nextLine() {
	c.lines, c.line, c.column = c.lines[1:], c.line+1, 0
}

// next returns the letter at the cursor, or a line break at the end of a line; ok is false at the end of the text.
func (c *cursor) next(ahead int) (r rune, ok bool) {
	if len(c.lines) == 0 {
		return 0, false
	}
	if at := c.column + ahead; at < len(c.lines[0]) {
		return c.lines[0][at], true
	}
	return '\n', true
}

// find goes to a letter that is no white space. It passes over white space, and over what quoting adds.
func (c *cursor) find(want rune) bool {
	for {
		r, ok := c.next(0)
		after, _ := c.next(1)
		switch {
		case !ok:
			return false
		case c.column >= len(c.lines[0]):
			c.nextLine()
		case c.style&yaml.DoubleQuotedStyle != 0 && r == '\\':
			c.column++
			if after != want || strings.ContainsRune("nt", after) { // an escaped break or tab is white space of the value
				c.column++
				continue
			}
			return true
		case r == want:
			return true
		case unicode.IsSpace(r), c.style&yaml.SingleQuotedStyle != 0 && r == '\'':
			c.column++
		default:
			return false
		}
	}
}
