package mapping

import (
	"crypto/md5" //nolint:gosec // some OAs want passwords as MD5
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// A composed is a value that holds secrets: parts of text, secrets and allowed environment variables, one after the
// other, and the filters that the whole passes through.
type composed struct {
	parts   []part
	filters []string
}

// A part is text, or the name of a secret (x) or of an environment variable (env:x), and filters of its own.
type part struct {
	text, secret string
	env          string // the variable's value
	filters      []string
}

// envPrefix stands in front of the names of environment variables wherever names of secrets are listed or asked for.
const envPrefix = "env:"

// value puts the parts together and filters them. told hears of each part that is secret and of the whole, as they leave:
// an OA may repeat a hash or a composed credential as well as the secret itself.
func (c *composed) value(secret func(string) (string, error), told func(string)) (string, error) {
	if told == nil {
		told = func(string) {}
	}
	var b strings.Builder
	for _, p := range c.parts {
		v := p.env
		switch {
		case p.secret == "":
			b.WriteString(p.text)
			continue
		case p.env != "":
		case secret == nil:
			return "", mistake("no secrets can be had here", "此处无法取得密钥")
		default:
			var err error
			if v, err = secret(p.secret); err != nil {
				return "", err
			}
		}
		told(v)
		v = filter(v, p.filters)
		told(v)
		b.WriteString(v)
	}
	whole := filter(b.String(), c.filters)
	if len(c.filters) > 0 {
		told(whole)
	}
	return whole, nil
}

func (c *composed) names() []string {
	var out []string
	for _, p := range c.parts {
		if p.secret != "" {
			out = append(out, p.secret)
		}
	}
	return out
}

func knownFilter(name string) bool { return name == "md5" || name == "sha256" || name == "base64" }

// filter passes a value through filters: md5 and sha256 give lower-case hexadecimal digits.
func filter(v string, filters []string) string {
	for _, f := range filters {
		switch f {
		case "md5":
			sum := md5.Sum([]byte(v)) //nolint:gosec // see the import
			v = hex.EncodeToString(sum[:])
		case "sha256":
			sum := sha256.Sum256([]byte(v))
			v = hex.EncodeToString(sum[:])
		case "base64":
			v = base64.StdEncoding.EncodeToString([]byte(v))
		}
	}
	return v
}

// A mark stands in a stored request where a secret stood: esc, S, the chain of contexts, the filters and the parts (t and
// text, or s, name and filters), each ended by a semicolon, esc. No rendered value holds esc, so none can forge a mark.
const (
	markStart = string(esc) + "S"
	markEnd   = string(esc)
)

// mark writes the mark of a composed value in a chain of contexts.
func (c *composed) mark(chain string) string {
	var b strings.Builder
	b.WriteString(markStart + chain + ";" + strings.Join(c.filters, "|") + ";")
	for _, p := range c.parts {
		if p.secret == "" {
			b.WriteString("t" + url.QueryEscape(p.text) + ";")
		} else {
			b.WriteString(strings.Join(append([]string{"s" + url.QueryEscape(p.secret)}, p.filters...), "|") + ";")
		}
	}
	return b.String() + markEnd
}

// Mark is the mark of a value that the caller puts into a stored request as it is, such as a token in a header. Fill asks
// for the value by this name.
func Mark(name string) string {
	return (&composed{parts: []part{{secret: name}}}).mark("")
}

// MarkQuery is the mark of a value that the caller puts, percent-encoded, into the query of a stored address.
func MarkQuery(name string) string {
	return (&composed{parts: []part{{secret: name}}}).mark(string(inForm))
}

// Mask shows a stored request to people: each mark becomes ***, in quotes where the secret is a JSON value of its own.
func Mask(stored string) string {
	own := map[string]*escaper{}
	out, _ := eachMark(stored, func(inside string) (string, error) {
		chain, _, _ := parseMark(inside)
		var at place
		if at.set(chain, own); at.quote == "" {
			return "***", nil
		}
		return at.quote + "***" + at.quote, nil
	})
	return out
}

// Name shows a stored request with what as makes of the names of the secrets in each mark: a command to be copied has variables there.
// Filters that the secrets passed through stand behind their names, as in password|md5.
func Name(stored string, as func(names []string) string) string {
	own := map[string]*escaper{}
	out, _ := eachMark(stored, func(inside string) (string, error) {
		chain, c, ok := parseMark(inside)
		if !ok {
			return "***", nil
		}
		var names []string
		for _, p := range c.parts {
			if p.secret != "" {
				names = append(names, strings.Join(append([]string{strings.TrimPrefix(p.secret, envPrefix)}, append(p.filters, c.filters...)...), "|"))
			}
		}
		var at place
		at.set(chain, own)
		return at.quote + as(names) + at.quote, nil
	})
	return out
}

// Fill puts today's values of the secrets into a stored request, filtered and escaped as they were when it was rendered.
// An environment variable is asked for as env:NAME. told, where not nil, hears of each value that is secret, as it leaves.
func Fill(stored string, secret func(name string) (string, error), told func(value string)) (string, error) {
	own := map[string]*escaper{}
	return eachMark(stored, func(inside string) (string, error) {
		chain, c, ok := parseMark(inside)
		if !ok {
			return "", mistake("the stored request is damaged: the mark of a secret cannot be read", "保存的请求已损坏：密钥标记无法读取")
		}
		v, err := c.value(secret, told)
		if err != nil {
			return "", err
		}
		var at place
		at.set(chain, own)
		b, err := at.appendConfigured(nil, v)
		if err != nil {
			return "", fmt.Errorf("secret %s: %w", strings.Join(c.names(), ", "), err)
		}
		return string(b), nil
	})
}

// parseMark reads the inside of a mark.
func parseMark(inside string) (chain string, c *composed, ok bool) {
	fields := strings.Split(inside, ";")
	if len(fields) < 3 {
		return "", nil, false
	}
	c = &composed{}
	if fields[1] != "" {
		c.filters = strings.Split(fields[1], "|")
	}
	for _, f := range fields[2 : len(fields)-1] {
		if f == "" {
			return "", nil, false
		}
		words := strings.Split(f[1:], "|")
		text, err := url.QueryUnescape(words[0])
		switch {
		case err != nil:
			return "", nil, false
		case f[0] == 's':
			c.parts = append(c.parts, part{secret: text, filters: words[1:]})
		default:
			c.parts = append(c.parts, part{text: text})
		}
	}
	return fields[0], c, true
}

// eachMark replaces each mark by what f makes of its inside. A mark without an end is taken to reach the end.
func eachMark(stored string, f func(string) (string, error)) (string, error) {
	if !strings.Contains(stored, markStart) {
		return stored, nil
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(stored, markStart)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		inside, after, _ := strings.Cut(rest, markEnd)
		v, err := f(inside)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		stored = after
	}
}
