package natsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
)

// startLimit bounds the wait for the listener. Reading what JetStream has on disk comes before it and is not bounded.
const startLimit = 10 * time.Second

// A Server is a NATS server inside this process. Its methods may be called from many goroutines.
//
// It outlives the nats-server that it runs: one that could not write to the disk takes no event any more, ever, so it is
// stopped and another is started in its place when the disk takes data again. Connections that Connect gave come back by themselves.
type Server struct {
	cfg     Config
	options *server.Options // of each nats-server; cloned, since it changes its own
	listens bool
	connect []nats.Option
	lock    *os.File
	close   sync.Once
	ended   context.Context // ends with Close
	end     context.CancelFunc
	watch   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	nats    *server.Server
	log     *logger // of nats
	addr    string
	trouble error // why no event is taken just now
}

// Start locks the folder, checks what is in it, starts the server and returns when clients can come in. Its errors say in words
// what is taken, damaged or wrong, and what to do. ctx bounds the start alone; Close ends the server.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	o, err := cfg.options()
	if err != nil {
		return nil, err
	}
	connect, err := identity(cfg, o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.StoreDir, 0o700); err != nil {
		return nil, &connector.Error{
			Kind: connector.Unavailable, Op: "start NATS", Msg: "cannot make the folder " + o.StoreDir,
			Hint: "choose another by --data-dir, or give the user who runs todosync the right to write there", Err: err,
		}
	}
	held, err := lock(o.StoreDir)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, options: o, connect: connect, lock: held, listens: !o.DontListen}
	s.ended, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.boot(ctx); err != nil {
		s.Close()
		return nil, err
	}
	if o.Host != "" && s.listens && !loopback(o.Host) && len(o.Users)+len(o.Nkeys) == 0 && o.Authorization == "" &&
		(o.TLSConfig == nil || !o.TLSVerify) {
		cfg.Log.Warn("the embedded NATS lets in everybody who reaches it", "address", s.Addr())
	}
	s.watch.Go(s.supervise)
	return s, nil
}

// boot checks the folder, starts a nats-server on it and waits until it is usable. Where it fails, none runs.
func (s *Server) boot(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	ns, err := server.NewServer(s.options.Clone())
	if err != nil {
		return &connector.Error{
			Kind: connector.Invalid, Op: "start NATS", Msg: "its settings do not fit together",
			Hint: "check the file given as --nats-config", Err: err,
		}
	}
	s.mu.Lock()
	s.nats, s.log = ns, &logger{log: s.cfg.Log, broken: make(chan string, 1)}
	s.mu.Unlock()
	if err := s.start(ctx, net.JoinHostPort(s.options.Host, strconv.Itoa(s.options.Port))); err != nil {
		s.halt()
		return err
	}
	if addr, ok := ns.Addr().(*net.TCPAddr); ok && s.listens {
		s.options.Port = addr.Port // also where any would do: clients look for the next one there
		s.mu.Lock()
		s.addr = "nats://" + addr.String()
		s.mu.Unlock()
	}
	return nil
}

// halt ends the nats-server that runs, and waits until it has written what it can.
func (s *Server) halt() {
	ns, _ := s.current()
	if ns != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
	}
}

// current is the nats-server that runs, or ran last.
func (s *Server) current() (*server.Server, *logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nats, s.log
}

func (s *Server) start(ctx context.Context, address string) error {
	ns, log := s.current()
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	deadline := time.Now().Add(startLimit)
	for log.cause() == nil && !ns.ReadyForConnections(100*time.Millisecond) {
		if time.Now().After(deadline) {
			return &connector.Error{
				Kind: connector.Unavailable, Op: "start NATS", Msg: fmt.Sprintf("it is not ready after %s", startLimit),
				Hint: "look at the log for what NATS says (--log-level debug)",
			}
		}
	}
	switch err := log.cause(); {
	case err == nil:
	case errors.Is(err, syscall.EADDRINUSE):
		return &connector.Error{
			Kind: connector.Conflict, Op: "start NATS", Msg: "another program listens on " + address + " already",
			Hint: "stop it (a NATS server, or another todosync?), choose another address by --nats-listen, " +
				"or use that NATS by --nats nats://" + address, Err: err,
		}
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EADDRNOTAVAIL):
		return &connector.Error{
			Kind: connector.Invalid, Op: "start NATS", Msg: "cannot listen on " + address,
			Hint: "choose an address of this machine, with a port above 1023, by --nats-listen", Err: err,
		}
	default:
		return &connector.Error{
			Kind: connector.Unavailable, Op: "start NATS", Msg: "NATS does not start",
			Hint: "check the disk and the folder of its data", Err: err,
		}
	}
	return s.usable(ctx)
}

// usable makes sure that the worker can come in and has JetStream, which a configuration file may have spoilt.
func (s *Server) usable(ctx context.Context) error {
	nc, err := s.Connect("todosync start")
	if err != nil {
		return &connector.Error{
			Kind: connector.Invalid, Op: "start NATS", Msg: "the worker cannot connect to its own NATS",
			Hint: "check the users in --nats-config, and --nats-user and its password", Err: err,
		}
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if _, err := js.AccountInfo(ctx); err != nil {
		return &connector.Error{
			Kind: connector.Invalid, Op: "start NATS", Msg: "the worker has no JetStream",
			Hint: "write `jetstream: enabled` into its account in --nats-config, and give its user the right to use $JS.API.>",
			Err:  err,
		}
	}
	return nil
}

// Connect opens a connection that goes through memory, not through a port; it lives as long as the Server, whichever nats-server
// runs. name shows in NATS's monitoring. Further options come after the server's own.
func (s *Server) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.Name(name), nats.InProcessServer(s), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
		nats.IgnoreAuthErrorAbort(), // a server that is about to stop may refuse for reasons of its own
	}, s.connect...)
	nc, err := nats.Connect("", append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS: %w", err)
	}
	return nc, nil
}

// InProcessConn gives the client library a way to the nats-server that runs now: it asks for one at each reconnect.
func (s *Server) InProcessConn() (net.Conn, error) {
	ns, _ := s.current()
	if ns == nil {
		return nil, errors.New("the embedded NATS does not run")
	}
	return ns.InProcessConn()
}

// Addr is the address of the listener as a client writes it, nats://127.0.0.1:4222; empty where there is none.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Health is nil while the server takes events.
func (s *Server) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.trouble != nil:
		return s.trouble
	case s.nats != nil && s.nats.Running():
		return nil
	}
	e := &connector.Error{
		Kind: connector.Unavailable, Msg: "the embedded NATS has stopped", Hint: "look at the log and restart todosync",
	}
	if s.log != nil {
		e.Err = s.log.cause()
	}
	return e
}

// Close stops the server, waits until JetStream has written what it has, and unlocks the folder. Connections must be
// drained before. It may be called twice.
func (s *Server) Close() {
	s.close.Do(func() {
		s.end()
		s.watch.Wait()
		s.halt()
		_ = s.lock.Close() // the kernel unlocks with it
	})
}
