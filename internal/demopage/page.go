package demopage

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

//go:embed *.html *.css
var files embed.FS

// parse reads the templates.
func parse() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{"initial": initial}).ParseFS(files, "*.html", "*.css")
}

// initial stands in the circle beside a name.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(name))
	if r == utf8.RuneError {
		return "?"
	}
	return strings.ToUpper(string(r))
}

// A lang is zh or en.
type lang string

// langOf is what the address asks for, else the browser.
func langOf(r *http.Request) lang {
	if l := r.URL.Query().Get("lang"); l == "zh" || l == "en" {
		return lang(l)
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		switch tag := strings.ToLower(strings.TrimSpace(part)); {
		case strings.HasPrefix(tag, "zh"):
			return "zh"
		case strings.HasPrefix(tag, "en"):
			return "en"
		}
	}
	return "zh"
}

func (l lang) t(en, zh string) string {
	if l == "en" {
		return en
	}
	return zh
}

// with is the request's query with a parameter changed, for links that keep the rest.
func with(r *http.Request, name, value string) string {
	q := r.URL.Query()
	q.Set(name, value)
	keep := url.Values{}
	for _, n := range []string{"oa", "account", "show", "lang"} {
		if v := q.Get(n); v != "" {
			keep.Set(n, v)
		}
	}
	return "?" + keep.Encode()
}

// show answers with a page.
func show(w http.ResponseWriter, pages *template.Template, name string, status int, data map[string]any) {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	nonce := base64.RawStdEncoding.EncodeToString(raw)
	data["Nonce"] = nonce
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that went away sees nothing
}
