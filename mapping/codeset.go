package mapping

import "strconv"

// A codeSet is a set of codes, F000 to F999.
type codeSet [1000/64 + 1]uint64

// bit is where a code stands in a set; not ok for what is no code.
func (*codeSet) bit(code string) (word int, mask uint64, ok bool) {
	if !isCode(code) {
		return 0, 0, false
	}
	n, err := strconv.Atoi(code[1:])
	return n / 64, 1 << (n % 64), err == nil
}

func (c *codeSet) has(code string) bool {
	word, mask, ok := c.bit(code)
	return ok && c[word]&mask != 0
}

func (c *codeSet) add(code string) {
	if word, mask, ok := c.bit(code); ok {
		c[word] |= mask
	}
}

func (c *codeSet) addAll(other *codeSet) {
	for i, w := range other {
		c[i] |= w
	}
}
