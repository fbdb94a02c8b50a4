package connector

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestMask(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ secret, text, want string }{
		"as it is":              {"passw0rd", "bad passw0rd!", "bad ***!"},
		"too short":             {"abc", "abc abc", "abc abc"},
		"JSON, another encoder": {`pa"ss<word/1`, `{"m":"pa\"ss<word\/1"}`, `{"m":"***"}`},
		"JSON in ASCII":         {"pässword汉1", `p\u00e4ssword\u6C491`, "***"},
		"beyond the plane":      {"secret😀!", `secret\ud83d\ude00!`, "***"},
		"XML by number":         {"it's me", "it&#x27;s me, it&#39;s me, it&apos;s me", "***, ***, ***"},
		"URL with slashes":      {"a/b/c=d e", "?k=a/b/c%3dd+e&k=a%2Fb%2Fc%3Dd%20e", "?k=***&k=***"},
		"JSON inside XML":       {`ab"c<d>e&f/g`, `<out>{"m":"ab\&quot;c&lt;d&gt;e&amp;f/g"}</out>`, `<out>{"m":"***"}</out>`},
		"JSON in JSON":          {`ab"c\de`, `"{\"m\":\"ab\\\"c\\\\de\"}"`, `"{\"m\":\"***\"}"`},
		"URL encoded twice":     {"ab c/de", "ab%2520c%252Fde", "***"},
		"URL in GBK":            {"密码是六个字", "k=%C3%DC%C2%EB%CA%C7%C1%F9%B8%F6%D7%D6.", "k=***."},
		"Base64 within Base64":  {"Plain-Secret-1", base64.StdEncoding.EncodeToString([]byte("bob:Plain-Secret-1")), "Ym9iOl***"},
		"blanks around":         {"  spaced out ", "got spaced out.", "got ***."},
		"Base64":                {"passw0rd!", "cGFzc3cwcmQh", "***"},
		"Base64 for URLs":       {"??>>passw0rd", base64.RawURLEncoding.EncodeToString([]byte("??>>passw0rd")), "***"},
		"Base64 with padding":   {"passw0rd", "cGFzc3cwcmQ=.", "***."},
		"the longer first":      {"passw0rd-longer", "passw0rd-longer", "***"},
		"almost":                {"passw0rd", "passw0r d, passw0r", "passw0r d, passw0r"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &masker{}
			m.add("passw0rd-long")
			m.add(tt.secret)
			if got := m.mask(tt.text); got != tt.want {
				t.Errorf("mask(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestMaskAnySecretInAnySpelling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[!-~ä汉😀]{6,20}`).Draw(t, "secret")
		m := &masker{}
		m.add(secret)
		quoted, _ := json.Marshal(secret)
		for _, s := range []string{
			secret, string(quoted), html.EscapeString(secret), url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
		} {
			got := m.mask("before " + s + " after")
			if got != "before *** after" && got != `before "***" after` {
				t.Fatalf("mask of %q as %q = %q", secret, s, got)
			}
		}
	})
}

func FuzzMask(f *testing.F) {
	f.Add("passw0rd", `bad passw0rd &#; \u00 %`)
	f.Fuzz(func(t *testing.T, secret, text string) {
		m := &masker{}
		m.add(secret)
		if got := m.mask(text); utf8.RuneCountInString(strings.TrimSpace(secret)) >= MinSecret && !strings.Contains("***", secret) &&
			utf8.ValidString(secret) && strings.Contains(strings.ReplaceAll(got, "***", ""), secret) && !strings.Contains(secret, "*") &&
			!strings.Contains(strings.ReplaceAll(text, secret, ""), secret) {
			t.Errorf("mask(%q) = %q holds %q", text, got, secret)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	m := &masker{}
	m.add("a-secret-of-some-length")
	m.add("0f8d2b7e-5b1c-4e57-9d3e-1f0a5c7b9e11")
	text := strings.Repeat(`{"code":0,"message":"ok","data":{"id":"67298f0c9b3c1a0001a2b3c4"}}`, 10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.mask(text)
	}
}
