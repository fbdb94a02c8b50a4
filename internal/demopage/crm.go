package demopage

import (
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// How long a session of the CRM lasts, and how many there are.
const (
	crmSession  = time.Hour
	crmSessions = 1000
	crmCookie   = "demo_crm"
)

// An Arrival is whom a ticket lets in, and where to.
type Arrival struct {
	Tenant, User string
	Target       string // /home or /todo/{apiName}/{dataId}, perhaps with ?device=mobile
}

// A Record is what the CRM knows of one of its records.
type Record struct{ Kind, Name string }

// A CRMConfig is what a CRM needs.
type CRMConfig struct {
	At string // the path that it is mounted at, such as /crm
	// Redeem asks todosync about a ticket, from server to server. Required. ok: it is good, and was used up with that.
	Redeem func(ctx context.Context, ticket string) (a Arrival, ok bool, err error)
	Titles map[string]string                                        // of tenants
	Name   func(tenant, user string) string                         // of a user
	Record func(tenant, apiName, dataID string) (r Record, ok bool) // one of its records
	Now    func() time.Time                                         // time.Now by default
}

// A CRM plays a CRM that takes tickets.
type CRM struct {
	cfg   CRMConfig
	pages *template.Template

	mu       sync.Mutex // guards what follows
	sessions map[string]session
}

type session struct {
	Arrival
	since time.Time
}

// NewCRM makes a CRM.
func NewCRM(cfg CRMConfig) (*CRM, error) {
	if cfg.Redeem == nil || cfg.Name == nil || cfg.Record == nil || !strings.HasPrefix(cfg.At, "/") {
		return nil, errors.New("make the CRM page: At, Redeem, Name and Record are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	pages, err := parse()
	if err != nil {
		return nil, err
	}
	return &CRM{cfg: cfg, pages: pages, sessions: map[string]session{}}, nil
}

// ServeHTTP takes tickets at login, and shows records to who is logged in.
func (c *CRM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), c.cfg.At)
	switch {
	case r.Method == http.MethodPost && path == "/logout":
		c.logOut(w, r)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
	case path == "/login":
		c.logIn(w, r)
	default:
		c.page(w, r, path)
	}
}

// logIn redeems a ticket, begins a session of its own, and goes to what the ticket was made for.
func (c *CRM) logIn(w http.ResponseWriter, r *http.Request) {
	l := langOf(r)
	arrived, ok, err := c.cfg.Redeem(r.Context(), r.URL.Query().Get("ticket"))
	if err != nil {
		c.refuse(w, l, http.StatusBadGateway, l.t("todosync cannot be asked about the ticket.", "无法向 todosync 核实票据。"))
		return
	}
	if !ok || !strings.HasPrefix(arrived.Target, "/") || strings.HasPrefix(arrived.Target, "//") {
		c.refuse(w, l, http.StatusForbidden, l.t("The ticket is not known, was used before, or has run out. Click the todo in the OA again.", "票据未知、已使用或已过期。请回到 OA 重新点击待办。"))
		return
	}
	id, now := rand.Text(), c.cfg.Now()
	c.mu.Lock()
	for k, s := range c.sessions {
		if len(c.sessions) >= crmSessions || now.Sub(s.since) >= crmSession {
			delete(c.sessions, k)
		}
	}
	c.sessions[id] = session{arrived, now}
	c.mu.Unlock()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the demo speaks HTTP on loopback; a CRM sets Secure
		Name: crmCookie, Value: id, Path: c.cfg.At, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(crmSession / time.Second),
	})
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", c.cfg.At+arrived.Target)
	w.WriteHeader(http.StatusSeeOther)
}

// visitor is who is logged in.
func (c *CRM) visitor(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(crmCookie)
	if err != nil {
		return session{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.sessions[cookie.Value]
	return s, ok && c.cfg.Now().Sub(s.since) < crmSession
}

func (c *CRM) logOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(crmCookie); err == nil {
		c.mu.Lock()
		delete(c.sessions, cookie.Value)
		c.mu.Unlock()
	}
	w.Header().Set("Location", c.cfg.At+"/home")
	w.WriteHeader(http.StatusSeeOther)
}

// page shows a record, or the home page.
func (c *CRM) page(w http.ResponseWriter, r *http.Request, path string) {
	l := langOf(r)
	s, in := c.visitor(r)
	if !in {
		c.refuse(w, l, http.StatusUnauthorized, l.t("You are not logged in. Come from the OA: a click on a todo there is the log-in.", "您尚未登录。请从 OA 进入：点击待办即完成登录。"))
		return
	}
	name := c.cfg.Name(s.Tenant, s.User)
	data := map[string]any{
		"In": true, "Who": name, "User": s.User, "Tenant": c.title(s.Tenant), "Since": s.since.Format(time.DateTime), "Arrived": l.t("Logged in without a password", "免密登录成功"),
		"At": c.cfg.At, "LogOut": l.t("Log out", "退出"), "UserLabel": l.t("CRM user", "CRM 用户"), "TenantLabel": l.t("Enterprise", "企业"), "SinceLabel": l.t("Since", "登录时间"),
		"RecordLabel": l.t("Record", "记录"), "ObjectLabel": l.t("Object", "对象"), "DeviceLabel": l.t("Page for", "页面"),
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case path == "/home":
		data["Kind"], data["Name"] = l.t("CRM", "CRM"), l.t("Home page", "首页")
	case len(parts) == 3 && parts[0] == "todo":
		apiName, err1 := url.PathUnescape(parts[1])
		dataID, err2 := url.PathUnescape(parts[2])
		record, ok := c.cfg.Record(s.Tenant, apiName, dataID)
		if err1 != nil || err2 != nil || !ok {
			c.refuse(w, l, http.StatusNotFound, l.t("There is no such record.", "没有这条记录。"))
			return
		}
		data["Kind"], data["Name"], data["Object"], data["DataID"] = record.Kind, record.Name, apiName, dataID
	default:
		c.refuse(w, l, http.StatusNotFound, l.t("There is no such page.", "没有这个页面。"))
		return
	}
	data["Device"] = l.t("computers", "电脑")
	if r.URL.Query().Get("device") == "mobile" {
		data["Device"] = l.t("phones", "手机")
	}
	c.show(w, l, http.StatusOK, data)
}

func (c *CRM) title(tenant string) string {
	if t := c.cfg.Titles[tenant]; t != "" {
		return t + " (" + tenant + ")"
	}
	return tenant
}

func (c *CRM) refuse(w http.ResponseWriter, l lang, status int, why string) {
	c.show(w, l, status, map[string]any{"Why": why, "No": l.t("The CRM lets you not in", "CRM 无法让您进入")})
}

func (c *CRM) show(w http.ResponseWriter, l lang, status int, data map[string]any) {
	data["Lang"], data["Title"], data["Simulated"] = string(l), "CRM", l.t("simulated", "模拟")
	show(w, c.pages, "crm.html", status, data)
}
