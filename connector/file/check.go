package file

import (
	"slices"
	"strconv"
	"strings"

	"todosync/connector"
	"todosync/mapping"
)

// check holds a tree against its shape: every unknown name, wrong type, unknown word, bad duration or rate and double
// name is told, and what is right is made into the kind that its place wants. A null is right anywhere but in a list: it removes.
func (d *draft) check(n *node, s *shape, path string) {
	if n.kind == nullKind {
		return
	}
	switch s.form {
	case objectForm, dictForm:
		d.checkMembers(n, s, path)
	case listForm:
		if n.kind != sequenceKind {
			d.wrongKind(n, path, say("a list", "列表"))
			return
		}
		d.checkItems(n, s.elem, path)
	case textsForm:
		if n.kind == sequenceKind {
			d.checkItems(n, s.elem, path)
			return
		}
		d.checkText(n, s.elem, path)
	case receiversForm:
		if n.kind == mappingKind {
			d.checkMembers(n, s, path)
			return
		}
		if n.kind == sequenceKind {
			d.wrongKind(n, path, say("each, list, joined or {as: list, max: 100}", "each、list、joined 或 {as: list, max: 100}"))
			return
		}
		d.checkText(n, s, path)
	default:
		d.checkScalar(n, s, path)
	}
}

func (d *draft) checkItems(n *node, s *shape, path string) {
	for i, item := range n.items {
		if item.kind == nullKind {
			d.bad(item, index(path, i), say("an empty value in a list: write it, or take it out", "列表中有空值：请填写或删除"))
			continue
		}
		d.check(item, s, index(path, i))
	}
}

func (d *draft) checkMembers(n *node, s *shape, path string) {
	if n.kind != mappingKind {
		d.wrongKind(n, path, say("a mapping (name: value)", "映射（名称：值）"))
		return
	}
	seen := firsts{s: s}
	for i, m := range n.members {
		at := join(path, m.name)
		if first := seen.of(n.members[:i], m.name); first != nil {
			d.problem(m.at, at, say("this name stands here twice; the first is on line %d", "名称重复，第一次出现在第 %d 行"), first.at.line+d.offset)
			m.value.bad = true
			continue
		}
		elem := s.member(m.name)
		if elem == nil {
			d.unknown(m, s, path)
			continue
		}
		d.check(m.value, elem, at)
	}
}

// key is what tells a name from others.
func (s *shape) key(name string) string {
	if s.folds {
		return strings.ToLower(name)
	}
	return name
}

// unknown tells of a name that is not known where it stands, with the name that was probably meant.
func (d *draft) unknown(m member, s *shape, path string) {
	m.value.bad = true
	if len(d.problems) > maxProblems {
		return // what was meant is no longer told
	}
	known := s.known()
	if near := nearest(m.name, known); near != "" {
		if d.meant == nil {
			d.meant = map[string]bool{}
		}
		d.meant[join(path, near)] = true
		d.problem(m.at, join(path, m.name), say("unknown member %q, perhaps %q is meant", "没有成员 %q，是否想写 %q"), m.name, near)
		return
	}
	if elsewhere := d.shape.pathOf(m.name); elsewhere != "" {
		d.problem(m.at, join(path, m.name), say("unknown member %q here; it stands as %s", "此处没有成员 %q，应写在 %s"), m.name, elsewhere)
		return
	}
	d.problem(m.at, join(path, m.name), say("unknown member %q; known here: %s", "没有成员 %q；此处可用：%s"),
		excerpt(m.name), strings.Join(known, ", "))
}

// pathOf gives where a name stands in an object below, empty where none has it or several do.
func (s *shape) pathOf(name string) string {
	found := ""
	for _, m := range s.members {
		if m.shape.form == objectForm && slices.Contains(m.shape.known(), name) {
			if found != "" {
				return ""
			}
			found = m.name + "." + name
		}
	}
	return found
}

// checkText takes any scalar as written, and one of the known words where there are such.
func (d *draft) checkText(n *node, s *shape, path string) {
	if n.kind == mappingKind || n.kind == sequenceKind {
		d.wrongKind(n, path, say("text", "文字"))
		return
	}
	n.kind = textKind
	if s.enum == nil || slices.Contains(s.enum, n.text) {
		return
	}
	if near := nearest(n.text, s.enum); near != "" {
		d.bad(n, path, say("%q is not one of %s; perhaps %q is meant", "%q 不在 %s 之中，是否想写 %q"),
			excerpt(n.text), strings.Join(s.enum, ", "), near)
		return
	}
	d.bad(n, path, say("%q is not one of %s", "%q 不在 %s 之中"), excerpt(n.text), strings.Join(s.enum, ", "))
}

func (d *draft) checkScalar(n *node, s *shape, path string) {
	switch s.form {
	case integerForm:
		v, err := strconv.Atoi(n.text)
		if n.kind != numberKind || err != nil || v < -1<<31 || v >= 1<<31 {
			d.wrongKind(n, path, say("a whole number", "整数"))
			return
		}
		n.text = strconv.Itoa(v)
	case boolForm:
		if v := strings.ToLower(n.text); n.kind != boolKind || v != "true" && v != "false" {
			d.wrongKind(n, path, say("true or false", "true 或 false"))
		}
		n.text = strings.ToLower(n.text)
	case durationForm:
		_, err := connector.ParseDuration(n.text)
		if n.kind == mappingKind || n.kind == sequenceKind || err != nil {
			d.wrongKind(n, path, say("a duration such as 500ms, 10s, 5m, 2h or 90d", "时长，如 500ms、10s、5m、2h、90d"))
			return
		}
		n.kind = textKind
	case rateForm:
		_, err := connector.ParseRate(n.text)
		if n.kind != textKind || err != nil {
			d.wrongKind(n, path, say("a rate such as 100/s, 20/m or 1000/h", "速率，如 100/s、20/m、1000/h"))
			return
		}
	default:
		d.checkText(n, s, path)
	}
}

// wrongKind tells what is wanted and what is there.
func (d *draft) wrongKind(n *node, path string, want phrase) {
	wanted := want.in(d.lang)
	switch n.kind {
	case mappingKind:
		d.bad(n, path, say("want %s, not a mapping", "应为%s，而不是映射"), wanted)
	case sequenceKind:
		d.bad(n, path, say("want %s, not a list", "应为%s，而不是列表"), wanted)
	default:
		d.bad(n, path, say("want %s, not %q", "应为%s，而不是 %q"), wanted, excerpt(n.text))
	}
}

// receiversOf gives the long form of receivers, in which two of them can be merged.
func receiversOf(n *node) *node {
	if n == nil || n.kind != textKind {
		return n
	}
	out := &node{kind: mappingKind, at: n.at}
	out.members = []member{{name: "as", at: n.at, value: n}}
	return out
}

// catalogue gives the built-in codes.
func catalogue() map[string]bool {
	out := map[string]bool{}
	for _, f := range mapping.Catalogue() {
		out[f.Code] = true
	}
	return out
}
