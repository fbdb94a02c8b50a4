package mapping

import (
	"cmp"
	"slices"
)

// A region is the part of a template that a list writes once per receiver.
type region struct {
	at, end   int32
	separator string
}

// regions finds what a list repeats: for each placeholder of a receiver the smallest element of a JSON array, or XML
// element, that holds it. The root of an XML text cannot be repeated. Where an XML text has several placeholders of a
// receiver, their common element is repeated, so that <to><id>#F001</id><name>#F102</name></to> stays together. Where
// nothing can be repeated, there is no region, and the values are joined.
func (a *analysis) regions() []region {
	chosen := map[int][]string{} // index of a span: the codes in it
	smallest := a.smallest()
	for i, u := range a.flat {
		if u.hole <= 0 {
			continue
		}
		h := a.holes[u.hole-1]
		if h.kind != placeholderHole || !h.source.receiver() {
			continue
		}
		if best := smallest(int32(i)); best >= 0 {
			chosen[best] = append(chosen[best], h.source.code())
		}
	}
	if common := a.common(chosen); common >= 0 {
		for i := range chosen {
			if a.spans[i].xml {
				delete(chosen, i)
			}
		}
		chosen[common] = nil
	}
	var out []region
	for i := range chosen {
		r := region{at: a.spans[i].at, end: a.spans[i].end, separator: ","}
		if a.spans[i].xml {
			r.separator = ""
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y region) int {
		if x.at != y.at {
			return int(x.at - y.at)
		}
		return int(y.end - x.end)
	})
	outer := out[:0]
	for _, r := range out {
		if n := len(outer); n == 0 || r.at >= outer[n-1].end {
			outer = append(outer, r)
		}
	}
	return outer
}

// smallest gives a function from a unit to the index of the smallest span that holds it, -1 for none. It must be asked in the
// order of the text: spans never cross, so those that are open make a stack.
func (a *analysis) smallest() func(at int32) int {
	order := make([]int, len(a.spans))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		p, q := a.spans[x], a.spans[y]
		return cmp.Or(cmp.Compare(p.at, q.at), cmp.Compare(q.end, p.end), cmp.Compare(y, x))
	})
	var open []int
	return func(at int32) int {
		for ; len(order) > 0 && a.spans[order[0]].at <= at; order = order[1:] {
			for len(open) > 0 && a.spans[open[len(open)-1]].end <= a.spans[order[0]].at {
				open = open[:len(open)-1]
			}
			open = append(open, order[0])
		}
		for len(open) > 0 && a.spans[open[len(open)-1]].end <= at {
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			return -1
		}
		return open[len(open)-1]
	}
}

// common gives the smallest XML element that holds all chosen ones, where these are several with different codes; -1 if
// there is none that can be repeated.
func (a *analysis) common(chosen map[int][]string) int {
	var elements []int
	var codes []string
	for i, c := range chosen {
		if a.spans[i].xml {
			elements = append(elements, i)
			codes = append(codes, c...)
		}
	}
	slices.Sort(codes)
	if len(elements) < 2 || len(slices.Compact(codes)) < 2 {
		return -1
	}
	for at := elements[0]; at >= 0; at = a.spans[at].parent {
		s := a.spans[at]
		holds := func(i int) bool { return s.at <= a.spans[i].at && a.spans[i].end <= s.end }
		if all := !slices.ContainsFunc(elements, func(i int) bool { return !holds(i) }); all {
			if s.name == "Body" || s.name == "Header" {
				return -1
			}
			return at
		}
	}
	return -1
}
