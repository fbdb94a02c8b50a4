package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"todosync/connector/file"
	"todosync/web/api"
)

// agent is what the command line calls itself.
const agent = "todosync-cli"

// A client speaks to a server's HTTP API; no command reaches the store by another way.
type client struct {
	cli   *cli
	base  string
	token string
	http  *http.Client
}

// A server says where a client command finds its server; its members are flags.
type server struct {
	address, token, data string
}

// serverFlags gives cmd the flags of all commands that speak to a server.
func (c *cli) serverFlags(cmd *cobra.Command) *server {
	s := &server{}
	f := cmd.PersistentFlags()
	f.StringVar(&s.address, "server", "http://127.0.0.1:8080", c.t("address of the server", "服务器地址"))
	f.StringVar(&s.token, "token", "", c.t("token of the API; by default that in DATA/admin-token on the same machine",
		"API 令牌；默认读取本机 DATA/admin-token"))
	f.StringVar(&s.data, "data-dir", "./data", c.t("data folder of a server on the same machine", "本机服务器的数据目录"))
	return s
}

// connect makes the client. The token of the data folder is sent to this machine only.
func (c *cli) connect(s *server) (*client, error) {
	u, err := url.Parse(s.address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, &usageError{fmt.Sprintf(c.t("--server %s: want an address such as http://127.0.0.1:8080",
			"--server %s：应为 http://127.0.0.1:8080 这样的地址"), s.address), ""}
	}
	token := s.token
	if token == "" && onThisMachine(u.Hostname()) {
		b, err := os.ReadFile(filepath.Join(s.data, adminTokenFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, &failure{
				msg: c.t("cannot read the admin token", "无法读取管理员令牌"), err: err,
				hint: c.t("Use the account that the server runs as, or give --token.", "请使用运行服务器的账号，或用 --token 指定令牌。"),
			}
		}
		token = strings.TrimSpace(string(b))
	}
	return &client{cli: c, base: strings.TrimSuffix(u.String(), "/"), token: token, http: &http.Client{
		Timeout:       0, // lists and imports may be long; the caller's context ends them
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 2 * time.Minute,
		},
	}}, nil
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// path builds an API path from its parts, each escaped, so that no name can leave its place.
func path(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, s := range parts {
		escaped[i] = url.PathEscape(s)
	}
	return api.Prefix + "/" + strings.Join(escaped, "/")
}

// A call is one request to the API.
type call struct {
	method string
	path   string
	query  url.Values
	body   any // nil, io.Reader or what is sent as JSON
	media  string
	header http.Header
}

// do sends a call and reads the JSON of its answer into out, which may be nil.
func (a *client) do(ctx context.Context, r call, out any) error {
	resp, err := a.open(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil && !errors.Is(err, io.EOF) {
		return &failure{
			msg: fmt.Sprintf(a.cli.t("%s gave an answer that is no JSON", "%s 返回的内容不是 JSON"), a.base), err: err,
			hint: a.cli.t("Is that address a todosync server?", "该地址确实是 todosync 服务器吗？"),
		}
	}
	return nil
}

// open sends a call and gives the answer with its body unread; the caller closes it. Answers other than 2xx are errors.
func (a *client) open(ctx context.Context, r call) (*http.Response, error) {
	var body io.Reader
	media := r.media
	switch b := r.body.(type) {
	case nil:
	case io.Reader:
		body = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body, media = bytes.NewReader(raw), "application/json"
	}
	address := a.base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, r.header)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	req.Header.Set("Accept-Language", string(a.cli.lang))
	req.Header.Set("User-Agent", agent)
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, a.unreachable(ctx, err)
	}
	switch media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); {
	case resp.StatusCode/100 == 2 && media == "text/html": // a proxy's log-in page, say: no route answers so
		_ = resp.Body.Close()
		return nil, &failure{
			msg:  fmt.Sprintf(a.cli.t("%s answered with a page for browsers", "%s 返回的是网页"), a.base),
			hint: a.cli.t("Is that address a todosync server?", "该地址确实是 todosync 服务器吗？"),
		}
	case resp.StatusCode/100 == 2:
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, a.problem(resp)
}

// unreachable says in words why no answer came.
func (a *client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c := a.cli
	if errors.Is(err, syscall.ECONNREFUSED) {
		return &failure{
			msg:  fmt.Sprintf(c.t("no server answers at %s", "%s 没有服务器应答"), a.base),
			hint: c.t("Start one with `todosync serve`, or name another with --server.", "请先运行 `todosync serve`，或用 --server 指定其他地址。"),
		}
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &failure{
		msg: fmt.Sprintf(c.t("cannot reach %s", "无法连接 %s"), a.base), err: err,
		hint: c.t("Check the address given with --server.", "请检查 --server 给出的地址。"),
	}
}

// A problem is an error answer of the API (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
	Errors []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
		File    string `json:"file"` // of a settings file, with the place in it
		Line    int    `json:"line"`
		Column  int    `json:"column"`
	} `json:"errors"`
}

// An apiError is a refusal by the server, told as it said it.
type apiError struct {
	status int
	failure
}

func (e *apiError) Unwrap() error { return &e.failure }

// problem reads an error answer.
func (a *client) problem(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		raw = nil
	}
	return a.refusal(resp.StatusCode, resp.Status, raw)
}

// refusal puts a problem into words. status is what came instead where it is none.
func (a *client) refusal(code int, status string, raw []byte) error {
	c := a.cli
	var p problem
	e := &apiError{status: code}
	if json.Unmarshal(raw, &p) != nil || p.Status == 0 {
		e.msg = fmt.Sprintf(c.t("%s answered %s", "%s 应答 %s"), a.base, status)
		e.hint = c.t("Is that address a todosync server?", "该地址确实是 todosync 服务器吗？")
		return e
	}
	e.status = p.Status
	e.msg, e.hint = p.Detail, p.Hint
	if e.msg == "" {
		e.msg = p.Title
	}
	if len(p.Errors) == 1 && strings.HasSuffix(e.msg, p.Errors[0].Message) {
		e.msg = "" // the detail says the same
	}
	for _, d := range p.Errors {
		if d.File != "" {
			e.msg += "\n" + file.Problem{File: d.File, Line: d.Line, Column: d.Column, Path: d.Path, Message: d.Message}.String()
			continue
		}
		e.msg += "\n  " + strings.TrimPrefix(d.Path+": "+d.Message, ": ")
	}
	e.msg = strings.TrimSpace(e.msg)
	if e.status == http.StatusUnauthorized {
		e.hint = c.t("Give --token or TODOSYNC_TOKEN, or name the server's data folder with --data-dir.",
			"请用 --token 或 TODOSYNC_TOKEN 提供令牌，或用 --data-dir 指明服务器的数据目录。")
	}
	return e
}

// A paging holds the flags of a command that prints a list page by page.
type paging struct {
	limit  int
	cursor string
	all    bool
}

// pagingFlags gives cmd the flags of a list.
func (c *cli) pagingFlags(cmd *cobra.Command) *paging {
	p := &paging{}
	f := cmd.Flags()
	f.IntVar(&p.limit, "limit", 50, c.t("how many at most (1 to 1000)", "最多多少条（1 到 1000）"))
	f.StringVar(&p.cursor, "cursor", "", c.t("go on after an earlier page", "从上一页之后继续"))
	f.BoolVar(&p.all, "all", false, c.t("all pages", "所有页"))
	return p
}

// pages fetches a list: one page, or all of them, and leaves in the cli's more how to go on where there is more.
func (a *client) pages(ctx context.Context, path string, q url.Values, p *paging) ([]json.RawMessage, error) {
	if p.limit < 1 || p.limit > 1000 {
		return nil, &usageError{fmt.Sprintf(a.cli.t("--limit %d: want 1 to 1000", "--limit %d：应为 1 到 1000"), p.limit), ""}
	}
	q = maps.Clone(q) // the caller's may serve for another list
	q.Set("limit", strconv.Itoa(p.limit))
	if p.all {
		q.Set("limit", "1000")
	}
	cursor := p.cursor
	var items []json.RawMessage
	for {
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page struct {
			Items *[]json.RawMessage `json:"items"`
			Next  string             `json:"next"`
		}
		err := a.do(ctx, call{method: http.MethodGet, path: path, query: q}, &page)
		if e, ok := errors.AsType[*apiError](err); ok && e.status == http.StatusUnprocessableEntity {
			return nil, &usageError{e.msg, e.hint} // a list has nothing but its flags
		}
		if err != nil {
			return nil, err
		}
		if page.Items == nil {
			return nil, &failure{
				msg:  fmt.Sprintf(a.cli.t("%s gave an answer that is no list", "%s 返回的内容不是列表"), a.base),
				hint: a.cli.t("Is that address a todosync server?", "该地址确实是 todosync 服务器吗？"),
			}
		}
		items = append(items, *page.Items...)
		if page.Next == "" {
			return items, nil
		}
		if page.Next == cursor {
			return nil, &failure{msg: fmt.Sprintf(a.cli.t("%s gives the same page again and again", "%s 反复返回同一页"), a.base)}
		}
		if !p.all {
			a.cli.more = fmt.Sprintf(a.cli.t("There is more: --cursor %s, or --all", "还有更多：--cursor %s，或用 --all"), page.Next)
			return items, nil
		}
		cursor = page.Next
	}
}
