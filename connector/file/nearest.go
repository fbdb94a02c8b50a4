package file

import "strings"

// nearest gives the candidate that name was most likely meant to be, empty where none is near. Letters that differ only in
// case are the same here; otherwise about a third of the name may be wrong.
func nearest(name string, candidates []string) string {
	if len(name) > 64 {
		return ""
	}
	lower := strings.ToLower(name)
	best, distance := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		switch d := Edits(lower, strings.ToLower(c)); {
		case d < distance:
			best, distance = c, d
		}
	}
	return best
}

// Edits counts the insertions, deletions, replacements and swaps of neighbours that make b of a.
func Edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
