package difference

import (
	"cmp"
	"slices"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// A Pair is a place where two sequences say the same, by its index in each.
type Pair struct{ Was, Is int }

// Pairs finds what two sequences have in common, in order.
func Pairs(a, b []string) []Pair {
	var out []Pair
	i, j := 0, 0
	for _, anchor := range append(anchors(a, b), Pair{len(a), len(b)}) {
		out = between(out, a[i:anchor.Was], b[j:anchor.Is], Pair{i, j})
		if anchor.Was < len(a) {
			out = append(out, anchor)
		}
		i, j = anchor.Was+1, anchor.Is+1
	}
	return out
}

// between adds what two stretches have in common, which begin at a place.
func between(out []Pair, a, b []string, at Pair) []Pair {
	i, j := 0, 0
	for _, d := range append(lcs.DiffLines(a, b), lcs.Diff{Start: len(a), End: len(a), ReplStart: len(b), ReplEnd: len(b)}) {
		for ; i < d.Start; i, j = i+1, j+1 {
			out = append(out, Pair{at.Was + i, at.Is + j})
		}
		i, j = d.End, d.ReplEnd
	}
	return out
}

// anchors are what stands exactly once in each of the sequences, the longest run of them that has the same order in both (a patience diff).
func anchors(a, b []string) []Pair {
	type seen struct{ is, inWas, inIs int }
	places := map[string]*seen{}
	for _, line := range a {
		if p := places[line]; p != nil {
			p.inWas++
		} else {
			places[line] = &seen{inWas: 1}
		}
	}
	for j, line := range b {
		if p := places[line]; p != nil {
			p.is = j
			p.inIs++
		}
	}
	var all []Pair
	for i, line := range a {
		if p := places[line]; p.inWas == 1 && p.inIs == 1 {
			all = append(all, Pair{i, p.is})
		}
	}
	return rising(all)
}

// rising is the longest part of pairs, ordered by their first sides, whose second sides rise, too.
func rising(all []Pair) []Pair {
	var ends []int // ends[n] is the pair with the least second side that a run of n+1 can end with
	before := make([]int, len(all))
	for i, p := range all {
		n, _ := slices.BinarySearchFunc(ends, p.Is, func(e, is int) int { return cmp.Compare(all[e].Is, is) })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	if len(ends) == 0 {
		return nil
	}
	out := make([]Pair, 0, len(ends))
	for i := ends[len(ends)-1]; i >= 0; i = before[i] {
		out = append(out, all[i])
	}
	slices.Reverse(out)
	return out
}

// Lines compares texts line by line: each line with "  " in front where both have it, "- " where only the first has it, and "+ " where only
// the second has, in order.
func Lines(was, is []string) []string {
	out := []string{}
	i, j := 0, 0
	for _, p := range append(Pairs(was, is), Pair{Was: len(was), Is: len(is)}) {
		for ; i < p.Was; i++ {
			out = append(out, "- "+was[i])
		}
		for ; j < p.Is; j++ {
			out = append(out, "+ "+is[j])
		}
		if i < len(was) {
			out = append(out, "  "+was[i])
		}
		i, j = i+1, j+1
	}
	return out
}
