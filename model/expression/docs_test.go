package expression

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The documentation has a row for every variable and every field, and for nothing else.
func TestDocumentationListsEveryField(t *testing.T) {
	text, err := os.ReadFile("../../docs/your-own-invariants.md")
	require.NoError(t, err)
	want := map[string]reflect.Type{"| variable |": reflect.TypeFor[State](), "| a volume's |": reflect.TypeFor[Volume](), "| a node's |": reflect.TypeFor[Node](),
		"| an attachment's |": reflect.TypeFor[Attachment](), "| a VolumeAttachment's |": reflect.TypeFor[VolumeAttachment]()}
	for title, of := range want {
		at := strings.Index(string(text), title)
		require.Positive(t, at, title)
		table, _, _ := strings.Cut(string(text)[at:], "\n\n")
		var have, fields []string
		for line := range strings.Lines(table) {
			if cell := strings.SplitN(line, "|", 3)[1]; strings.Contains(cell, "`") {
				have = append(have, strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune("`, ", r) })...)
			}
		}
		for _, f := range fieldsOf(of) {
			fields = append(fields, f.name)
		}
		if of == reflect.TypeFor[State]() {
			fields = append(fields, "old")
		}
		require.ElementsMatch(t, fields, have, title)
	}
}
