package console

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"todosync/internal/identity"
	"todosync/web/api"
)

// A Config is what a Console needs. API, Door, Client and Log are required.
type Config struct {
	API     http.Handler // asked as whoever is signed in; see api.WithPrincipal
	Door    Door
	Log     *slog.Logger
	Version string

	Client    func(*http.Request) string // the browser's address
	PublicURL string                     // where browsers reach the console; empty: as they say
	OIDC      *identity.OIDC             // nil: people log in with passwords alone
	Provider  string                     // the name of the OIDC provider; empty: there is none

	Now func() time.Time // time.Now by default
}

// A Console is the handler of all pages.
type Console struct {
	Config
	mux     *http.ServeMux
	assets  *assets
	guard   *http.CrossOriginProtection
	paths   map[string]bool // of pages that are read, so that the navigation names none that is not there
	uploads uploads
}

// New makes a Console.
func New(cfg Config) (*Console, error) {
	var problems []error
	if cfg.API == nil {
		problems = append(problems, errors.New("API: needed"))
	}
	if cfg.Door == nil {
		problems = append(problems, errors.New("Door: needed"))
	}
	if cfg.Client == nil {
		problems = append(problems, errors.New("Client: needed"))
	}
	if cfg.Log == nil {
		problems = append(problems, errors.New("Log: needed"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, errors.Join(errors.New("make the console"), err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Console{Config: cfg, mux: http.NewServeMux(), guard: http.NewCrossOriginProtection(), paths: map[string]bool{}}
	var err error
	if o := origin(cfg.PublicURL); o != "" {
		if err := c.guard.AddTrustedOrigin(o); err != nil {
			return nil, fmt.Errorf("make the console: public address: %w", err)
		}
	}
	if c.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	c.mux.Handle("GET /assets/{name}", c.assets)
	c.sessionRoutes()
	c.overviewRoutes()
	c.bindingRoutes()
	c.digestRoutes()
	c.signOnRoutes()
	c.docsRoutes()
	c.connectionRoutes()
	c.recordRoutes()
	c.oneRecordRoutes()
	c.eventRoutes()
	c.jobRoutes()
	c.settingsRoutes()
	return c, nil
}

// Serves reports whether a path is the console's, so that one listener can have the API and the console.
func (c *Console) Serves(r *http.Request) bool {
	_, pattern := c.mux.Handler(r)
	return pattern != ""
}

// ServeHTTP answers one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if err := c.guard.Check(r); err != nil {
		v := c.visit(w, r)
		v.problem(&api.Problem{
			Status: http.StatusForbidden,
			Detail: v.T("This was sent from another site and was not carried out.", "这个操作来自其他网站，没有执行。"),
			Hint:   v.T("Do it on the console's own pages.", "请在控制台自己的页面上操作。"),
		})
		return
	}
	c.mux.ServeHTTP(w, r)
}

// Lost answers a browser that asks for a page that is not there. It tells who is not signed in no more than the way in.
func (c *Console) Lost(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "same-origin")
	v := c.visit(w, r)
	who, err := c.whose(r)
	if err != nil {
		v.problem(err)
		return
	}
	v.Who = who
	v.problem(&api.Problem{
		Status: http.StatusNotFound,
		Detail: v.T("There is no page at this address.", "这个地址没有页面。"),
		Hint:   v.T("It may have been mistyped, or what it showed is gone. The navigation leads to everything that is here.", "可能是地址有误，或内容已不存在。现有的页面都可以从导航进入。"),
	})
}

// page registers a route for who is signed in and has a right; everybody else is led to the log-in, or told so.
func (c *Console) page(pattern string, need api.Right, show func(*visit) error) {
	if path, read := strings.CutPrefix(pattern, "GET "); read {
		c.paths[strings.TrimSuffix(path, "{$}")] = true
	}
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := c.visit(w, r)
		who, err := c.whose(r)
		switch {
		case err != nil:
			v.problem(err)
			return
		case who == nil:
			v.toLogIn()
			return
		}
		v.Who, v.api = who, client{handler: c.API, who: who, chinese: v.Chinese}
		if !who.May(need) {
			v.problem(&api.Problem{
				Status: http.StatusForbidden,
				Detail: v.T("Your role does not allow this.", "您的角色没有这个权限。"),
				Hint:   v.T("Ask an admin for another role.", "请联系管理员调整角色。"),
			})
			return
		}
		if err := show(v); err != nil {
			v.problem(err)
		}
	})
}

// open registers a route for everybody.
func (c *Console) open(pattern string, show func(*visit) error) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := c.visit(w, r)
		if err := show(v); err != nil {
			v.problem(err)
		}
	})
}
