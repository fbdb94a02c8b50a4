package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long texts of others are told, in characters. What is longer ends in an ellipsis; the record holds it whole.
const (
	titleMost    = 120
	todoMost     = 256 // ids are told whole: 256 bytes at most
	receiverMost = 120 // of a list, the first names
	codeMost     = 64
	messageMost  = 300
)

// clean makes a text of somebody else harmless for one line of a terminal, mail or chat: blanks for line breaks and control characters, none of
// the unseen characters that turn the direction of writing or hide text, most characters at the longest. It reads no more than it needs,
// however long the text is.
func clean(s string, most int) string {
	var b strings.Builder
	n, blank := 0, false
	for _, r := range s { // what is no UTF-8 is read as U+FFFD
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			blank = n > 0
			continue
		case unseen(r):
			continue
		}
		if blank {
			if n++; n < most {
				b.WriteByte(' ')
			}
			blank = false
		}
		if n++; n > most {
			return cut(b.String(), most-1) + "…"
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unseen reports characters that show nothing of themselves but change what others look like. The two joiners stay: scripts and emoji need
// them.
func unseen(r rune) bool {
	const joiners = "\u200c\u200d"
	return unicode.Is(unicode.Cf, r) && !strings.ContainsRune(joiners, r) ||
		unicode.Is(unicode.Noncharacter_Code_Point, r) || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0' // blank letters
}

// cut gives the first characters of a text, most at the longest, without a blank or half an emoji at its end.
func cut(s string, most int) string {
	for i := range s {
		if most == 0 {
			return strings.TrimRight(s[:i], " \u200d")
		}
		most--
	}
	return s
}

// cutBytes gives the beginning of a text that has so many bytes at most, without a character broken in two.
func cutBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	most = max(0, most)
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// isolated keeps a text that holds letters written from right to left from turning what stands around it.
func isolated(s string) string {
	for _, r := range s {
		if unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko) {
			return "\u2068" + s + "\u2069"
		}
	}
	return s
}
