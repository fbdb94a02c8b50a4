package connector

import "strings"

// Mentions reports whether one of some texts holds a term as a word: 8847 is not mentioned by 18847. The case of letters does not matter.
func Mentions(term string, texts ...string) bool {
	if term == "" {
		return false
	}
	term = strings.ToLower(term)
	for _, text := range texts {
		text = strings.ToLower(text)
		for from := 0; ; {
			i := strings.Index(text[from:], term)
			if i < 0 {
				break
			}
			from += i
			within := wordy(text, from-1) && wordy(term, 0) || wordy(text, from+len(term)) && wordy(term, len(term)-1)
			if !within {
				return true
			}
			from++
		}
	}
	return false
}

// wordy reports whether a letter or digit of ASCII stands at a place. Chinese has no spaces between words, so that every place begins one.
func wordy(s string, at int) bool {
	if at < 0 || at >= len(s) {
		return false
	}
	c := s[at]
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
