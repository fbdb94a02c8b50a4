package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/oasim"
	"todosync/testdata"
)

// The pace of the demo: between two events while the sample is played first, and when it goes on after that.
const (
	demoPace = 500 * time.Millisecond
	demoRest = 5 * time.Second
)

// A demo is one run of the demonstration. It is a client of its own server: settings, secrets, bindings and records go
// through the API, events through NATS.
type demo struct {
	c       *cli
	once    bool
	dataDir string
	listen  string
	nats    string

	app       *app
	api       *client
	sims      oas
	pages     *demoPages
	moved     map[string]string // address of a simulator as the sample has it, to where it is in this run
	conn      *nats.Conn
	publisher *intake.Publisher
	logFile   string
}

func (c *cli) demoCmd() *cobra.Command {
	d := &demo{c: c}
	cmd := &cobra.Command{
		Use: "demo", Short: c.t("Show it all at work, with simulated OAs and sample events", "用模拟 OA 和示例事件演示全部功能"), Args: c.args(0, 0, ""),
		Long: c.t(`Starts the worker with embedded NATS and SQLite, simulated OAs beside it, two tenants with their connections and bindings, and plays
sample events. It needs nothing and touches nothing but its data folder. Ctrl-C ends it.

With --once it plays the sample as fast as it goes, prints a summary, and exits with 0 if all went as the sample expects.`,
			`启动同步服务（内置 NATS 与 SQLite）、模拟 OA、两个租户及其连接和绑定，并播放示例事件。
除数据目录外不需要也不改动任何东西。按 Ctrl-C 结束。

使用 --once 时会尽快播放一遍并输出汇总；若全部符合预期则以 0 退出。`),
	}
	f := cmd.Flags()
	f.BoolVar(&d.once, "once", false, c.t("play the sample once, quickly, and check the outcome", "快速播放一遍并核对结果"))
	f.StringVar(&d.dataDir, "data-dir", "./data/demo", c.t("data folder of the demo", "演示所用的数据目录"))
	f.StringVar(&d.listen, "listen", "127.0.0.1:8080", c.t("where the API listens; another port where it is taken", "API 监听地址；被占用时改用其他端口"))
	f.StringVar(&d.nats, "nats-listen", "127.0.0.1:4222", c.t("where NATS listens; another port where it is taken", "NATS 监听地址；被占用时改用其他端口"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		err := d.run(cmd.Context())
		if err != nil && cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
			err = nil // Ctrl-C is how it ends
			if d.once {
				err = cmd.Context().Err()
			}
		}
		return err
	}
	return cmd
}

// run starts everything, plays the sample, and stops everything again.
func (d *demo) run(ctx context.Context) (err error) {
	private()
	if err := d.open(ctx); err != nil {
		return errors.Join(err, d.close())
	}
	// The server stops only after the players, so that what they ask last is answered.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	playing, quit := context.WithCancel(ctx)
	var server, screen sync.WaitGroup
	var served error
	server.Go(func() {
		defer quit() // without a server there is nothing to play to
		served = d.app.run(serving)
	})
	defer func() {
		quit()
		screen.Wait()
		stop()
		server.Wait()
		err = errors.Join(err, served, d.close())
	}()
	if err := d.prepare(playing); err != nil {
		return err
	}
	if !d.once {
		link, err := d.logInLink(playing)
		if err != nil {
			return err
		}
		d.greet(link)
		screen.Go(func() { d.watch(playing) })
		return d.playOn(playing)
	}
	return d.playOnce(playing)
}

// demoMark is the file by which a demo knows its own data folder.
const demoMark = "demo"

// claimFolder takes an empty folder, or one that a demo made: another may be that of a server, whose tenants are nobody's sample.
func (d *demo) claimFolder() error {
	mark := filepath.Join(d.dataDir, demoMark)
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	entries, err := os.ReadDir(d.dataDir)
	if err != nil {
		return &failure{msg: "cannot read the data folder " + d.dataDir, err: rootCause(err), hint: "Name another with --data-dir."}
	}
	if len(entries) > 0 {
		return &failure{
			msg:  fmt.Sprintf(d.c.t("%s holds files that no demo made", "%s 中有不属于演示的文件"), d.dataDir),
			hint: d.c.t("Name an empty or new folder with --data-dir: the demo adds tenants, bindings and events.", "请用 --data-dir 指定空目录或新目录：演示会写入租户、绑定和事件。"),
		}
	}
	if err := os.WriteFile(mark, []byte("This data folder belongs to todosync demo and may be deleted.\n"), 0o600); err != nil {
		return &failure{msg: "cannot write to the data folder " + d.dataDir, err: rootCause(err), hint: "Name another with --data-dir."}
	}
	return nil
}

// open starts the simulators and the server.
func (d *demo) open(ctx context.Context) error {
	if err := os.MkdirAll(d.dataDir, 0o700); err != nil {
		return &failure{msg: "cannot make the data folder " + d.dataDir, err: rootCause(err), hint: "Name another with --data-dir."}
	}
	if err := d.claimFolder(); err != nil {
		return err
	}
	d.logFile = filepath.Join(d.dataDir, "todosync.log")
	if err := d.simulate(ctx); err != nil {
		return err
	}
	cfg := defaults()
	cfg.dataDir, cfg.listen, cfg.natsListen = d.dataDir, freeOr(ctx, d.listen), freeOr(ctx, d.nats)
	cfg.publicURL = "http://" + cfg.listen
	cfg.drain = span(5 * time.Second)
	log, err := os.OpenFile(d.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if d.app, err = newApp(ctx, cfg, slog.New(slog.NewTextHandler(log, nil)), hooks{lookup: d.c.lookup}); err != nil {
		return errors.Join(err, log.Close())
	}
	d.app.stops = append([]func() error{log.Close}, d.app.stops...)
	d.api, err = d.c.connect(&server{address: d.app.address(), token: d.app.token})
	if err != nil {
		return err
	}
	if d.conn, err = intake.Dial(intake.DialConfig{URLs: d.app.nats.Addr(), ClientName: "demo CRM", Log: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	if d.publisher, err = intake.NewPublisher(intake.PublisherConfig{Conn: d.conn}); err != nil {
		return err
	}
	return d.openPages(ctx)
}

// simulate starts the OAs, each on its own port where that is free.
func (d *demo) simulate(ctx context.Context) error {
	d.moved = map[string]string{}
	for _, s := range testdata.Simulators() {
		conf := oasim.Config{Users: s.Users, User: s.User, Password: s.Password, Apps: s.Apps, SignOnSecret: s.SignOnSecret}
		if s.Name == "seeyon" {
			conf.Users = append(conf.Users, newcomerAccount)
		}
		o, err := startOA(ctx, s.Vendor, conf, freeOr(ctx, s.Listen))
		if err != nil {
			return err
		}
		d.sims = append(d.sims, o)
		d.moved[s.Listen] = o.address
	}
	return nil
}

// freeOr gives the address where its port is free, else one of the same host whose port is.
func freeOr(ctx context.Context, address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address // told by who listens
	}
	for _, at := range []string{address, net.JoinHostPort(host, "0")} {
		if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at); err == nil {
			at = l.Addr().String()
			if l.Close() == nil {
				return at
			}
		}
	}
	return address
}

// close ends what open started.
func (d *demo) close() error {
	if d.conn != nil {
		d.conn.Close()
	}
	var err error
	if d.app != nil {
		err = d.app.close()
	}
	if d.pages != nil {
		d.pages.close()
	}
	d.sims.close()
	return err
}

// prepare gives the server what an integrator would: secrets, settings, bindings.
func (d *demo) prepare(ctx context.Context) error {
	for tenant, secrets := range testdata.Secrets() {
		for name, value := range secrets {
			body := map[string]string{"tenant": tenant, "name": name, "value": value}
			if err := d.api.do(ctx, call{method: http.MethodPut, path: path("secrets"), body: body}, nil); err != nil {
				return fmt.Errorf("set secret %s of %s: %w", name, tenant, err)
			}
		}
	}
	if err := d.pages.letIn(ctx, d); err != nil {
		return err
	}
	files, err := settingsFiles(d.moved)
	if err != nil {
		return err
	}
	if _, err := d.api.applyFiles(ctx, files); err != nil {
		return fmt.Errorf("apply the sample's connections: %w", err)
	}
	for _, tenant := range testdata.Tenants() {
		var r importReport
		at := call{method: http.MethodPost, path: path("tenants", tenant, "bindings", "import"), media: "text/csv", body: bytes.NewReader(testdata.Bindings(tenant))}
		if err := d.api.do(ctx, at, &r); err != nil {
			return fmt.Errorf("import bindings of %s: %w", tenant, err)
		}
		if len(r.Errors) > 0 {
			return fmt.Errorf("import bindings of %s: row %d: %s", tenant, r.Errors[0].Row, r.Errors[0].Message)
		}
	}
	return d.reset(ctx)
}

// reset takes back what somebody may have tried in an earlier run of the same folder: a paused connection, the newcomer's binding.
func (d *demo) reset(ctx context.Context) error {
	items, err := d.api.pages(ctx, path("connections"), url.Values{}, &paging{limit: 1000, all: true})
	if err != nil {
		return err
	}
	for _, raw := range items {
		var c struct {
			Tenant, Name string
			Paused       bool
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("read the connection: %w", err)
		}
		at := path("tenants", c.Tenant, "connections", c.Name)
		if c.Paused {
			if err := d.api.do(ctx, call{method: http.MethodPost, path: at + "/resume"}, nil); err != nil {
				return fmt.Errorf("resume %s: %w", c.Name, err)
			}
		}
		if c.Tenant != newcomerTenant {
			continue
		}
		err := d.api.do(ctx, call{method: http.MethodDelete, path: at + "/bindings", query: url.Values{"user": {newcomer}}}, nil)
		if e, ok := errors.AsType[*apiError](err); err != nil && (!ok || e.status != http.StatusNotFound) {
			return fmt.Errorf("take the binding of %s back: %w", newcomer, err)
		}
	}
	return nil
}

// script has the OAs play their bad days anew.
func (d *demo) script() error {
	for i, s := range testdata.Simulators() {
		d.sims[i].sim.Unscript()
		if s.Script == nil {
			continue
		}
		if err := d.sims[i].sim.ScriptJSON(s.Script); err != nil {
			return fmt.Errorf("script the %s simulator: %w", s.Name, err)
		}
	}
	return nil
}

// publish puts an event on the stream as a CRM does.
func (d *demo) publish(ctx context.Context, e sampleEvent) (sequence uint64, duplicate bool, err error) {
	m := connector.Incoming{Subject: e.Subject(), Data: e.Raw, Header: map[string][]string{"Nats-Msg-Id": {intake.MessageID(e.Tenant, e.ID)}}}
	if sequence, duplicate, err = d.publisher.Publish(ctx, m); err != nil {
		return 0, false, fmt.Errorf("publish event %s: %w", e.ID, err)
	}
	return sequence, duplicate, nil
}

// settled waits until the earlier deliveries of an event's todo rest or have at least been tried: a create and a done that meet in the
// queue are never sent at all, and the sample is to show more than that.
func (d *demo) settled(ctx context.Context, tenant, todo string) error {
	q := url.Values{"tenant": {tenant}, "todo": {todo}, "state": {string(connector.Pending) + "," + string(connector.Sending)}}
	return d.until(ctx, func() (bool, error) {
		items, err := d.api.pages(ctx, path("records"), q, &paging{limit: 1000, all: true})
		return len(items) == 0, err
	})
}

// accepted waits until the server has read the stream up to a sequence.
func (d *demo) accepted(ctx context.Context, sequence uint64) error {
	return d.until(ctx, func() (bool, error) { return d.app.reader.Health(ctx).Position >= sequence, nil })
}

// until asks again and again, at a pace that is no burden.
func (d *demo) until(ctx context.Context, ok func() (bool, error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := ok(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
