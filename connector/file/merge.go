package file

import (
	"slices"
	"strings"
)

// merge lays a file's tree over a preset's: mappings member by member, everything else replaced, null removed. Neither of
// the two is changed; what comes from the preset keeps the zero place.
func merge(under, over *node, s *shape) *node {
	if over == nil {
		return under
	}
	if s.form == receiversForm && over.kind == mappingKind {
		under = receiversOf(under)
	}
	if under == nil || under.kind != mappingKind || over.kind != mappingKind {
		return over.pruned(s)
	}
	out := &node{kind: mappingKind, at: over.at, bad: over.bad}
	dropped := replaced(over, s)
	first := firsts{s: s}
	have := firsts{s: s}
	for _, m := range under.members {
		given := first.of(over.members, m.name)
		switch {
		case given == nil && slices.Contains(dropped, m.name):
		case given == nil:
			out.members = append(out.members, m)
		case given.value.kind == nullKind:
		default:
			out.members = append(out.members, member{given.name, given.at, merge(m.value, given.value, s.of(m.name))})
		}
	}
	for _, m := range over.members {
		if m.value.kind != nullKind && have.of(out.members, m.name) == nil {
			out.members = append(out.members, member{m.name, m.at, m.value.pruned(s.of(m.name))})
		}
	}
	return out
}

// firsts finds members by their names, the first of each, in a list that only grows. A few are looked through, many are indexed.
type firsts struct {
	s       *shape
	index   map[string]int
	indexed int // the members that index knows
}

func (f *firsts) of(members []member, name string) *member {
	if len(members) <= fewMembers {
		for i := range members {
			if members[i].name == name || f.s.folds && strings.EqualFold(members[i].name, name) {
				return &members[i]
			}
		}
		return nil
	}
	if f.index == nil {
		f.index = make(map[string]int, 2*len(members))
	}
	for ; f.indexed < len(members); f.indexed++ {
		key := f.s.key(members[f.indexed].name)
		if _, ok := f.index[key]; !ok {
			f.index[key] = f.indexed
		}
	}
	if i, ok := f.index[f.s.key(name)]; ok {
		return &members[i]
	}
	return nil
}

// replaced gives the alternatives that a file drops by setting one of them.
func replaced(over *node, s *shape) []string {
	group := s.alternatives()
	for _, name := range group {
		if v := over.value(name); v != nil && v.kind != nullKind {
			return group
		}
	}
	return nil
}

// of gives a member's shape; a name that is unknown has one that merges anything.
func (s *shape) of(name string) *shape {
	if m := s.member(name); m != nil {
		return m
	}
	return &shape{}
}

// pruned gives the tree without its nulls and without repeated names.
func (n *node) pruned(s *shape) *node {
	switch {
	case n.kind == mappingKind:
		return merge(&node{kind: mappingKind}, n, s)
	case n.kind == sequenceKind && s.elem != nil:
		out := *n
		out.items = make([]*node, len(n.items))
		for i, item := range n.items {
			out.items[i] = item.pruned(s.elem)
		}
		return &out
	}
	return n
}

// appendJSON writes a tree as JSON, without what was told to be wrong. Objects are in the order of their shape, dicts in
// that of their names, so that two files that say the same are the same.
func appendJSON(dst []byte, n *node, s *shape) []byte {
	switch n.kind {
	case mappingKind:
		dst = append(dst, '{')
		first := true
		for _, m := range ordered(n, s) {
			if m.value.bad {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendString(dst, m.name), ':')
			dst = appendJSON(dst, m.value, s.of(m.name))
		}
		return append(dst, '}')
	case sequenceKind:
		dst = append(dst, '[')
		first := true
		for _, item := range n.items {
			if item.bad {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			elem := s.elem
			if elem == nil {
				elem = &shape{}
			}
			dst = appendJSON(dst, item, elem)
		}
		return append(dst, ']')
	case textKind:
		return appendString(dst, n.text)
	case nullKind:
		return append(dst, "null"...)
	default:
		return append(dst, n.text...)
	}
}

// ordered gives the members in canonical order.
func ordered(n *node, s *shape) []member {
	out := slices.Clone(n.members)
	rank := s.rank
	slices.SortStableFunc(out, func(a, b member) int {
		if d := rank(a.name) - rank(b.name); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return slices.CompactFunc(out, func(a, b member) bool { return a.name == b.name })
}

// appendString writes a text as a JSON string. It is UTF-8, as all text of a file.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
