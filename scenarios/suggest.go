package scenarios

import (
	"slices"
	"strings"
)

// synonyms are words of the field that people try first.
var synonyms = map[string]string{
	"attach": "publish", "detach": "unpublish", "grace": "gracePeriod", "mode": "accessMode", "restart": "crash", "handle": "name",
}

// suggest returns the word that a misspelt one stands for, or "" if none is near: the same but for case and dashes, a
// known synonym, or at most a third of its letters away.
func suggest(misspelt string, words []string) string {
	best, distance := "", max(1, len(misspelt)/3)+1
	for _, w := range words {
		if d := editDistance(fold(misspelt), fold(w)); d < distance {
			best, distance = w, d
		}
	}
	if s := synonyms[fold(misspelt)]; best == "" && slices.Contains(words, s) {
		return s
	}
	return best
}

func fold(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }

// editDistance counts insertions, deletions, substitutions and swaps of neighbours. Long words are no misspellings of ours.
func editDistance(a, b string) int {
	const lengthMax = 64
	if len(a) > lengthMax || len(b) > lengthMax {
		return lengthMax
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
