package console

import (
	"cmp"
	"slices"
)

// A pairing is a place where two sequences say the same: a[was] is b[is].
type pairing struct{ was, is int }

// mostEdits bounds how far two stretches are followed that have nothing unique in common; what differs by more is told as replaced.
// The steps that are kept grow with its square.
const mostEdits = 400

// align finds what two sequences have in common, in order. What stands once in each holds them together (a patience diff), so that a
// file of 10,000 lines is compared as fast as it is read and a moved block is not torn to pieces; what lies between is compared exactly.
func align(a, b []string) []pairing {
	var out []pairing
	i, j := 0, 0
	for _, anchor := range append(anchors(a, b), pairing{len(a), len(b)}) {
		if anchor.was < i || anchor.is < j { // the stretch before has taken it
			continue
		}
		for _, p := range alignShort(a[i:anchor.was], b[j:anchor.is]) {
			out = append(out, pairing{i + p.was, j + p.is})
		}
		if anchor.was < len(a) {
			out = append(out, anchor)
		}
		i, j = anchor.was+1, anchor.is+1
	}
	return out
}

// anchors are what stands exactly once in each of the sequences, the longest run of them that has the same order in both.
func anchors(a, b []string) []pairing {
	type seen struct{ was, is, inWas, inIs int }
	places := map[string]*seen{}
	for i, line := range a {
		if p := places[line]; p != nil {
			p.inWas++
		} else {
			places[line] = &seen{was: i, inWas: 1}
		}
	}
	for j, line := range b {
		if p := places[line]; p != nil {
			p.is = j
			p.inIs++
		}
	}
	var all []pairing
	for i, line := range a {
		if p := places[line]; p.inWas == 1 && p.inIs == 1 {
			all = append(all, pairing{i, p.is})
		}
	}
	return rising(all)
}

// rising is the longest part of pairings, ordered by their first sides, whose second sides rise, too.
func rising(all []pairing) []pairing {
	var ends []int // ends[n] is the pairing with the least second side that a run of n+1 can end with
	before := make([]int, len(all))
	for i, p := range all {
		n, _ := slices.BinarySearchFunc(ends, p.is, func(e, is int) int { return cmp.Compare(all[e].is, is) })
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
	out := make([]pairing, 0, len(ends))
	for i := ends[len(ends)-1]; i >= 0; i = before[i] {
		out = append(out, all[i])
	}
	slices.Reverse(out)
	return out
}

// alignShort compares exactly (Myers), as far as mostEdits goes.
func alignShort(a, b []string) []pairing {
	var out []pairing
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		out = append(out, pairing{head, head})
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for _, p := range shortest(a[head:len(a)-tail], b[head:len(b)-tail]) {
		out = append(out, pairing{head + p.was, head + p.is})
	}
	for n := tail; n > 0; n-- {
		out = append(out, pairing{len(a) - n, len(b) - n})
	}
	return out
}

// shortest is what remains in common when as little as possible is taken out and put in; nil where that is more than mostEdits.
func shortest(a, b []string) []pairing {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	most := min(len(a)+len(b), mostEdits)
	reach := make([]int, 2*most+3) // how far into a each diagonal goes
	at := func(k int) int { return k + most + 1 }
	var steps [][]int
	for d := range most + 1 {
		steps = append(steps, slices.Clone(reach))
		for k := -d; k <= d; k += 2 {
			var x int
			if k == -d || k != d && reach[at(k-1)] < reach[at(k+1)] {
				x = reach[at(k+1)]
			} else {
				x = reach[at(k-1)] + 1
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			reach[at(k)] = x
			if x >= len(a) && x-k >= len(b) {
				return retrace(steps, a, b, at)
			}
		}
	}
	return nil
}

// retrace walks back through the steps of shortest.
func retrace(steps [][]int, a, b []string, at func(int) int) []pairing {
	var out []pairing
	x, y := len(a), len(b)
	for d := len(steps) - 1; d >= 0; d-- {
		reach, k := steps[d], x-y
		from := k - 1
		if k == -d || k != d && reach[at(k-1)] < reach[at(k+1)] {
			from = k + 1
		}
		x0 := reach[at(from)]
		y0 := x0 - from
		if d == 0 {
			x0, y0 = 0, 0
		}
		for x > x0 && y > y0 && a[x-1] == b[y-1] {
			x, y = x-1, y-1
			out = append(out, pairing{x, y})
		}
		x, y = x0, y0
	}
	slices.Reverse(out)
	return out
}
