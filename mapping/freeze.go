package mapping

import "strings"

// Freeze gives the value that a placeholder has in a scope, to be kept in Scope.Frozen. It is kept with its kind, so that
// it is written later as it would be now: a text that looks like JSON stays a text. What is given is opaque. fields may be
// nil: the catalogue alone. An error is an *Error that names the placeholder.
func Freeze(fields *Fields, code string, s *Scope) (string, error) {
	if fields == nil {
		var err error
		if fields, err = ParseFields(nil, nil, ""); err != nil {
			return "", err
		}
	}
	code = strings.TrimPrefix(code, "#")
	if !isCode(code) {
		return "", &Error{Err: mistake("%q is no code: want F and three digits, such as F055", "%q 不是编码：应为 F 加三位数字，如 F055", code)}
	}
	what, ok := fields.source(code)
	if !ok {
		return "", &Error{Placeholder: "#" + code, Err: fields.unknown(code)}
	}
	t := &Template{zone: fields.zone, format: &fields.format}
	r := run{t: t, s: s, mode: Wire, object: s.Event.root().child(s.Object)}
	var v value
	err := r.source(&v, what, 0)
	if err == nil && len(v.text) > MaxRendered {
		err = mistake("the value is too large to be kept", "取值过大，无法保留")
	}
	if err != nil {
		return "", named(err, "#"+code)
	}
	return v.freeze(), nil
}

// freeze writes a value and its kind as one text. It begins with esc, as no rendered text does, so that a text that was
// kept without a kind can be told from it.
func (v *value) freeze() string {
	kind := byte('t')
	switch v.kind {
	case missing:
		return string(esc) + "m"
	case jsonValue:
		kind = 'j'
	case configured:
		kind = 'c'
	case timed:
		if v.format.number() {
			kind = 'j'
		}
	case textual:
	}
	return string([]byte{esc, kind}) + v.string()
}

// thaw reads what freeze wrote, or text alone.
func (v *value) thaw(kept string) {
	*v = value{kind: textual, text: clean(kept)}
	if len(kept) < 2 || kept[0] != esc {
		return
	}
	v.text = clean(kept[2:])
	switch kept[1] {
	case 'm':
		*v = value{}
	case 'j':
		v.kind = jsonValue
		if !validJSON(v.text) { // it was changed on the way; a text breaks nothing
			v.kind = textual
		}
	case 'c':
		v.kind = configured
	}
}
