package signon

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"todosync/connector"
)

// RegisterPath is the old address at which an OA's vendor has an app's secret registered: ?appId=&secret=[&dataCenterId=]. Who opens it
// changes nothing.
const RegisterPath = "/erp/syncdata/oa/permit/webhook/addInfo"

// A Registration is an app of the OA, with its secret.
type Registration struct {
	AppID      string
	Secret     string
	Connection string // its name; empty: the one that has the app
}

// Registered says where a secret was put.
type Registered struct{ Tenant, Connection, Secret string }

// A Registrar lets admins hand secrets over.
type Registrar interface {
	// Admin names the admin whose session a request bears; empty: it bears none.
	Admin(r *http.Request) (name string, err error)
	// Register sets the secret of the connection that has the app, as the admin whom the token is of, or without one the session. An error of
	// kind Forbidden: he is no admin.
	Register(r *http.Request, token string, reg Registration) (Registered, error)
}

// A RegisterPage is the page at RegisterPath. What the address brings is filled in, and taken out of the address at once; an admin's form alone
// changes something.
type RegisterPage struct {
	registrar Registrar
	log       *slog.Logger
	pages     *template.Template
	guard     *http.CrossOriginProtection
}

// NewRegisterPage makes a RegisterPage.
func NewRegisterPage(registrar Registrar, log *slog.Logger) (*RegisterPage, error) {
	if registrar == nil || log == nil {
		return nil, errors.New("make the registration page: a registrar and a log are needed")
	}
	pages, err := template.ParseFS(pages, "*.html", "*.css")
	if err != nil {
		return nil, fmt.Errorf("make the registration page: %w", err)
	}
	return &RegisterPage{registrar: registrar, log: log, pages: pages, guard: http.NewCrossOriginProtection()}, nil
}

// ServeHTTP shows the form, or takes it.
func (p *RegisterPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	switch r.Method {
	case http.MethodHead:
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet:
		q := r.URL.Query()
		p.show(w, r, http.StatusOK, map[string]any{"AppID": cutTo(q.Get("appId")), "Secret": cutTo(q.Get("secret")), "Connection": cutTo(q.Get("dataCenterId"))})
	case http.MethodPost:
		p.take(w, r)
	default:
		notAllowed(w, "GET, POST")
	}
}

// cutTo bounds what an address fills in.
func cutTo(s string) string {
	if len(s) > maxProof {
		return ""
	}
	return s
}

// take hands a secret over.
func (p *RegisterPage) take(w http.ResponseWriter, r *http.Request) {
	if err := p.guard.Check(r); err != nil {
		p.show(w, r, http.StatusForbidden, map[string]any{"Problem": inLanguage(r, "The form came from another page.", "表单来自其他网站。")})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.show(w, r, http.StatusBadRequest, map[string]any{"Problem": inLanguage(r, "The form cannot be read.", "无法读取表单。")})
		return
	}
	form := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	reg := Registration{AppID: form("appId"), Secret: form("secret"), Connection: form("dataCenterId")}
	filled := map[string]any{"AppID": reg.AppID, "Secret": reg.Secret, "Connection": reg.Connection}
	if reg.AppID == "" || reg.Secret == "" {
		filled["Problem"] = inLanguage(r, "The app's id and its secret are needed.", "需要 appId 和 secret。")
		p.show(w, r, http.StatusUnprocessableEntity, filled)
		return
	}
	done, err := p.registrar.Register(r, form("token"), reg)
	if err != nil {
		status := http.StatusUnprocessableEntity
		switch connector.KindOf(err) {
		case connector.Unavailable:
			status = http.StatusServiceUnavailable
		case connector.Forbidden:
			status = http.StatusForbidden
			filled["Secret"] = "" // it is not shown to who has no right to set it
		case connector.NotFound:
			status = http.StatusNotFound
		case connector.Conflict:
			status = http.StatusConflict
		default:
		}
		said := inLanguage(r, "It could not be saved; the log says why.", "无法保存，原因见日志。")
		if e, ok := errors.AsType[*connector.Error](err); ok {
			said = strings.TrimSpace(e.Msg + ". " + e.Hint)
		}
		p.log.WarnContext(r.Context(), "app not registered", "app", reg.AppID, "connection", reg.Connection, "error", err)
		filled["Problem"] = said
		p.show(w, r, status, filled)
		return
	}
	p.log.InfoContext(r.Context(), "app registered", "app", reg.AppID, "tenant", done.Tenant, "connection", done.Connection, "secret", done.Secret)
	p.show(w, r, http.StatusOK, map[string]any{"Done": fmt.Sprintf(
		inLanguage(r, "Secret %[3]s of tenant %[1]s is set; connection %[2]s uses it from now on.", "已设置租户 %[1]s 的密钥 %[3]s，连接 %[2]s 即刻使用。"), done.Tenant, done.Connection, done.Secret,
	)})
}

// inLanguage is a text in the browser's language, Chinese by default.
func inLanguage(r *http.Request, en, zh string) string {
	if (&visit{r: r}).language() == connector.English {
		return en
	}
	return zh
}

// show answers with the page.
func (p *RegisterPage) show(w http.ResponseWriter, r *http.Request, status int, data map[string]any) {
	t := func(en, zh string) string { return inLanguage(r, en, zh) }
	admin, err := p.registrar.Admin(r)
	if err != nil {
		p.log.WarnContext(r.Context(), "session not read", "error", err)
	}
	nonce := newNonce()
	maps.Copy(data, map[string]any{
		"Lang": t("en", "zh-CN"), "Nonce": nonce, "Admin": admin, "Action": RegisterPath,
		"Title": t("Register an app of the OA", "登记 OA 应用"), "What": t("The OA gave this out for its app. It is saved when an admin confirms it.", "以下内容由 OA 应用提供，经管理员确认后才会保存。"),
		"AppIDLabel": t("App id", "应用 ID（appId）"), "SecretLabel": t("Secret", "密钥（secret）"),
		"ConnectionLabel": t("Connection (where several have this app)", "连接名称（多个连接使用该应用时填写）"), "TokenLabel": t("Your admin token", "管理员令牌"),
		"TokenHint": t("The server's own is in its file admin-token; or log in to the console first.", "服务器令牌在 admin-token 文件中；也可先登录控制台。"),
		"As":        t("You confirm as", "确认人"), "Button": t("Confirm", "确认"),
	})
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	var b bytes.Buffer
	if err := p.pages.ExecuteTemplate(&b, "register.html", data); err != nil {
		p.log.ErrorContext(r.Context(), "page not made", "page", "register.html", "error", err)
		status = http.StatusServiceUnavailable
		b.Reset()
	}
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that went away sees nothing
}
