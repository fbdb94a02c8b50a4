package signon

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// origin is what may stand in frame-ancestors: nothing in it can end the policy or begin another rule.
var origin = regexp.MustCompile(`^(https?://(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|https?://\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// originOf cuts an address to scheme, host and port. Empty: it is none.
func originOf(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	if o := strings.ToLower(scheme) + "://" + host; origin.MatchString(o) {
		return o
	}
	return ""
}

// framers are who may show our pages in a frame: nobody, unless the settings name the OA's pages.
func framers(frames []string) string {
	var out []string
	for _, f := range frames {
		if o := originOf(f); o != "" {
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		return "'none'"
	}
	return strings.Join(out, " ")
}

// secure reports whether browsers reach us over TLS.
func (g *Gateway) secure() bool { return strings.HasPrefix(g.cfg.Public, "https://") }

// cookieName binds a cookie to this host where browsers can be told so.
func (g *Gateway) cookieName(name string) string {
	if g.secure() {
		return "__Host-" + name
	}
	return name
}

// setCookie binds what follows to this browser for a while; a life of 0 takes the cookie away. In a frame of the OA a browser sends a cookie
// only where it is partitioned by that OA; without frames it comes back from links alone.
func (v *visit) setCookie(name, value string, life time.Duration) {
	c := &http.Cookie{
		Name: v.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: v.secure(), MaxAge: int(life / time.Second), SameSite: http.SameSiteLaxMode,
	}
	if life <= 0 {
		c.MaxAge = -1
	}
	if v.secure() && framers(v.place.Frames) != "'none'" {
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	http.SetCookie(v.w, c)
}

// cookie is what setCookie has set; empty where the browser has none.
func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(v.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}
