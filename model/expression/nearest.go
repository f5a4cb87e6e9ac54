package expression

import "strings"

// nearest returns the word that a misspelt one stands for, or "" if none is near: at most a third of its letters away.
func nearest(misspelt string, words []string) string {
	best, distance := "", max(1, len(misspelt)/3)+1
	for _, w := range words {
		if d := letters(strings.ToLower(misspelt), strings.ToLower(w)); d < distance {
			best, distance = w, d
		}
	}
	if s := synonyms[misspelt]; best == "" {
		return s
	}
	return best
}

// letters counts the letters that have to be put in, taken out, changed, or swapped with their neighbour to turn a into b.
func letters(a, b string) int {
	const lengthMax = 64 // longer words are no misspellings of ours
	if len(a) > lengthMax || len(b) > lengthMax {
		return lengthMax
	}
	var rows [lengthMax + 1][lengthMax + 1]int
	for i := range len(a) + 1 {
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
