package mapping

// MaxRendered is how many bytes one rendered text may have. What an OA takes is far smaller; a larger one comes of a long
// value that is repeated per receiver, and would cost every worker its memory.
const MaxRendered = 8 << 20

// maxFilled is how many bytes the variables of one template may add to it.
const maxFilled = 1 << 20

// tooLarge says that a rendered text has, or would have, n bytes.
func tooLarge(n int) error {
	return &Error{Err: mistake("the rendered text is too large: %d bytes so far, and %d (8 MiB) are the most; cut long values with "+
		"max on a field of your own, or let fewer receivers share a call: receivers: {as: list, max: 100}",
		"渲染结果过大：已有 %d 字节，最多 %d（8 MiB）；请用自定义字段的 max 截短长值，或减少一次调用的接收人：receivers: {as: list, max: 100}", n, MaxRendered)}
}

// errManyVariables says that a template's variables make it too large.
var errManyVariables = mistake("the variables make this text longer than 1 MiB: shorten them, or use them less often",
	"变量使文本超过 1 MiB：请缩短变量或减少使用")

// room refuses a value that would not fit behind used bytes, before it is written: escaped many times over, as in JSON
// inside JSON inside JSON, a long value may grow beyond all memory.
func (p *place) room(used int, v *value) error {
	if used+len(v.text)*p.widest <= MaxRendered {
		return nil
	}
	size := 0
	switch {
	case p.raw != nil && (v.kind == jsonValue || v.kind == configured):
		size = p.raw.size(v.text)
	default:
		size = p.esc.size(v.text)
	}
	if used+size > MaxRendered {
		return tooLarge(used + size)
	}
	return nil
}

// size is how many bytes a value has when escaped: exactly, save for what depends on the text before the value.
func (e *escaper) size(s string) int {
	n := len(s)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; e.act[c] {
		case replace:
			n += len(e.rep[c]) - 1
		case closer:
			n += len(e.rep[c]) - 1
			if i >= 2 && s[i-1] == ']' && s[i-2] == ']' {
				n += len(e.split)
			}
		case lead:
			if i+2 < len(s) && s[i+1] == 0xbf && s[i+2] >= 0xbe {
				n += len(e.nonchar[s[i+2]-0xbe]) - 3
				i += 2
			} else {
				n += len(e.rep[c]) - 1
			}
		case pass, refuse:
		}
	}
	return n
}
