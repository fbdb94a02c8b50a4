package mapping

import (
	"strings"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// own computes an own field.
func (r *run) own(v *value, f *ownField, receiver int) error {
	if err := r.origin(v, f, receiver); err != nil {
		return err
	}
	if (f.format != nil || f.zone != nil) && !v.absent() {
		if err := r.timed(v, f); err != nil {
			return &Error{Placeholder: "#" + f.code, Err: mistake("%sa time is wanted: %s", "%s应为时间：%s", f.said(), err)}
		}
	}
	if f.def.Map != nil {
		text, ok := f.def.Map[v.string()]
		if *v = (value{}); ok {
			v.kind, v.text = configured, clean(text)
		}
	}
	if v.absent() && f.def.Default != nil {
		*v = value{kind: configured, text: clean(*f.def.Default)}
	}
	if f.def.Relative && !v.absent() {
		*v = value{kind: textual, text: relative(v.string())}
	}
	if f.def.Max > 0 && !v.absent() {
		text := v.string()
		if short := cut(text, f.def.Max); short != text {
			*v = value{kind: textual, text: short}
		}
	}
	if f.def.Required && v.absent() && !r.s.Sample {
		return &Error{Placeholder: "#" + f.code, Err: mistake("%srequired, and there is no value: %s", "%s必填，但没有值：%s", f.said(), f.whence())}
	}
	return nil
}

// origin reads what the field is made of.
func (r *run) origin(v *value, f *ownField, receiver int) error {
	switch {
	case f.from != nil && (f.format != nil || f.zone != nil):
		return r.live(v, *f.from, receiver) // a frozen time is text already
	case f.from != nil:
		return r.source(v, *f.from, receiver)
	case f.path != nil:
		v.event(r.s.Event.root().walk(f.path))
	case f.def.Value != nil:
		v.kind, v.text = configured, clean(*f.def.Value)
	case f.def.First != nil:
		return r.first(v, f, receiver)
	default:
		return r.join(v, f, receiver)
	}
	return nil
}

// first reads sources in turn until one has a value; those behind it are not looked at, so that a required one among them
// is required only where it counts.
func (r *run) first(v *value, f *ownField, receiver int) error {
	for _, s := range f.first {
		*v = value{}
		if err := r.source(v, s, receiver); err != nil || !v.absent() {
			return err
		}
	}
	return nil
}

// join puts parts together; what has no value is empty. Without any value there is none.
func (r *run) join(v *value, f *ownField, receiver int) error {
	parts, size := make([]string, len(f.join)), 0
	for i, s := range f.join {
		var one value
		if err := r.source(&one, s, receiver); err != nil {
			return err
		}
		if parts[i] = one.string(); parts[i] != "" {
			v.kind = textual
		}
		if size += len(parts[i]) + len(f.def.With); size > MaxRendered {
			return tooLarge(size)
		}
	}
	if v.kind == textual {
		v.text = clean(strings.Join(parts, f.def.With))
	}
	return nil
}

// timed gives a time the field's own format and zone.
func (r *run) timed(v *value, f *ownField) error {
	if v.kind != timed {
		t, err := parseOwnTime(v.text, r.t.zone)
		if err != nil {
			return err
		}
		r.clock(v, t)
	}
	if f.format != nil {
		v.format = f.format
	}
	if f.zone != nil {
		v.time = v.time.In(f.zone)
	}
	return nil
}

// said is the label in front of a message.
func (f *ownField) said() words {
	if f.label == "" {
		return words{}
	}
	return words{f.label + ": ", f.label + "："}
}

// whence says in words where the value comes from.
func (f *ownField) whence() words {
	switch {
	case f.path != nil:
		return words{"the event's " + f.def.Path, "事件的 " + f.def.Path}
	case f.from != nil:
		return words{"from #" + f.from.code(), "来自 #" + f.from.code()}
	case f.def.Value != nil:
		return words{"a constant", "常量"}
	case f.first != nil:
		return words{strings.Join(codesOf(f.first), ", else "), strings.Join(codesOf(f.first), "，否则 ")}
	}
	return words{strings.Join(codesOf(f.join), " and "), strings.Join(codesOf(f.join), " 与 ")}
}

// codesOf are the codes of sources as they stand in templates.
func codesOf(sources []source) []string {
	out := make([]string, len(sources))
	for i, s := range sources {
		out[i] = "#" + s.code()
	}
	return out
}

// cut keeps the first n characters of a text, as people see them: a letter with its accents is one, a family of emoji too.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for seen := graphemes.FromString(s); seen.Next(); n-- {
		if n == 0 {
			return s[:seen.Start()]
		}
	}
	return s
}

// relative gives an address without its scheme and host, from the path on; what has neither stays as it is.
func relative(address string) string {
	scheme, rest, found := strings.Cut(address, "//")
	if !found || strings.ContainsAny(scheme, "/?#") || scheme != "" && !strings.HasSuffix(scheme, ":") {
		return address
	}
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		return rest[at:]
	}
	return ""
}
