package main

import (
	"fmt"
	"strings"
)

// didYouMean ends an error about an unknown word with the known one that is nearest, if one is near.
func didYouMean(word string, known []string, prefix string) string {
	best, distance := "", len(word)/3+2
	for _, k := range known {
		if d := letters(word, k); d < distance {
			best, distance = k, d
		}
	}
	const partMin = 3 // the letters of a part by which a word is known
	for _, k := range known {
		if best == "" && len(word) >= partMin && strings.Contains(k, word) {
			best = k
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", prefix+best)
}

// letters counts the letters that have to be put in, taken out or changed to turn a into b.
func letters(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, corner+cost)
			corner, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
