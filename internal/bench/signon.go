package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the sign-ons of a run are made of.
const (
	signOnSecret  = "a-secret-of-signed-links"
	signOnUsers   = 1000
	signOnEvery   = 50   // each such link is opened once more, at the same time, at the other worker; its ticket is redeemed twice at once
	signOnClients = 64   // of the closed loop
	signOnFlight  = 512  // requests at once in the open loop, above which it is void
	signOnRate    = 1000 // a second
	barePaths     = 16   // connections of the bare limit to its database
)

// signOnMeasures are sign-ons by signed links with two workers on PostgreSQL, and beside them a page of Go that does one insert and commit
// per request.
func signOnMeasures() []measure {
	there := func(sizes) bool {
		_, err := postgresPrograms()
		return err == nil
	}
	var list []measure
	for _, open := range []bool{true, false} {
		name := "sign-on"
		if open {
			name = "sign-on at 1000/s"
		}
		list = append(list,
			measure{key: name + ", bare", when: there, run: func(ctx context.Context, b *bench) (result, error) { return b.bareSignOn(ctx, open) }},
			measure{key: name, when: there, run: func(ctx context.Context, b *bench) (result, error) { return b.signOn(ctx, open) }},
		)
	}
	return list
}

// A signOnPlan says where links are opened, and how many.
type signOnPlan struct {
	Servers []string `json:"servers"` // http://host:port
	Seconds float64  `json:"seconds"`
	Open    bool     `json:"open"` // at a fixed rate, else as fast as it goes
	Bare    bool     `json:"bare"` // nothing is opened twice or redeemed
	Token   string   `json:"token"`
}

// A signOnReport says how it went. Twice must be 0.
type signOnReport struct {
	LetIn    int      `json:"letIn"`
	Refused  int      `json:"refused"` // of links that nobody opened before
	Twice    int      `json:"twice"`   // links and tickets that were good twice
	Redeemed int      `json:"redeemed"`
	Seconds  float64  `json:"seconds"`
	P50      float64  `json:"p50"` // ms, in the open loop from when it was due
	P99      float64  `json:"p99"`
	Faults   []string `json:"faults"`
}

// signOn opens links at two workers that share a database.
func (b *bench) signOn(ctx context.Context, open bool) (r result, err error) {
	dsn, err := b.postgres(ctx)
	if err != nil {
		return r, err
	}
	store, err := freshDatabase(ctx, dsn)
	if err != nil {
		return r, err
	}
	dirs := []string{b.folder("sign-on-1"), b.folder("sign-on-2")}
	events := b.folder("sign-on-nats")
	defer func() {
		for _, dir := range append(dirs, events) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	broker, address, err := b.startNATS(ctx, natsPlan{Dir: events})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, broker.stop()) }()
	args := []string{"--store", store, "--key-file", filepath.Join(dirs[0], "key"), "--nats", address, "--public-url", "https://todo.example.com"}
	var workers []*product
	plan := signOnPlan{Seconds: b.sizes.OpenSeconds, Open: open}
	for i, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return r, err
		}
		if i == 0 {
			if err := os.WriteFile(filepath.Join(dir, "settings.yaml"), []byte(signOnSettings), 0o600); err != nil {
				return r, err
			}
			p, err := b.serve(ctx, dir, append(args, "--apply", filepath.Join(dir, "settings.yaml"))...)
			if err != nil {
				return r, err
			}
			err = errors.Join(signOnPeople(ctx, p), p.stop()) // so that the second worker reads all of it at its start
			if err != nil {
				return r, err
			}
		}
		p, err := b.serve(ctx, dir, args...)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		workers, plan.Servers = append(workers, p), append(plan.Servers, p.api)
	}
	var made struct{ Token string }
	if err := workers[0].call(ctx, http.MethodPost, "/api/v1/tokens", []byte(`{"name":"crm","scopes":["tickets:redeem"]}`), &made); err != nil {
		return r, err
	}
	plan.Token = made.Token
	before := workers[0].processor() + workers[1].processor()
	if err := b.openLinks(ctx, plan, &r); err != nil {
		return r, err
	}
	r.set("cpu", (workers[0].processor()+workers[1].processor()-before).Seconds()/r.Values["letIn"]*10_000)
	return r, nil
}

const signOnSettings = `apiVersion: todosync/v1
kind: Tenant
tenant: t1
signOn: {crmLoginUrl: "https://crm.example.com/login"}
---
apiVersion: todosync/v1
kind: Connection
tenant: t1
name: plant
signOn: {vendor: weaver, secret: "${secret:signon}"}
`

// signOnPeople gives a server the secret and the bindings.
func signOnPeople(ctx context.Context, p *product) error {
	var table bytes.Buffer
	table.WriteString("connection,crm_user_id,oa_account\n")
	for i := range signOnUsers {
		fmt.Fprintf(&table, "plant,crm%d,account%d\n", i, i)
	}
	if err := p.call(ctx, http.MethodPut, "/api/v1/secrets", []byte(`{"tenant":"t1","name":"signon","value":"`+signOnSecret+`"}`), nil); err != nil {
		return err
	}
	return p.call(ctx, http.MethodPost, "/api/v1/tenants/t1/bindings/import", table.Bytes(), nil)
}

// bareSignOn opens the same links at the page of Go.
func (b *bench) bareSignOn(ctx context.Context, open bool) (r result, err error) {
	dsn, err := b.postgres(ctx)
	if err != nil {
		return r, err
	}
	store, err := freshDatabase(ctx, dsn)
	if err != nil {
		return r, err
	}
	p, err := b.start(ctx, "bare sign-on", bareSignOnPlan{Store: store})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	var at string
	if err := p.hear(&at); err != nil {
		return r, err
	}
	return r, b.openLinks(ctx, signOnPlan{Servers: []string{at}, Seconds: b.sizes.OpenSeconds, Open: open, Bare: true}, &r)
}

// openLinks has a process of its own open links, and takes what it says into a result.
func (b *bench) openLinks(ctx context.Context, plan signOnPlan, r *result) error {
	p, err := b.start(ctx, "links", plan)
	if err != nil {
		return err
	}
	var done signOnReport
	if err := errors.Join(p.hear(&done), p.stop()); err != nil {
		return err
	}
	r.set("letIn", float64(done.LetIn))
	r.set("rate", float64(done.LetIn)/done.Seconds)
	r.set("p50", done.P50)
	r.set("p99", done.P99)
	r.set("twice", float64(done.Twice))
	r.set("redeemed", float64(done.Redeemed))
	r.Void = append(r.Void, done.Faults...)
	if done.Twice > 0 || done.Refused > 0 {
		r.Void = append(r.Void, fmt.Sprintf("%d links or tickets were good twice, %d good links were refused", done.Twice, done.Refused))
	}
	return nil
}

// A bareSignOnPlan says where the bare limit keeps what it has seen.
type bareSignOnPlan struct {
	Store string `json:"store"`
}

// runBareSignOn is the process of the bare limit: a signature checked, one row inserted and committed, one redirect. It keeps no log, knows no
// bindings and makes no ticket that could be redeemed.
func runBareSignOn(ctx context.Context, plan bareSignOnPlan, say func(any) error) error {
	conns := make(chan *pgx.Conn, barePaths)
	for i := range barePaths {
		conn, err := pgx.Connect(ctx, plan.Store)
		if err != nil {
			return err
		}
		if i == 0 {
			if _, err := conn.Exec(ctx, `CREATE TABLE seen (hash BYTEA PRIMARY KEY, at_ms BIGINT NOT NULL)`); err != nil {
				return err
			}
		}
		conns <- conn
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if linkToken(q.Get("loginid"), q.Get("stamp")) != q.Get("token") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		hash := sha256.Sum256([]byte(q.Get("token")))
		conn := <-conns
		defer func() { conns <- conn }()
		got, err := conn.Exec(r.Context(), `INSERT INTO seen (hash, at_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING`, hash[:], time.Now().UnixMilli())
		if err != nil || got.RowsAffected() != 1 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Location", "https://crm.example.com/login?ticket="+q.Get("token"))
		w.WriteHeader(http.StatusSeeOther)
	})}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := say("http://" + l.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func linkToken(login, stamp string) string {
	sum := sha1.Sum([]byte(signOnSecret + login + stamp)) //nolint:gosec // the scheme is the OA's
	return hex.EncodeToString(sum[:])
}

// A linkRunner opens links.
type linkRunner struct {
	plan   signOnPlan
	client *http.Client

	mu     sync.Mutex // guards what follows
	report signOnReport
	took   []float64
}

// runLinks is the process that opens links.
func runLinks(ctx context.Context, plan signOnPlan, say func(any) error) error {
	l := &linkRunner{plan: plan, client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: signOnFlight, MaxIdleConns: 2 * signOnFlight},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}}
	l.visit(ctx, plan.Servers[0], l.link(0)) // the first compiles the connection
	for _, s := range plan.Servers[1:] {
		l.visit(ctx, s, l.link(1))
	}
	l.report, l.took = signOnReport{}, nil
	start := time.Now()
	if plan.Open {
		l.openLoop(ctx, start)
	} else {
		l.closedLoop(ctx, start)
	}
	l.report.Seconds = time.Since(start).Seconds()
	if len(l.took) > 0 {
		t := sorted(l.took)
		l.report.P50, l.report.P99 = t[len(t)/2], t[len(t)*99/100]
	}
	return say(l.report)
}

// openLoop opens links at a fixed rate, whatever becomes of those before.
func (l *linkRunner) openLoop(ctx context.Context, start time.Time) {
	var all sync.WaitGroup
	var flight atomic.Int64
	for i := 2; ; i++ {
		due := start.Add(time.Duration(i-2) * time.Second / signOnRate)
		if due.Sub(start).Seconds() >= l.plan.Seconds || ctx.Err() != nil {
			break
		}
		if wait := time.Until(due); wait > 0 && !pause(ctx, wait) {
			break
		}
		if flight.Load() >= signOnFlight {
			l.fault("more than %d links are being opened at once", signOnFlight)
			break
		}
		flight.Add(1)
		all.Go(func() {
			defer flight.Add(-1)
			l.one(ctx, i, due)
		})
	}
	all.Wait()
}

// closedLoop opens the next link when one is done.
func (l *linkRunner) closedLoop(ctx context.Context, start time.Time) {
	var all sync.WaitGroup
	var next atomic.Int64
	next.Store(2)
	for range signOnClients {
		all.Go(func() {
			for time.Since(start).Seconds() < l.plan.Seconds && ctx.Err() == nil {
				l.one(ctx, int(next.Add(1)), time.Now())
			}
		})
	}
	all.Wait()
}

// link is the address of a link that nobody has opened before.
func (l *linkRunner) link(i int) string {
	login, stamp := "account"+strconv.Itoa(i%signOnUsers), strconv.FormatInt(time.Now().UnixMilli()-int64(i/signOnUsers%50), 10)
	return "/oa/weaver/t1/plant/todo/QuoteObj/" + strconv.Itoa(i) + "?" + url.Values{"loginid": {login}, "stamp": {stamp}, "token": {linkToken(login, stamp)}}.Encode()
}

// one opens a link, some of them twice at once, and redeems the tickets of those.
func (l *linkRunner) one(ctx context.Context, i int, due time.Time) {
	link, server := l.link(i), l.plan.Servers[i%len(l.plan.Servers)]
	if l.plan.Bare || i%signOnEvery != 0 {
		if ticket := l.visit(ctx, server, link); ticket == "" {
			l.count(func(r *signOnReport) { r.Refused++ })
			return
		}
		l.in(due)
		return
	}
	var both [2]string
	var twice sync.WaitGroup
	for n := range both {
		twice.Go(func() { both[n] = l.visit(ctx, l.plan.Servers[(i+n)%len(l.plan.Servers)], link) })
	}
	twice.Wait()
	ticket := both[0] + both[1]
	switch {
	case ticket == "":
		l.count(func(r *signOnReport) { r.Refused++ })
		return
	case both[0] != "" && both[1] != "":
		l.count(func(r *signOnReport) { r.Twice++ })
		return
	}
	l.in(due)
	var good atomic.Int64
	for n := range both {
		twice.Go(func() {
			if l.redeem(ctx, l.plan.Servers[n%len(l.plan.Servers)], ticket) {
				good.Add(1)
			}
		})
	}
	twice.Wait()
	l.count(func(r *signOnReport) {
		if r.Redeemed++; good.Load() > 1 {
			r.Twice++
		}
	})
	if good.Load() == 0 {
		l.fault("a ticket was good for nobody")
	}
}

func (l *linkRunner) count(f func(*signOnReport)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.report)
}

func (l *linkRunner) in(due time.Time) {
	took := float64(time.Since(due).Microseconds()) / 1000
	l.count(func(r *signOnReport) {
		r.LetIn++
		l.took = append(l.took, took)
	})
}

// fault notes what makes a run void, the first ten.
func (l *linkRunner) fault(format string, a ...any) {
	l.count(func(r *signOnReport) {
		if len(r.Faults) < 10 {
			r.Faults = append(r.Faults, fmt.Sprintf(format, a...))
		}
	})
}

// visit opens a link and gives the ticket that it leads to; empty: nobody is let in.
func (l *linkRunner) visit(ctx context.Context, server, link string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+link, nil)
	if err != nil {
		return ""
	}
	resp, err := l.client.Do(req)
	if err != nil {
		l.fault("%v", errors.Unwrap(err))
		return ""
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	to, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		if resp.StatusCode != http.StatusForbidden {
			l.fault("status %d", resp.StatusCode)
		}
		return ""
	}
	return to.Query().Get("ticket")
}

// redeem asks for whom a ticket is good.
func (l *linkRunner) redeem(ctx context.Context, server, ticket string) bool {
	body, _ := json.Marshal(map[string]string{"ticket": ticket}) // text always encodes
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/api/v1/tickets/redeem", strings.NewReader(string(body)))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+l.plan.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		l.fault("%v", errors.Unwrap(err))
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
		l.fault("redeeming: status %d", resp.StatusCode)
	}
	return resp.StatusCode == http.StatusOK
}
