package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // a reader's zone is known on a machine without zones, too

	"github.com/a-h/templ"

	"todosync/web/api"
)

// The cookies of a reader's tastes; they hold no secret. The scripts write the zone.
const (
	languageCookie = "todosync_lang"
	themeCookie    = "todosync_theme"
	zoneCookie     = "todosync_zone"
	flashCookie    = "todosync_flash"
)

// A visit is one request of one reader: who it is, and how he likes to read.
type visit struct {
	console *Console
	w       http.ResponseWriter
	r       *http.Request
	api     client

	Who     *api.Principal // nil: not signed in
	Chinese bool
	Theme   string // light, dark; empty: as the system has it
	Zone    *time.Location
	ZoneSet bool // the browser has told its zone
	Nonce   string
	Now     time.Time
	Active  string // the entry of the navigation that is open
	Title   string
	Flash   flash
	Status  int
	Wide    bool // without navigation it has the room of a page with it
	NoFrame bool // shown alone, without navigation: log-in and the like
	Porch   bool // the log-in itself: what somebody had sent without a session waits there
	Scripts []string
	Frames  bool // the page shows another of ours in a frame
}

// A flash is told once, on the page after a change.
type flash struct {
	Text string
	Bad  bool
}

// ctx is the request's context.
func (v *visit) ctx() context.Context { return v.r.Context() }

// visit reads what the request tells of its reader.
func (c *Console) visit(w http.ResponseWriter, r *http.Request) *visit {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	v := &visit{
		console: c, w: w, r: r, Now: c.Now(), Zone: time.UTC, Status: http.StatusOK,
		Nonce: base64.RawStdEncoding.EncodeToString(raw),
	}
	v.Chinese = prefersChinese(r)
	if t := cookie(r, themeCookie); t == "light" || t == "dark" {
		v.Theme = t
	}
	if name, err := url.QueryUnescape(cookie(r, zoneCookie)); err == nil && name != "" && len(name) < 64 && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			v.Zone, v.ZoneSet = zone, true
		}
	}
	if text, err := url.QueryUnescape(cookie(r, flashCookie)); err == nil && len(text) > 1 {
		v.Flash = flash{Text: text[1:], Bad: text[0] == '!'}
		http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	return v
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// prefersChinese reads the reader's choice, else what the browser asks for.
func prefersChinese(r *http.Request) bool {
	switch cookie(r, languageCookie) {
	case "zh":
		return true
	case "en":
		return false
	}
	return api.WantsChinese(r.Header.Get("Accept-Language"))
}

// T gives the text in the reader's language.
func (v *visit) T(en, zh string) string {
	if v.Chinese {
		return zh
	}
	return en
}

// Lang is the value of the page's lang attribute.
func (v *visit) Lang() string { return v.T("en", "zh-CN") }

// show writes a page. Title and Active are set before.
func (v *visit) show(body templ.Component) error {
	return v.write(shell(v, body))
}

// alone writes a page without the frame: for who is not in yet.
func (v *visit) alone(title string, body templ.Component) error {
	v.Title, v.NoFrame = title, true
	return v.show(body)
}

// fragment writes a part of a page, for htmx to put in place.
func (v *visit) fragment(body templ.Component) error { return v.write(body) }

// partial reports whether htmx asks for a part of the page rather than the browser for the whole.
func (v *visit) partial() bool {
	return v.r.Header.Get("Hx-Request") == "true" && v.r.Header.Get("Hx-Boosted") == "" && v.r.Header.Get("Hx-History-Restore-Request") == ""
}

func (v *visit) write(body templ.Component) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "HX-Request")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+v.Nonce+"'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"+v.frames())
	var b strings.Builder
	if err := body.Render(v.ctx(), &b); err != nil {
		return err // nothing was sent yet, so that the reader gets a page about it
	}
	page := []byte(b.String())
	// Nothing that is secret and always the same stands in a page, so its packed length tells a listener nothing.
	h.Add("Vary", "Accept-Encoding")
	if len(page) >= leastZipped && strings.Contains(v.r.Header.Get("Accept-Encoding"), "gzip") {
		page = zipped(page, gzip.BestSpeed)
		h.Set("Content-Encoding", "gzip")
	}
	v.w.WriteHeader(v.Status)
	_, _ = v.w.Write(page) // to a browser that went away nothing can be said
	return nil
}

// frames allows the page to show others of ours, where it does.
func (v *visit) frames() string {
	if v.Frames {
		return "; frame-src 'self'"
	}
	return ""
}

// leastZipped is from how many bytes on a page is packed; a shorter one fits into the first packets anyway.
const leastZipped = 4 << 10

func zipped(b []byte, level int) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, level) // the level is one of gzip's
	_, _ = w.Write(b)                        // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// redirect sends the browser to another page of ours, after a change or to a shorter address.
func (v *visit) redirect(to string) error {
	if v.r.Header.Get("Hx-Request") == "true" {
		v.w.Header().Set("Hx-Redirect", to)
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// done is redirect with a sentence that the next page tells.
func (v *visit) done(to, text string) error {
	v.tell(text, false)
	return v.redirect(to)
}

// tell puts a sentence on the next page.
func (v *visit) tell(text string, bad bool) {
	mark := "+"
	if bad {
		mark = "!"
	}
	http.SetCookie(v.w, &http.Cookie{
		Name: flashCookie, Value: url.QueryEscape(mark + cut(text, 600)), Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cut shortens a text to a number of runes.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// toLogIn leads somebody without a session to the log-in, and back to this page after it. Where a script has asked for a part of a page, the
// page stays as it is, with all that was typed into it, and says so.
func (v *visit) toLogIn() {
	if v.partial() {
		v.Status = http.StatusUnauthorized
		_ = v.fragment(sessionOver(v)) // it has no error
		return
	}
	to := "/login"
	if page := v.askedFrom(); page != "/" {
		to += "?next=" + url.QueryEscape(page)
	}
	_ = v.redirect(to) // it has no error
}

// askedFrom is the page that a reader has before him: what he asks for, or where the form stands that he sends.
func (v *visit) askedFrom() string {
	if v.r.Method == http.MethodGet {
		return v.r.URL.RequestURI()
	}
	from, err := url.Parse(v.r.Referer())
	if err != nil || from.Host != v.r.Host || from.Path == "" {
		return "/"
	}
	return nextPage(from.RequestURI())
}

// problem shows an error as a page, or as a part of one where htmx asked.
func (v *visit) problem(err error) {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		v.console.Log.ErrorContext(v.ctx(), "a page failed", "method", v.r.Method, "route", v.r.Pattern, "error", err)
		p = &api.Problem{
			Status: http.StatusInternalServerError, Detail: v.T("Something went wrong here.", "服务器出错了。"),
			Hint: v.T("The log of the server says more.", "详细原因见服务器日志。"),
		}
	}
	v.Status, v.Title = p.Status, v.problemTitle(p.Status)
	if v.partial() {
		err = v.fragment(problemPart(v, p))
	} else {
		err = v.show(problemPart(v, p))
	}
	if err != nil {
		v.console.Log.ErrorContext(v.ctx(), "the page of an error failed", "error", err)
	}
}

func (v *visit) problemTitle(status int) string {
	switch status {
	case http.StatusNotFound:
		return v.T("Not found", "找不到")
	case http.StatusForbidden:
		return v.T("Not allowed", "没有权限")
	case http.StatusConflict, http.StatusPreconditionFailed:
		return v.T("Changed meanwhile", "期间已被修改")
	case http.StatusServiceUnavailable:
		return v.T("Not available now", "暂时不可用")
	}
	if status >= 500 {
		return v.T("Something went wrong", "出错了")
	}
	return v.T("That did not work", "操作没有成功")
}
