package incident

import "bytes"

// shape is how a text is written that has no event a line, as far as its first line shows it.
type shape struct {
	first string // the beginning of the first line that is not empty
	list  bool   // it speaks of an EventList
}

// look takes in a line.
func (s *shape) look(text []byte) {
	text = text[:min(len(text), 1<<10)]
	if s.first == "" {
		s.first = string(text)
	}
	s.list = s.list || bytes.Contains(text, []byte(`"EventList"`))
}

// hint is what helps if no line of the text could be used.
func (s *shape) hint() string {
	const oneALine = "an audit log has one event a line; "
	switch {
	case s.list:
		return oneALine + "this is an EventList, and jq -c '.items[]' takes it apart"
	case s.first != "" && s.first[0] == '[':
		return oneALine + "this is a JSON array, and jq -c '.[]' takes it apart"
	case s.first == "{":
		return oneALine + "this is pretty-printed JSON, and jq -c . puts each on a line"
	}
	return "changes of nodes, persistentvolumes and volumeattachments must be logged at level RequestResponse"
}
