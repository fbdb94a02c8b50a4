package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"todosync/connector"
)

// Prefix stands before the path of every route of the API.
const Prefix = "/api/v1"

// What a request body may hold, in bytes, where a route does not say otherwise, and for files.
const (
	maxBody = 1 << 20
	maxFile = 32 << 20
)

// A Config is what an API needs. All of it is required but Now, Compile, Try, Recent, Note, Doctor, Backups, Metrics and MetricsOpen.
type Config struct {
	Auth    Authenticator
	Version string
	Log     *slog.Logger

	Records     Records
	ByHand      ByHand
	Events      Events
	Publisher   Publisher
	Settings    Settings
	Connections Connections
	Bindings    Bindings
	Importer    Importer
	Rejects     Rejects
	Digests     Digests
	Secrets     Secrets
	Tokens      Tokens
	Users       Users
	SignOns     SignOns
	// SignOnKeys makes a new key that signs tickets; nil: there is no such route.
	SignOnKeys func(ctx context.Context, atOnce bool, by By) error
	// Widget gives what a page needs to show a chat widget to a user; nil: there is no such route.
	Widget func(ctx context.Context, key connector.ConnectionKey, u WidgetUser, asToken bool) (WidgetPass, error)
	Stats  Statistics
	// Health looks at each part that the program needs. It must answer within seconds, whatever is away.
	Health func(ctx context.Context) []Part

	// Try tries a connection against its OA; nil: there is no such route. Of a stored one it takes the settings that run.
	Try func(ctx context.Context, k connector.ConnectionKey, stored bool, t connector.Trial) (connector.TrialReport, error)
	// Recent gives an accepted event whole: the one with an id, else the newest of a tenant and kind.
	Recent func(ctx context.Context, tenant string, kind connector.Kind, id string) (connector.StoredEvent, error)
	// Note adds an entry to the audit, for what is done outside of the store; nil: nothing is noted.
	Note func(ctx context.Context, e AuditEntry) error
	// Doctor looks at all parts, also at every connection's address; nil: there is no such route. It may take a minute.
	Doctor func(ctx context.Context, ask DoctorAsk) []Check
	// Backups makes copies of the store; nil: there is no such route.
	Backups Backups
	// Metrics answers GET /metrics; nil: there is no such route. MetricsOpen lets everybody ask, also without a token.
	Metrics     http.Handler
	MetricsOpen bool

	// Compile is what settings are checked and rendered with: the same as the worker's.
	Compile connector.CompileOptions
	Now     func() time.Time // time.Now by default
}

func (c *Config) validate() error {
	var problems []error
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		f := v.Field(i)
		switch name := v.Type().Field(i).Name; name {
		case "Now", "Compile", "Try", "Recent", "Note", "Doctor", "Backups", "Metrics", "MetricsOpen", "SignOnKeys", "Widget":
		default:
			if f.IsZero() {
				problems = append(problems, errors.New(name+": needed"))
			}
		}
	}
	return errors.Join(problems...)
}

// An API is the HTTP handler of all routes of this package.
type API struct {
	Config
	huma huma.API
	mux  *http.ServeMux

	stop sync.Once
	done chan struct{} // closed when the server shuts down, so that streams end
}

// New makes an API.
func New(cfg Config) (*API, error) {
	if err := cfg.validate(); err != nil {
		return nil, errors.Join(errors.New("make the API"), err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &API{Config: cfg, mux: http.NewServeMux(), done: make(chan struct{})}
	a.huma = humago.New(a.mux, a.describe())
	a.huma.UseMiddleware(speak, a.checkQuery, a.authenticate, a.checkEncoding)
	for _, register := range []func(){
		a.eventRoutes, a.recordRoutes, a.curlRoute, a.byHandRoutes, a.jobRoutes, a.tenantRoutes, a.connectionRoutes, a.revisionRoutes, a.settingsRoutes, a.renderRoutes, a.tryRoute, a.draftRoute, a.editRoutes, a.presetRoutes,
		a.bindingRoutes, a.rejectRoutes, a.digestRoutes, a.secretRoutes, a.tokenRoutes, a.userRoutes, a.meRoutes, a.signOnRoutes, a.widgetRoutes, a.statsRoutes, a.healthRoutes, a.metricsRoute, a.backupRoute, a.doctorRoute,
	} {
		register()
	}
	// huma registers its own shape of errors, too, which is never sent.
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	return a, nil
}

// describe is the head of /openapi.json.
func (a *API) describe() huma.Config {
	c := huma.DefaultConfig("todosync", a.Version)
	c.Info.Description = "Keeps the todo inbox of an OA in step with a CRM: events in, sync records out."
	c.DocsPath, c.SchemasPath = "", "" // huma's pages load scripts from other hosts
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{a.asProblem}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	return c
}

// Serves reports whether a path is the API's, be there a route or not.
func (a *API) Serves(r *http.Request) bool {
	_, pattern := a.mux.Handler(r)
	return pattern != "" || strings.HasPrefix(r.URL.Path, "/api/")
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := a.Now()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	h := seen.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	defer a.end(seen, r, began)
	if handler, pattern := a.mux.Handler(r); pattern == "" {
		a.noRoute(seen, r, handler)
		return
	}
	a.mux.ServeHTTP(seen, r)
}

// end is the end of each request: a panic becomes an answer, or breaks off one that was begun, and the log gets its line.
func (a *API) end(w *statusWriter, r *http.Request, began time.Time) {
	ctx := r.Context()
	if p := recover(); p != nil {
		if p != http.ErrAbortHandler { //nolint:errorlint // it is a panic's value, not an error
			a.Log.ErrorContext(ctx, "request failed", "method", r.Method, "route", r.Pattern, "panic", p, "stack", string(debug.Stack()))
		}
		if w.wrote {
			panic(http.ErrAbortHandler) // nothing more can be said; the client must see that the answer is cut
		}
		writeProblem(w, newProblem(http.StatusInternalServerError, "something went wrong here", "look at the log of the server"))
	}
	a.Log.DebugContext(ctx, "request", "method", r.Method, "route", r.Pattern, "status", w.status, "duration", a.Now().Sub(began))
}

// noRoute answers for what the mux does not know, in the form of all errors.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request, fallback http.Handler) {
	var said capture
	fallback.ServeHTTP(&said, r)
	write := func(p *Problem) {
		if WantsChinese(r.Header.Get("Accept-Language")) {
			p = p.translate()
		}
		writeProblem(w, p)
	}
	switch said.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", said.Header().Get("Allow"))
		write(newProblem(said.status, r.Method+" is not possible here", "use "+said.Header().Get("Allow")))
	case http.StatusNotFound:
		hint := "/openapi.json lists all routes"
		if !strings.HasPrefix(r.URL.Path, Prefix) {
			hint = "the routes of the API begin with " + Prefix + "; " + hint
		}
		write(newProblem(said.status, "there is no such route", hint))
	default: // a path that is not clean is sent on to the clean one
		fallback.ServeHTTP(w, r)
	}
}

// closeStreams ends the answers that have no end of their own.
func (a *API) closeStreams() { a.stop.Do(func() { close(a.done) }) }

// A statusWriter remembers what was answered, for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader remembers the status.
func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write remembers that something was written.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController its way.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A capture takes the head of an answer and drops the rest.
type capture struct {
	header http.Header
	status int
}

// Header gives the head.
func (c *capture) Header() http.Header {
	if c.header == nil {
		c.header = http.Header{}
	}
	return c.header
}

// Write drops b.
func (c *capture) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader takes the status.
func (c *capture) WriteHeader(status int) { c.status = status }

// A route is one operation of the API.
type route struct {
	method, path string // below Prefix
	id, summary  string
	need         Right
	status       int   // 200 where 0
	body         int64 // the most that a body may hold; maxBody where 0
}

// handle registers a route. Its handler's errors become problems by the table in error.go.
func handle[I, O any](a *API, r route, fn func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: Prefix + r.path, Summary: r.summary,
		DefaultStatus: r.status, MaxBodyBytes: maxBody + 1, // huma refuses a body that has as many bytes as the limit
		Tags:     []string{strings.Split(strings.TrimPrefix(r.path, "/"), "/")[0]},
		Metadata: map[string]any{needKey: r.need},
		Security: []map[string][]string{{"bearer": {}}},
	}
	if r.body > 0 {
		op.MaxBodyBytes = r.body + 1
	}
	if _, raw := reflect.TypeFor[I]().FieldByName("RawBody"); raw {
		// The handler reads the body itself, and can say of an empty one what is wrong with it; huma reads Required through this
		// pointer at each request.
		op.SkipValidateBody, op.RequestBody = true, &huma.RequestBody{}
		defer func() { op.RequestBody.Required = false }()
	}
	if op.MaxBodyBytes > 2*maxBody {
		op.BodyReadTimeout = 5 * time.Minute
	}
	register(a, op, fn)
}

func register[I, O any](a *API, op huma.Operation, fn func(context.Context, *I) (*O, error)) {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	op.Responses = map[string]*huma.Response{"default": {
		Description: "What is wrong, and what to do.",
		Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
	}}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, inLanguage(ctx, a.problem(ctx, op.OperationID, err))
		}
		return out, nil
	})
}
