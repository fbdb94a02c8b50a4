package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"todosync/web/api"
)

// A client asks the API as somebody.
type client struct {
	handler http.Handler
	who     *api.Principal
	chinese bool // the language of what goes wrong
}

// A request to the API. Path is below api.Prefix, its segments escaped (see segments).
type request struct {
	method, path string
	query        url.Values
	body         any // written as JSON; an io.Reader is sent as it is, with contentType
	contentType  string
	header       http.Header
	head         *http.Header // what the answer's head is put into; nil: nobody looks at it
}

// segments joins and escapes the parts of a path.
func segments(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}

// get asks for something and decodes it into out.
func (c client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, request{method: http.MethodGet, path: path, query: query}, out)
}

// post sends something and decodes the answer into out, unless it is nil.
func (c client) post(ctx context.Context, path string, body, out any) error {
	return c.do(ctx, request{method: http.MethodPost, path: path, body: body}, out)
}

// follow is get of what changes: place is from where on the feed of changes tells what has happened to it since.
func (c client) follow(ctx context.Context, path string, query url.Values, out any) (place string, err error) {
	var head http.Header
	err = c.do(ctx, request{method: http.MethodGet, path: path, query: query, head: &head}, out)
	return head.Get("Last-Event-ID"), err
}

// do carries a request out. An answer that is not 2xx becomes an *api.Problem.
func (c client) do(ctx context.Context, r request, out any) error {
	req, err := c.request(ctx, r)
	if err != nil {
		return err
	}
	answer := answer{header: http.Header{}, status: http.StatusOK}
	c.handler.ServeHTTP(&answer, req)
	if err := answer.failed(r.path); err != nil {
		return err
	}
	if r.head != nil {
		*r.head = answer.header
	}
	if out == nil || answer.body.Len() == 0 {
		return nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = answer.body.Bytes()
		return nil
	}
	if err := json.Unmarshal(answer.body.Bytes(), out); err != nil {
		return fmt.Errorf("read the API's answer to %s: %w", r.path, err)
	}
	return nil
}

// request makes a request to the API of one that a page asks.
func (c client) request(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	contentType := r.contentType
	switch b := r.body.(type) {
	case nil:
	case io.Reader:
		body = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("ask the API: %w", err)
		}
		body, contentType = bytes.NewReader(raw), "application/json"
	}
	u := url.URL{RawQuery: r.query.Encode()}
	req, err := http.NewRequestWithContext(api.WithPrincipal(ctx, c.who), r.method, api.Prefix+r.path+"?"+u.RawQuery, body)
	if err != nil {
		return nil, fmt.Errorf("ask the API: %w", err)
	}
	maps.Copy(req.Header, r.header)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.chinese {
		req.Header.Set("Accept-Language", "zh")
	}
	return req, nil
}

// lines carries a request out whose answer comes in lines of JSON, and gives each of them as soon as it is there.
func (c client) lines(ctx context.Context, r request, each func(line []byte)) error {
	r.header = http.Header{"Accept": {"application/x-ndjson"}}
	req, err := c.request(ctx, r)
	if err != nil {
		return err
	}
	answer := lines{answer: answer{header: http.Header{}, status: http.StatusOK}, each: each}
	c.handler.ServeHTTP(&answer, req)
	return answer.failed(r.path)
}

// ready asks what the program needs and whether it is there, part by part.
func (c client) ready(ctx context.Context) ([]api.Part, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/readyz", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask whether all is ready: %w", err)
	}
	answer := answer{header: http.Header{}, status: http.StatusOK}
	c.handler.ServeHTTP(&answer, req)
	var out struct {
		Parts []api.Part `json:"parts"`
	}
	if err := json.Unmarshal(answer.body.Bytes(), &out); err != nil {
		return nil, fmt.Errorf("read whether all is ready: status %d: %w", answer.status, err)
	}
	return out.Parts, nil
}

// pass hands an endless or large answer of the API straight to the browser: server-sent events, exports. Who reads it is asked anew now and then.
func (v *visit) pass(path string, query url.Values) {
	c, w, r := v.api, v.w, v.r
	standing := func(ctx context.Context) (*api.Principal, error) { return v.console.still(r.WithContext(ctx)) }
	inner := r.Clone(api.WithStanding(r.Context(), c.who, standing))
	inner.URL.Path, inner.URL.RawPath, inner.URL.RawQuery = api.Prefix+path, "", query.Encode()
	inner.Header = http.Header{"Accept": r.Header["Accept"], "Last-Event-Id": r.Header["Last-Event-Id"]}
	inner.RequestURI = ""
	c.handler.ServeHTTP(w, inner)
}

// An answer holds what the API said.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// failed is the problem that the API has answered with; nil: it has done what was asked.
func (a *answer) failed(path string) error {
	if a.status >= 200 && a.status <= 299 {
		return nil
	}
	p := &api.Problem{}
	if err := json.Unmarshal(a.body.Bytes(), p); err != nil || p.Status == 0 {
		return fmt.Errorf("ask the API for %s: status %d without a problem", path, a.status)
	}
	return p
}

// lines is an answer of which each line is handed on; that of a failure is kept.
type lines struct {
	answer
	each func([]byte)
}

// Write implements http.ResponseWriter.
func (l *lines) Write(b []byte) (int, error) {
	n, _ := l.body.Write(b) // a buffer takes everything
	for l.status >= 200 && l.status <= 299 {
		end := bytes.IndexByte(l.body.Bytes(), '\n')
		if end < 0 {
			break
		}
		l.each(l.body.Next(end + 1))
	}
	return n, nil
}

// Flush implements http.Flusher: nothing is held back.
func (l *lines) Flush() {}

// A list is a page of a list of the API.
type list[T any] struct {
	Items      []T       `json:"items"`
	Next       string    `json:"next"`
	SearchedTo time.Time `json:"searchedTo"` // of a search that stopped for its time
}
