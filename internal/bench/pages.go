package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// pageMeasures are what the console's pages cost with very many records.
func pageMeasures() []measure {
	some := func(s sizes) bool { return s.PageRecords > 0 }
	many := func(s sizes) bool { return s.PageRecords > 0 && s.EveryRow }
	return []measure{
		{key: "pages", once: true, when: some, run: func(ctx context.Context, b *bench) (result, error) { return b.pages(ctx, b.sizes.Connections) }},
		{key: "pages, many connections", once: true, when: many, run: func(ctx context.Context, b *bench) (result, error) { return b.pages(ctx, b.sizes.Crowd) }},
	}
}

const (
	connectionName = "oa" // of every tenant, see connectionFile
	pageLooks      = 15   // how often each address is asked for
	samePages      = 4    // addresses of one kind of page, such as records
	kindsOfPages   = 100  // more of them means that addresses of one page are taken for several
)

// pages fills a store with records and opens every page of the console that a person can reach from the first one, and the list of records
// by each filter. It tells the slowest median and the heaviest first paint.
func (b *bench) pages(ctx context.Context, connections int) (r result, err error) {
	dir := b.folder("pages")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	few := *b
	few.sizes.Connections, few.sizes.Records = connections, b.sizes.PageRecords
	if err := few.prepareRecords(ctx, dir, b.oa.OA, b.sizes.PageRecords); err != nil {
		return r, err
	}
	p, err := b.serve(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	reader, err := p.logIn(ctx)
	if err != nil {
		return r, err
	}
	found, dead, err := reader.crawl(ctx)
	if err != nil {
		return r, err
	}
	if len(dead) > 0 {
		r.Void = append(r.Void, fmt.Sprintf("links lead nowhere: %v", slices.Sorted(maps.Keys(dead))))
	}
	for _, s := range searches(few.sizes) {
		for range samePages {
			found["records by "+s.name] = append(found["records by "+s.name], "/records?"+s.values().Encode())
		}
	}
	worst, heaviest := "", ""
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		var took []float64
		var weight paint
		for i := range pageLooks {
			seen, err := reader.open(ctx, found[kind][i%len(found[kind])])
			if err != nil {
				return r, fmt.Errorf("%s: %w", kind, err)
			}
			took = append(took, seen.took.Seconds()*1000)
			if i == 0 {
				if weight, err = reader.paint(ctx, seen); err != nil {
					return r, fmt.Errorf("%s: %w", kind, err)
				}
			}
		}
		r.set("ms "+kind, median(took))
		r.set("KB "+kind, weight.sent/1000)
		r.set("plain KB "+kind, weight.plain/1000)
		if worst == "" || r.Values["ms "+kind] > r.Values["ms "+worst] {
			worst = kind
		}
		if heaviest == "" || weight.sent/1000 > r.Values["KB "+heaviest] {
			heaviest = kind
		}
	}
	r.set("kinds", float64(len(found)))
	r.set("worstMedian", r.Values["ms "+worst])
	r.set("heaviest", r.Values["KB "+heaviest])
	r.set("heaviestPlain", r.Values["plain KB "+heaviest])
	b.say("    the slowest of %d kinds of pages is %s, the heaviest %s", len(found), worst, heaviest)
	return r, nil
}

// A pageReader is a browser, as far as it asks: it keeps cookies.
type pageReader struct {
	base   string
	client *http.Client
}

// logIn makes an admin and logs him in.
func (p *product) logIn(ctx context.Context) (*pageReader, error) {
	const name, password = "bench", "as many words as it takes"
	user, err := json.Marshal(map[string]string{"name": name, "role": "admin", "password": password})
	if err != nil {
		return nil, err
	}
	if err := p.call(ctx, http.MethodPost, "/api/v1/users", user, nil); err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	r := &pageReader{base: p.api, client: &http.Client{Jar: jar}}
	form := url.Values{"name": {name}, "password": {password}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.api+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.Path == "/login" {
		return nil, fmt.Errorf("the log-in is answered with %s", res.Status)
	}
	return r, nil
}

// A page is what a reader got.
type page struct {
	at    *url.URL // after redirects
	body  []byte
	bytes int // as sent
	took  time.Duration
}

// open asks for a page as a browser does and reads it to its end.
func (r *pageReader) open(ctx context.Context, path string) (page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return page{}, err
	}
	req.Header.Set("Accept", "text/html,*/*;q=0.8")
	req.Header.Set("Accept-Encoding", "gzip") // set here, it is left to us to unpack, so that what was sent can be counted
	began := time.Now()
	res, err := r.client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	got := page{at: res.Request.URL, body: body, bytes: len(body), took: time.Since(began)}
	if err != nil {
		return got, err
	}
	if res.StatusCode != http.StatusOK {
		return got, fmt.Errorf("%s answers %s", path, res.Status)
	}
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return got, err
		}
		if got.body, err = io.ReadAll(z); err != nil {
			return got, err
		}
	}
	return got, nil
}

// crawl follows the links from the first page and gives some addresses of each kind of page, and what is wrong with those that lead nowhere.
func (r *pageReader) crawl(ctx context.Context) (found map[string][]string, dead map[string]error, err error) {
	links, spared := regexp.MustCompile(`<a\s[^>]*?href="(/[^"]*)"`), regexp.MustCompile(`^/(api|assets|docs|openapi)|export|stream|/download`)
	found, dead = map[string][]string{}, map[string]error{}
	queue, asked, known := []string{"/"}, map[string]bool{"/": true}, map[string]int{"/": 1}
	for ; len(queue) > 0; queue = queue[1:] {
		p, err := r.open(ctx, queue[0])
		if ctx.Err() != nil {
			return nil, nil, err
		}
		if err != nil {
			dead[kindOfPage(queue[0])] = err
			continue
		}
		kind := kindOfPage(queue[0])
		found[kind] = append(found[kind], queue[0])
		for _, m := range links.FindAllSubmatch(p.body, -1) {
			link := html.UnescapeString(string(m[1]))
			kind := kindOfPage(link)
			if asked[link] || spared.MatchString(link) || known[kind] >= samePages {
				continue
			}
			asked[link] = true
			known[kind]++
			queue = append(queue, link)
		}
		if len(known) > kindsOfPages {
			return nil, nil, fmt.Errorf("more than %d kinds of pages: %v", kindsOfPages, slices.Sorted(maps.Keys(known)))
		}
	}
	return found, dead, nil
}

// kindOfPage is an address without what tells pages of one kind apart: numbers, ids, names, and the values of parameters.
func kindOfPage(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return link
	}
	steps := strings.Split(u.Path, "/")
	for i, s := range steps {
		if strings.ContainsAny(s, "0123456789") || s == connectionName {
			steps[i] = ":"
		}
	}
	var names []string
	for name, values := range u.Query() {
		if cmp.Or(values...) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	kind := strings.Join(steps, "/")
	if kind == "/records" && len(names) > 1 { // the search has measures of its own for filters together
		names = []string{"filters"}
	}
	if len(names) > 0 {
		kind += "?" + strings.Join(names, "&")
	}
	return kind
}

// A paint is how many bytes a browser without a cache loads before it shows a page: the page, its styles, its scripts.
type paint struct{ sent, plain float64 }

func (r *pageReader) paint(ctx context.Context, p page) (paint, error) {
	sum := paint{sent: float64(p.bytes), plain: float64(len(p.body))}
	parts := regexp.MustCompile(`<(?:link rel="stylesheet" href|script src)="(/[^"]*)"`)
	for _, m := range parts.FindAllSubmatch(p.body, -1) {
		part, err := r.open(ctx, html.UnescapeString(string(m[1])))
		if err != nil {
			return sum, err
		}
		sum.sent += float64(part.bytes)
		sum.plain += float64(len(part.body))
	}
	return sum, nil
}
