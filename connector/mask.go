package connector

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
)

// MinSecret is the least number of characters of a secret: shorter ones would blot out half a record.
const MinSecret = 6

// A masker takes secrets out of what an OA answers and of error texts, however they are written there.
type masker struct {
	values   map[string]bool
	replacer *strings.Replacer
}

// add makes a value a secret.
func (m *masker) add(value string) {
	if len(value) < MinSecret || m.values[value] {
		return
	}
	if m.values == nil {
		m.values = map[string]bool{}
	}
	m.values[value] = true
	m.replacer = nil
}

// mask replaces every secret in s by ***: as it is, and JSON-, XML-, URL- and Base64-encoded.
func (m *masker) mask(s string) string {
	if len(m.values) == 0 {
		return s
	}
	if m.replacer == nil {
		var written []string
		for v := range m.values {
			written = append(written, forms(v)...)
		}
		// The longest first: of two secrets that begin alike, the shorter must not leave the other's rest behind.
		slices.SortFunc(written, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		pairs := make([]string, 0, 2*len(written))
		for _, form := range written {
			pairs = append(pairs, form, "***")
		}
		m.replacer = strings.NewReplacer(pairs...)
	}
	return m.replacer.Replace(s)
}

// forms are the ways in which a value may stand in an answer, the plain one first.
func forms(v string) []string {
	out := []string{v}
	add := func(s string) {
		if s != "" && s != v {
			out = append(out, s)
		}
	}
	if b, err := json.Marshal(v); err == nil {
		add(string(b[1 : len(b)-1]))
	}
	add(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(v))
	add(html.EscapeString(v))
	add(url.QueryEscape(v))
	add(url.PathEscape(v))
	add(base64.StdEncoding.EncodeToString([]byte(v)))
	add(base64.RawStdEncoding.EncodeToString([]byte(v)))
	add(base64.URLEncoding.EncodeToString([]byte(v)))
	return out
}
