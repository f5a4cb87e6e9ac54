package main

import (
	"strconv"
	"strings"
)

// span is a range of seeds, both ends included.
type span struct{ from, to uint64 }

// seedsMax bounds one campaign; a larger one is a slip of the finger.
const seedsMax = 1_000_000_000

func (s span) count() int { return int(s.to-s.from) + 1 }

// parseSpan reads what --seed and --seeds say, or how else they are called; of both empty it returns false.
func parseSpan(seed, seeds string, called func(flag string) string) (span, bool, error) {
	const hint = "a seed is 42 or 0x2a, a range is 1-200"
	switch {
	case seed != "":
		n, ok := parseSeed(seed)
		if !ok {
			return span{}, false, usage(hint, "%s %q is not a seed", called("seed"), seed)
		}
		return span{n, n}, true, nil
	case seeds != "":
		a, b, isRange := strings.Cut(seeds, "-")
		from, okFrom := parseSeed(a)
		to, okTo := from, okFrom
		if isRange {
			to, okTo = parseSeed(b)
		}
		switch {
		case !okFrom || !okTo:
			return span{}, false, usage(hint, "%s %q is not a range of seeds", called("seeds"), seeds)
		case to < from:
			return span{}, false, usage("did you mean "+strings.TrimSpace(b)+"-"+strings.TrimSpace(a)+"?", "%s %s ends before it begins", called("seeds"), seeds)
		case to-from >= seedsMax:
			return span{}, false, usage("", "%s %s are more than %d", called("seeds"), seeds, seedsMax)
		}
		return span{from, to}, true, nil
	}
	return span{}, false, nil
}

// parseSeed reads a decimal number, or a hexadecimal one after 0x. A leading zero alone does not make it octal.
func parseSeed(text string) (uint64, bool) {
	text = strings.TrimSpace(text)
	base := 10
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		text, base = rest, 16
	}
	n, err := strconv.ParseUint(text, base, 64)
	return n, err == nil
}
