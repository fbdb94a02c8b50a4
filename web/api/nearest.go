package api

import "strings"

// nearest is the word that was probably meant, empty where none is near enough: at most a third of the letters differ.
func nearest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// distance counts how many letters must be put in, taken out or replaced to come from a to b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		left, diagonal := i+1, i
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j], left = left, min(cost, left+1, row[j+1]+1)
		}
		row[len(y)] = left
	}
	return row[len(y)]
}
