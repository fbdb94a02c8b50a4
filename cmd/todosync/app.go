package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/identity"
	"todosync/internal/metrics"
	"todosync/internal/natsserver"
	"todosync/notify"
	"todosync/retry"
	"todosync/store"
	"todosync/web/signon"
)

// httpGrace is how long a stop waits for API requests under way.
const httpGrace = 3 * time.Second

// An app is the whole program of `serve`, wired: NATS, reader, store, worker and API on one data folder. Tests start it as the
// command does.
type app struct {
	cfg    config
	log    *slog.Logger
	lookup func(string) (string, bool) // environment
	token  string                      // of the admin
	folder *folder

	keyChange keyChange

	started started

	stopping atomic.Bool // nothing new is taken
	lost     bool        // run ended because the data folder is gone: nothing more may be written where it was

	store     *store.DB
	nats      *natsserver.Server // nil where NATS is somebody else's
	conn      *nats.Conn
	mark      *intake.Mark // nil: how far the stream has come is not remembered
	reader    *intake.Reader
	publisher *intake.Publisher
	worker    *connector.Worker
	jobs      *connector.JobWorker
	tidying   *connector.Housekeeping
	door      *doorway
	outlets   *notify.Outlets
	gateway   *signon.Gateway
	digester  *notify.Digester
	egress    *retry.Egress
	cluster   *cluster // nil: this process is alone
	listener  net.Listener
	http      *http.Server
	metrics   *metrics.Metrics

	// stops undo what newApp did, last first; close runs them once.
	stops []func() error
}

// hooks are what a command hangs into an app beside its settings.
type hooks struct {
	lookup  func(string) (string, bool)                     // environment, for ${env:NAME}
	observe func(ctx context.Context, o connector.Observed) // told of each attempt after its outcome is stored; optional
}

// newApp opens everything in the order in which it depends on each other. Where a step fails, what was opened before is closed again.
func newApp(ctx context.Context, cfg config, log *slog.Logger, h hooks) (_ *app, err error) {
	a := &app{cfg: cfg, log: log, lookup: h.lookup, started: started{time.Now()}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.folder, err = lockFolder(cfg.dataDir, time.Now()); err != nil {
		return nil, err
	}
	a.undo(a.folder.Close)
	clearBackups(cfg.dataDir, log)
	if a.token, err = adminToken(cfg.dataDir, log); err != nil {
		return nil, err
	}
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	if err := a.openMetrics(ctx); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx); err != nil { // before NATS, which asks it what is planned
		return nil, err
	}
	if err := a.openNATS(ctx); err != nil {
		return nil, err
	}
	if err := a.openPipeline(h); err != nil {
		return nil, err
	}
	door, err := identity.NewDoor(identity.Config{Desk: a.store, Log: log})
	if err != nil {
		return nil, err
	}
	a.door = &doorway{Door: door, file: filepath.Join(cfg.dataDir, firstAdminFile)}
	return a, a.openAPI()
}

// undo adds a step to what close does.
func (a *app) undo(f func() error) { a.stops = append(a.stops, f) }

// close undoes what newApp did, in the reverse order. It may be called twice.
func (a *app) close() error {
	var errs []error
	for len(a.stops) > 0 {
		last := len(a.stops) - 1
		f := a.stops[last]
		a.stops = a.stops[:last]
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// listen takes the API's port first of all: that it is taken should be known before anything is opened.
func (a *app) listen(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.listen)
	if err != nil {
		e := &connector.Error{
			Kind: connector.Unavailable, Op: "start the API", Msg: "cannot listen on " + a.cfg.listen,
			Hint: "Give an address of this machine with --listen.", Err: rootCause(err),
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			e.Kind, e.Msg, e.Err = connector.Conflict, a.cfg.listen+" is taken by another program", nil
			e.Hint = "Stop that program, or give another address with --listen."
		}
		return e
	}
	if a.cfg.tlsCert != "" {
		cert, err := tls.LoadX509KeyPair(a.cfg.tlsCert, a.cfg.tlsKey)
		if err != nil {
			return errors.Join(&connector.Error{Kind: connector.Invalid, Op: "start the API", Msg: "--tls-cert and --tls-key: " + err.Error()}, l.Close())
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}})
	}
	a.listener = l
	a.undo(func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// address is where the API is reached from this machine.
func (a *app) address() string {
	scheme := "http://"
	if a.cfg.tlsCert != "" {
		scheme = "https://"
	}
	addr, ok := a.listener.Addr().(*net.TCPAddr)
	if !ok {
		return scheme + a.listener.Addr().String()
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}

// openNATS starts the embedded NATS or dials the operator's.
func (a *app) openNATS(ctx context.Context) error {
	password := a.cfg.natsPassword
	if f := a.cfg.natsPasswordFile; f != "" {
		b, err := os.ReadFile(f)
		if err != nil {
			return &connector.Error{Kind: connector.Invalid, Op: "connect to NATS", Msg: "--nats-password-file cannot be read", Err: rootCause(err)}
		}
		password = strings.TrimSpace(string(b))
	}
	var err error
	if !a.cfg.embedded() {
		a.conn, err = intake.Dial(intake.DialConfig{
			URLs: a.cfg.nats, Creds: a.cfg.natsCreds, CA: a.cfg.natsTLSCA, User: a.cfg.natsUser, Password: password,
			ClientName: "todosync worker", Log: a.log,
		})
		if err != nil {
			return err
		}
		a.undo(func() error { a.conn.Close(); return nil })
		return nil
	}
	interval, err := a.cfg.syncInterval()
	if err != nil {
		return err
	}
	var found func(connector.Stream, uint64)
	if interval == 0 { // else a power cut may take the newest events, which was accepted with the setting
		if a.mark, err = intake.OpenMark(filepath.Join(a.cfg.dataDir, markFile)); err != nil {
			return err
		}
		found = a.mark.Found
	}
	a.nats, err = natsserver.Start(ctx, natsserver.Config{
		StoreDir: filepath.Join(a.cfg.dataDir, streamFolder), Listen: a.cfg.natsListen, ConfigFile: a.cfg.natsConfig,
		MaxStore: max(2*int64(a.cfg.streamMaxBytes), natsserver.DefaultMaxStore), SyncInterval: interval,
		User: a.cfg.natsUser, Password: password, Log: a.log,
		Found: found,
		Planned: func(s connector.Stream) uint64 {
			position, err := a.store.Position(ctx, s.String())
			if err != nil {
				return 0 // then all is checked
			}
			return position
		},
	})
	if err != nil {
		return err
	}
	a.undo(func() error { a.nats.Close(); return nil })
	if a.conn, err = a.nats.Connect("todosync worker", intake.Options(a.log)...); err != nil {
		return err
	}
	a.undo(func() error { a.conn.Close(); return nil })
	return nil
}

func (a *app) openStore(ctx context.Context) error {
	path := filepath.Join(a.cfg.dataDir, storeFile)
	given, err := a.keys()
	if err != nil {
		return err
	}
	a.store, err = store.Open(ctx, store.Config{
		Path: path, Address: a.cfg.storeAddress, Key: given.keys[0], OldKeys: given.keys[1:], Log: a.log, Worker: a.name(), Wake: a.changed, Followed: a.followed, Changed: a.recordsChanged, Failing: a.failing, Committed: a.metrics.Committed,
		Compile: connector.CompileOptions{Env: a.env(), PublicURL: a.cfg.publicURL},
		Keys:    func() ([][]byte, error) { k, err := a.keys(); return k.keys, err },
	})
	if err != nil {
		return err
	}
	a.undo(a.store.Close)
	a.endKeyChange(ctx)
	if a.cfg.shared() {
		return nil
	}
	return a.folder.keep(path)
}

// env gives ${env:NAME} the names that --env-allow lists, and no others.
func (a *app) env() func(string) (string, bool) {
	allowed := map[string]bool{}
	for _, name := range a.cfg.envAllow {
		allowed[name] = true
	}
	return func(name string) (string, bool) {
		if !allowed[name] {
			return "", false
		}
		return a.lookup(name)
	}
}

// name is this worker's name in records.
func (a *app) name() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// openPipeline makes what takes events from the stream and what sends deliveries.
func (a *app) openPipeline(h hooks) error {
	egress, err := retry.NewEgress(retry.EgressConfig{Deny: a.cfg.egressDeny, Allow: a.cfg.egressAllow, Own: a.own})
	if err != nil {
		return &usageError{err.Error(), ""}
	}
	a.egress = egress
	a.worker, err = connector.NewWorker(connector.WorkerConfig{
		Ledger: a.store, Registry: a.store, Log: a.log, Name: a.name(), Drain: time.Duration(a.cfg.drain), Egress: egress, Observe: a.observe(h.observe),
		Sharing: a.sharing(), Tell: a.tell,
	})
	if err != nil {
		return err
	}
	if a.jobs, err = connector.NewJobWorker(connector.JobWorkerConfig{Desk: a.store, Log: a.log}); err != nil {
		return err
	}
	a.tidying, err = connector.NewHousekeeping(connector.HousekeepingConfig{
		Sweeper: a.store, Look: a.store.LookAtQueues, Log: a.log, Removed: a.metrics.Removed, Retention: connector.Retention{
			Keep: time.Duration(a.cfg.keep), KeepFailed: time.Duration(a.cfg.keepFailed), Remember: time.Duration(a.cfg.streamMaxAge) + 24*time.Hour,
		},
	})
	if err != nil {
		return err
	}
	inbox, err := connector.NewInbox(connector.InboxConfig{Acceptor: a.store, Wake: a.fresh, Log: a.log, Note: a.metrics.Accepted})
	if err != nil {
		return err
	}
	a.reader, err = intake.NewReader(intake.ReaderConfig{
		Conn: a.conn, Inbox: inbox, Log: a.log, Stream: a.cfg.stream, Consumer: a.cfg.consumer, Replicas: a.cfg.streamReplicas,
		MaxBytes: int64(a.cfg.streamMaxBytes), MaxAge: time.Duration(a.cfg.streamMaxAge), Mark: a.mark, Position: a.store.Position,
	})
	if err != nil {
		return err
	}
	if err := a.openCluster(); err != nil {
		return err
	}
	if err := a.openDigests(); err != nil {
		return err
	}
	a.publisher, err = intake.NewPublisher(intake.PublisherConfig{Conn: a.conn, Stream: a.cfg.stream, Ready: a.takes})
	return err
}

// takes says why an event could not be kept now.
func (a *app) takes() error {
	if a.stopping.Load() {
		return &connector.Error{
			Kind: connector.Unavailable, Op: "publish an event", Msg: "the server is stopping", Hint: "nothing was stored; send it again when it runs",
		}
	}
	if err := a.folder.lost(); err != nil {
		return err
	}
	if a.nats != nil {
		if err := a.nats.Health(); err != nil {
			return err
		}
	}
	return a.reader.Fit()
}

// own names this server's own listeners, which no connection may address.
func (a *app) own() []netip.AddrPort {
	var out []netip.AddrPort
	add := func(address string) {
		if p, err := netip.ParseAddrPort(address); err == nil {
			out = append(out, p)
		}
	}
	add(a.listener.Addr().String())
	if a.nats != nil {
		if u, err := url.Parse(a.nats.Addr()); err == nil {
			add(u.Host)
		}
	}
	return out
}

// run serves until ctx ends, then stops in order: the reader takes nothing more, the worker finishes what is in flight, the API
// answers what it was asked. It returns nil after an orderly stop.
func (a *app) run(ctx context.Context) error {
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	defer stopSending()
	failed, gone := make(chan error, 3), make(chan error, 1)
	var reader, worker, api sync.WaitGroup
	start := func(wg *sync.WaitGroup, part string, f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				failed <- fmt.Errorf("%s: %w", part, err)
			}
		})
	}
	start(&worker, "worker", func() error { return a.worker.Run(sending) })
	start(&worker, "jobs", func() error { return a.worker.Hold(sending, connector.SeatJobs, a.jobs.Run) })
	start(&worker, "housekeeping", func() error { return a.worker.Hold(sending, connector.SeatHousekeeping, a.tidying.Run) })
	start(&worker, "digests", func() error { return a.worker.Hold(sending, connector.SeatDigests, a.digester.Run) })
	start(&reader, "reader", func() error { return a.worker.Hold(reading, connector.SeatReader, a.reader.Run) })
	if a.cluster != nil {
		start(&worker, "cluster", func() error { return a.cluster.run(sending) })
	}
	start(&api, "API", func() error {
		if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	looking, stopLooking := context.WithCancel(sending)
	defer stopLooking()
	go func() { gone <- a.folder.watch(looking) }()
	a.log.Info("ready", "api", a.address(), "nats", a.natsAddress(), "data_dir", a.cfg.dataDir, "version", version)
	var err error
	select {
	case <-ctx.Done():
		a.log.Info("stopping", "drain", time.Duration(a.cfg.drain))
	case err = <-failed:
		a.log.Error("a part has ended, stopping", "error", err)
	case err = <-gone:
		// At once, and without tidying up: what would be written now is lost, or spoils what was put in the folder's place.
		a.lost = true
		a.stopping.Store(true)
		stopReading()
		stopSending()
		return errors.Join(err, a.http.Close())
	}
	stopLooking()
	a.stopping.Store(true)
	stopReading()
	reader.Wait()
	stopSending()
	worker.Wait()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpGrace)
	defer cancel()
	if serr := a.http.Shutdown(grace); serr != nil {
		serr = a.http.Close() // what was still open were streams that have no end
		err = errors.Join(err, serr)
	}
	api.Wait()
	a.log.Info("stopped")
	return err
}

// natsAddress is where events are sent to.
func (a *app) natsAddress() string {
	if a.nats != nil {
		return a.nats.Addr()
	}
	return a.conn.ConnectedUrlRedacted()
}
