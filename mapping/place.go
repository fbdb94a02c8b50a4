package mapping

import "time"

// A place is where a placeholder stands: how its values are escaped, and what they must be.
type place struct {
	chain string
	esc   *escaper // of text
	// Outside quotes, text becomes a JSON string: quote stands around it, esc is for inside it, and raw for what is JSON.
	raw    *escaper
	quote  string
	guard  guard
	widest int // bytes that one byte of a value may become
}

// set takes a chain of contexts, which may end in inJSON.
func (p *place) set(chain string, own map[string]*escaper) {
	p.chain = chain
	if n := len(chain) - 1; n >= 0 && chain[n] == inJSON {
		outer := chain[:n]
		p.raw, p.esc = escaperFor(outer, own), escaperFor(outer+string(inString), own)
		p.quote, _ = escapeByte(outer, `"`)
		p.widest = max(p.esc.widest, p.raw.widest, 1)
		return
	}
	p.esc = escaperFor(chain, own)
	p.widest = max(p.esc.widest, 1)
}

// A value is what a placeholder stands for in one rendering.
type value struct {
	kind   valueKind
	text   string
	time   time.Time
	format *TimeFormat
}

// A valueKind says how a value is written where JSON is wanted.
type valueKind uint8

const (
	missing    valueKind = iota // null
	textual                     // a string, whatever it looks like
	configured                  // text of the settings: JSON if it is JSON, else a string
	jsonValue                   // JSON as the event has it
	timed                       // a time and its format: a number or a string
)

// absent reports whether a value is missing or empty.
func (v *value) absent() bool { return v.kind == missing || v.kind != timed && v.text == "" }

// string is the value as text.
func (v *value) string() string {
	if v.kind == timed {
		return v.format.Format(v.time)
	}
	return v.text
}

// append writes a value.
func (p *place) append(dst []byte, v *value) ([]byte, error) {
	if p.guard.kind != 0 {
		if err := p.guard.check(v.string()); err != nil {
			return dst, err
		}
	}
	switch {
	case v.kind == timed:
		return p.appendTime(dst, v)
	case p.raw == nil:
		return appendEscaped(p.esc, dst, v.text)
	case v.kind == missing:
		return append(dst, "null"...), nil
	case v.kind == configured:
		return p.appendConfigured(dst, v.text)
	case v.kind == jsonValue:
		return appendEscaped(p.raw, dst, v.text)
	}
	return p.appendQuoted(dst, v.text)
}

// appendConfigured writes text of the settings.
func (p *place) appendConfigured(dst []byte, text string) ([]byte, error) {
	text = clean(text)
	switch {
	case p.raw == nil:
		return appendEscaped(p.esc, dst, text)
	case validJSON(text):
		return appendEscaped(p.raw, dst, text)
	}
	return p.appendQuoted(dst, text)
}

func (p *place) appendQuoted(dst []byte, text string) ([]byte, error) {
	dst, err := appendEscaped(p.esc, append(dst, p.quote...), text)
	return append(dst, p.quote...), err
}

// appendTime prints a time beside dst, not in it, since it may need escaping.
func (p *place) appendTime(dst []byte, v *value) ([]byte, error) {
	var room [64]byte
	b := v.format.Append(room[:0], v.time)
	if p.raw == nil || v.format.number() {
		return appendEscaped(p.esc, dst, b)
	}
	dst, err := appendEscaped(p.esc, append(dst, p.quote...), b)
	return append(dst, p.quote...), err
}
