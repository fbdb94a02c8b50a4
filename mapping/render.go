package mapping

import (
	"errors"
	"slices"
	"strings"
)

// Append renders the template and appends it to dst. In mode Stored marks stand in place of secrets. An error is an
// *Error that names the placeholder with its label; dst is given back as it was then. A text of more than MaxRendered
// bytes is such an error.
func (t *Template) Append(dst []byte, s *Scope, m Mode) ([]byte, error) {
	r := run{t: t, s: s, mode: m, object: s.Event.root().child(s.Object), base: len(dst)}
	out, err := r.ops(slices.Grow(dst, t.size+len(t.ops)*32), span{end: int32(len(t.ops))}, outside)
	if err == nil && t.addressed && !isAddress(out[len(dst):]) {
		err = &Error{Placeholder: shorten(t.holes[0].name, maxShown), Err: mistake("the address does not begin with http:// or https://", "地址不以 http:// 或 https:// 开头")}
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// isAddress reports whether an address can be called, or begins with the mark of a secret.
func isAddress(b []byte) bool {
	start := string(b[:min(len(b), len("https://"))])
	return beginsWith(start, "http://") || beginsWith(start, "https://") || strings.HasPrefix(start, markStart)
}

// outside is the receiver of what no region repeats.
const outside = -1

// A run is one rendering.
type run struct {
	t      *Template
	s      *Scope
	mode   Mode
	object Value
	base   int // bytes in front of what is rendered
}

// ops writes a span of ops for one receiver, or for all.
func (r *run) ops(dst []byte, s span, receiver int) (_ []byte, err error) {
	for i := s.at; i < s.end; i++ {
		o := &r.t.ops[i]
		dst = append(dst, o.lit...)
		if len(dst)-r.base > MaxRendered {
			return dst, tooLarge(len(dst) - r.base)
		}
		switch {
		case o.hole != nil:
			if dst, err = r.hole(dst, o.hole, receiver); err == nil && len(dst)-r.base > MaxRendered {
				err = tooLarge(len(dst) - r.base)
			}
			if err != nil {
				return dst, named(err, o.hole.name)
			}
		case o.end > 0:
			if len(r.s.Receivers) == 0 {
				return dst, &Error{Err: mistake("the delivery has no receiver to write the list for", "该推送没有接收人，无法写出列表")}
			}
			for n := range r.s.Receivers {
				if n > 0 {
					dst = append(dst, o.sep...)
				}
				if dst, err = r.ops(dst, span{at: i + 1, end: int32(o.end)}, n); err != nil {
					return dst, err
				}
			}
			i = int32(o.end) - 1
		}
	}
	return dst, nil
}

// named makes an *Error of any error, with the name of a placeholder unless it has one.
func named(err error, name string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Placeholder == "" {
			e.Placeholder = shorten(name, maxShown)
		}
		return e
	}
	return &Error{Placeholder: shorten(name, maxShown), Err: err}
}

// hole writes the value of a hole.
func (r *run) hole(dst []byte, h *hole, receiver int) ([]byte, error) {
	var v value
	switch h.kind {
	case placeholderHole:
		if receiver == outside && h.source.receiver() {
			if len(r.s.Receivers) > 0 && (r.t.receivers == List || r.t.receivers == Joined) {
				text, err := r.everyone(h.source)
				if err != nil {
					return dst, err
				}
				v = value{kind: textual, text: text}
				break
			}
			receiver = 0
		}
		if err := r.source(&v, h.source, receiver); err != nil {
			return dst, err
		}
	case secretHole:
		return r.secret(dst, h)
	case nowHole:
		v = value{kind: timed, time: r.s.TryTime.In(r.t.zone), format: h.format}
	case uuidHole:
		if r.s.UUID == nil {
			return dst, mistake("no UUID can be had here", "此处无法生成 UUID")
		}
		v = value{kind: textual, text: r.s.UUID()}
	}
	if len(h.filter) > 0 {
		v = value{kind: textual, text: filter(v.string(), h.filter)}
	}
	if r.s.Sample {
		r.standIn(&v, h, len(dst) == r.base)
	}
	if err := h.place.room(len(dst)-r.base, &v); err != nil {
		return dst, err
	}
	return h.place.append(dst, &v)
}

// everyone gives the values of all receivers, joined by a comma.
func (r *run) everyone(s source) (string, error) {
	all, size := make([]string, len(r.s.Receivers)), 0
	for i := range r.s.Receivers {
		var v value
		if err := r.source(&v, s, i); err != nil {
			return "", err
		}
		all[i] = v.string()
		if size += len(all[i]) + 1; size > MaxRendered {
			return "", tooLarge(size)
		}
	}
	return strings.Join(all, ","), nil
}

// secret writes a secret or its mark.
func (r *run) secret(dst []byte, h *hole) ([]byte, error) {
	if r.s.Sample {
		if v := (value{}); r.standIn(&v, h, len(dst) == r.base) {
			return h.place.append(dst, &v)
		}
	}
	if r.mode == Stored {
		return append(dst, h.secret.mark(h.place.chain)...), nil
	}
	v, err := h.secret.value(r.s.Secret, r.s.Told)
	if err != nil {
		return dst, err
	}
	if h.place.guard.kind != 0 && h.place.guard.check(v) != nil {
		return dst, mistake("the value cannot stand in this part of a URL", "该值不能位于 URL 的这一部分")
	}
	return h.place.appendConfigured(dst, v)
}

// source finds the value of a placeholder for one receiver. The value is missing before, and stays so where there is
// none.
func (r *run) source(v *value, s source, receiver int) error {
	if len(r.s.Frozen) > 0 && r.frozen(v, s) {
		return nil
	}
	return r.live(v, s, receiver)
}

// frozen finds the value that a placeholder keeps. One frozen value cannot stand for several receivers.
func (r *run) frozen(v *value, s source) bool {
	kept, ok := r.s.Frozen[s.code()]
	if !ok || len(r.s.Receivers) > 1 && s.receiver() {
		return false
	}
	v.thaw(kept)
	return true
}

// live finds the value that a placeholder has today.
func (r *run) live(v *value, s source, receiver int) error {
	if s.own != nil {
		return r.own(v, s.own, receiver)
	}
	return r.builtin(v, s.builtin, receiver)
}
