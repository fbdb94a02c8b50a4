package file

import (
	"encoding/json"
	"strings"

	"todosync/connector"
	"todosync/mapping"
)

// A draft is one document on its way from text to settings, with what was found wrong with it.
type draft struct {
	r      *reader
	lang   string
	file   string
	offset int // lines before the document in its file

	root     *node  // as written
	shape    *shape // of its kind
	merged   *node  // root over its preset; what the places of problems are looked up in
	source   []byte
	presetAt place    // of the member `preset`: where mistakes about a preset's own values are shown
	off      []string // scenes of the preset that the file lacks a variable for

	meant    map[string]bool // members of which a misspelt name was found
	problems Problems
	failed   bool
}

// problem tells of a mistake at a place.
func (d *draft) problem(at place, path string, text phrase, args ...any) {
	d.failed = true
	d.add(at, path, false, text.in(d.lang, args...))
}

// warn tells of what stops nothing.
func (d *draft) warn(path string, text phrase, args ...any) {
	d.add(d.at(path), path, true, text.in(d.lang, args...))
}

// wrong tells of a mistake about the value at a path, unless that value was told to be wrong already.
func (d *draft) wrong(path string, text phrase, args ...any) {
	n, at := d.lookup(path)
	if n == nil || !n.bad {
		d.problem(at, path, text, args...)
	}
}

// bad tells of a mistake of one value and leaves the value out of all that follows.
func (d *draft) bad(n *node, path string, text phrase, args ...any) {
	n.bad = true
	d.problem(n.at, path, text, args...)
}

func (d *draft) add(at place, path string, warning bool, message string) {
	if at.given() {
		at.line += d.offset
	}
	if len(d.problems) > maxProblems {
		return
	}
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Column: at.column, Path: path, Message: message, Warning: warning,
	})
}

// lookup walks a path in the merged tree. It gives the value, nil where there is none, and the nearest place of it in the
// file: its own, that of the mapping it is missing from, or that of the preset which brought it.
func (d *draft) lookup(path string) (*node, place) {
	n := d.merged
	if n == nil {
		n = d.root
	}
	at := d.top()
	if path == "" {
		return n, at
	}
	for parts := split(path); len(parts) > 0; {
		var next *node
		key := place{}
		if i, ok := listIndex(parts[0]); ok {
			if n.kind == sequenceKind && i < len(n.items) {
				next = n.items[i]
			}
			parts = parts[1:]
		} else {
			// A name may hold dots: as much of the path as makes one.
			taken := 1
			for ; taken < len(parts) && n.find(strings.Join(parts[:taken], ".")) == nil; taken++ {
			}
			if m := n.find(strings.Join(parts[:taken], ".")); m != nil {
				next, key = m.value, m.at
			}
			parts = parts[taken:]
		}
		switch {
		case next == nil:
			return nil, at
		case !next.at.given() && !key.given():
			at = d.presetAt
		case next.kind == mappingKind || next.kind == sequenceKind:
			if key.given() {
				at = key
			} else {
				at = next.at
			}
		default:
			at = next.at
		}
		n = next
	}
	return n, at
}

func listIndex(name string) (int, bool) {
	if !strings.HasPrefix(name, "[") {
		return 0, false
	}
	i := 0
	for _, c := range name[1 : len(name)-1] {
		i = i*10 + int(c-'0')
	}
	return i, true
}

// item gives the path of an item of a list as it was decoded: without those that were told to be wrong.
func (d *draft) item(path string, i int) string {
	if n, _ := d.lookup(path); n != nil && n.kind == sequenceKind {
		for at, item := range n.items {
			if item.bad {
				continue
			}
			if i == 0 {
				return index(path, at)
			}
			i--
		}
	}
	return path
}

func (d *draft) at(path string) place {
	_, at := d.lookup(path)
	return at
}

// node gives the value at a path that was read without a mistake, nil where there is none.
func (d *draft) node(path string) *node {
	if n, _ := d.lookup(path); n != nil && !n.bad {
		return n
	}
	return nil
}

// given says whether something stands at a path, right or wrong.
func (d *draft) given(path string) bool {
	n, _ := d.lookup(path)
	return n != nil
}

// top is where the document begins.
func (d *draft) top() place { return d.root.at }

// required tells of a member that is missing or empty, unless it was told to be wrong already. It says whether it is there.
func (d *draft) required(path, value string, what phrase) bool {
	n, _ := d.lookup(path)
	switch {
	case n == nil && d.meant[path]:
	case n == nil:
		d.wrong(path, say("is missing: %s", "缺少：%s"), what.in(d.lang))
	case n.bad:
	case strings.TrimSpace(value) == "":
		d.wrong(path, say("is empty: %s", "为空：%s"), what.in(d.lang))
	default:
		return true
	}
	return false
}

// header checks what every document says of itself, and finds out its kind. Without one nothing more can be checked.
func (d *draft) header() bool {
	if v := d.root.value("apiVersion"); v == nil || v.text != connector.APIVersion {
		d.headerWrong("apiVersion", connector.APIVersion)
	}
	switch v := d.root.value("kind"); {
	case v != nil && v.text == kindConnection:
		d.shape = d.r.connection
	case v != nil && v.text == kindTenant:
		d.shape = d.r.tenant
	default:
		d.headerWrong("kind", kindConnection+" / "+kindTenant)
		return false
	}
	return true
}

func (d *draft) headerWrong(name, want string) {
	v := d.root.value(name)
	if v == nil {
		d.problem(d.top(), name, say("is missing: want %s", "缺少：应为 %s"), want)
		return
	}
	d.bad(v, name, say("want %s, not %q", "应为 %s，而不是 %q"), want, excerpt(v.text))
}

// fill decodes a merged tree over its defaults.
func (d *draft) fill(n *node, into any) bool {
	if err := json.Unmarshal(appendJSON(nil, n, d.shape), into); err != nil {
		d.problem(d.top(), "", say("cannot be read: %s", "无法读取：%s"), err)
		return false
	}
	return true
}

// identity checks the names that tell documents apart.
func (d *draft) identity(tenant string) {
	if d.required("tenant", tenant, say("the CRM enterprise's id, such as \"714439\"", "CRM 企业号，如 \"714439\"")) && !connector.ValidTenant(tenant) {
		d.wrong("tenant", say("%q: want 1 to 64 of A-Z a-z 0-9 _ -", "%q：应为 1 至 64 个 A-Z a-z 0-9 _ - 字符"), excerpt(tenant))
	}
}

// shown refuses characters that people cannot see in a text they are shown, and that could make it look like another one:
// control characters, and those that turn the direction of writing.
func (d *draft) shown(path, value string) {
	for _, r := range value {
		if r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			d.wrong(path, say("an unseen character (U+%04X) stands here: take it out", "此处有不可见字符(U+%04X):请删除"), r)
			return
		}
	}
}

// ValidName reports whether a text may name a connection: 1 to 63 of a-z 0-9 -.
func ValidName(s string) bool {
	return len(s) >= 1 && len(s) <= 63 && all(s, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	})
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// fieldsOf decodes the own codes of a tree, leaving out what was told to be wrong.
func fieldsOf(n *node, s *shape) map[string]mapping.Field {
	if n == nil || n.bad || n.kind != mappingKind {
		return nil
	}
	var out map[string]mapping.Field
	if json.Unmarshal(appendJSON(nil, n.pruned(s), s), &out) != nil {
		return nil
	}
	return out
}
