package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/text/language"
)

// What the API says to people, it says in English, or in Chinese to who asks for it (Accept-Language). The texts are born in English all over
// the program, where languages are nobody's concern; here, at the edge, each has its Chinese twin. A test reads the sources and wants a twin
// for every one.

type chineseKey struct{}

func speaksChinese(ctx context.Context) bool {
	zh, _ := ctx.Value(chineseKey{}).(bool)
	return zh
}

// WantsChinese reads an Accept-Language header: whether Chinese is asked for rather than English.
func WantsChinese(header string) bool {
	if header == "" {
		return false
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return false
	}
	for _, t := range tags {
		switch base, _ := t.Base(); base.String() {
		case "zh":
			return true
		case "en":
			return false
		}
	}
	return false
}

// speak notes which language the caller reads.
func speak(ctx huma.Context, next func(huma.Context)) {
	if !speaksChinese(ctx.Context()) && WantsChinese(ctx.Header("Accept-Language")) {
		ctx = huma.WithValue(ctx, chineseKey{}, true)
	}
	next(ctx)
}

// inLanguage puts a problem into the language of who asked.
func inLanguage(ctx context.Context, err error) error {
	if p, ok := err.(*Problem); ok && speaksChinese(ctx) { //nolint:errorlint // others are not for people
		return p.translate()
	}
	return err
}

// translate puts the texts of a problem into Chinese. What has no twin stays English.
func (p *Problem) translate() *Problem {
	out := *p
	out.Detail, out.Hint = chinese(p.Detail), chinese(p.Hint)
	out.Errors = nil
	for _, e := range p.Errors {
		e.Message = chinese(e.Message)
		if rest, ok := strings.CutPrefix(p.Detail, e.Path+": "); ok && e.Path != "" && len(p.Errors) == 1 {
			out.Detail = e.Path + "：" + chinese(rest)
		}
		out.Errors = append(out.Errors, e)
	}
	return &out
}

// Chinese is the Chinese twin of a text that the program has kept in English, such as why an event was rejected; the text itself where it has
// none.
func Chinese(en string) string { return chinese(en) }

// chinese gives the twin of an English text.
func chinese(en string) string {
	if en == "" {
		return ""
	}
	if zh, ok := twins[en]; ok {
		return zh
	}
	for _, p := range patterns() {
		if parts, ok := p.match(en); ok {
			for i, part := range parts {
				parts[i] = chinese(part)
			}
			return p.fill(parts)
		}
	}
	return en
}

// A pattern is an English text with parts that differ, marked by *, and its twin, which names them {1}, {2}, ... .
type pattern struct {
	pieces []string
	zh     string
}

// match gives the parts that differ.
func (p *pattern) match(s string) ([]string, bool) {
	s, ok := strings.CutPrefix(s, p.pieces[0])
	if !ok {
		return nil, false
	}
	var parts []string
	for i, piece := range p.pieces[1:] {
		at := strings.Index(s, piece)
		if i == len(p.pieces)-2 {
			if at = len(s) - len(piece); at < 0 || s[at:] != piece {
				return nil, false
			}
		}
		if at < 0 {
			return nil, false
		}
		parts = append(parts, s[:at])
		s = s[at+len(piece):]
	}
	return parts, s == ""
}

// length is how much of the text is always the same.
func (p *pattern) length() int { return len(strings.Join(p.pieces, "")) }

func (p *pattern) fill(parts []string) string {
	out := p.zh
	for i, part := range parts {
		out = strings.ReplaceAll(out, "{"+string(rune('1'+i))+"}", part)
	}
	return out
}

// patterns are those of twins that have parts which differ; made when the first is wanted.
var patterns = sync.OnceValue(func() []pattern {
	var out []pattern
	for en, zh := range twins {
		if strings.Contains(en, "*") {
			out = append(out, pattern{strings.Split(en, "*"), zh})
		}
	}
	// The longest first: "there is no record *" before "there is no *".
	slices.SortFunc(out, func(a, b pattern) int { return cmp.Or(b.length()-a.length(), strings.Compare(a.zh, b.zh)) })
	return out
})
