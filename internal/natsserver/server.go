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
type Server struct {
	nats    *server.Server
	listens bool
	log     *logger
	connect []nats.Option
	lock    *os.File
	close   sync.Once
}

// Start locks the folder, starts the server and returns when clients can come in. Its errors say in words what is taken
// or wrong, and what to do. ctx bounds the start alone; Close ends the server.
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
	s := &Server{log: &logger{log: cfg.Log}, connect: connect, lock: held, listens: !o.DontListen}
	address := net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
	if s.nats, err = server.NewServer(o); err != nil {
		_ = held.Close()
		return nil, &connector.Error{
			Kind: connector.Invalid, Op: "start NATS", Msg: "its settings do not fit together",
			Hint: "check the file given as --nats-config", Err: err,
		}
	}
	if err := s.start(ctx, address); err != nil {
		s.Close()
		return nil, err
	}
	if o.Host != "" && s.listens && !loopback(o.Host) && len(o.Users)+len(o.Nkeys) == 0 && o.Authorization == "" &&
		(o.TLSConfig == nil || !o.TLSVerify) {
		cfg.Log.Warn("the embedded NATS lets in everybody who reaches it", "address", s.Addr())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, address string) error {
	s.nats.SetLoggerV2(s.log, false, false, false)
	s.nats.Start()
	deadline := time.Now().Add(startLimit)
	for s.log.cause() == nil && !s.nats.ReadyForConnections(100*time.Millisecond) {
		if time.Now().After(deadline) {
			return &connector.Error{
				Kind: connector.Unavailable, Op: "start NATS", Msg: fmt.Sprintf("it is not ready after %s", startLimit),
				Hint: "look at the log for what NATS says (--log-level debug)",
			}
		}
	}
	switch err := s.log.cause(); {
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

// Connect opens a connection that goes through memory, not through a port; it lives as long as the server. name shows in
// NATS's monitoring. Further options come after the server's own.
func (s *Server) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.Name(name), nats.InProcessServer(s.nats), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
	}, s.connect...)
	nc, err := nats.Connect("", append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS: %w", err)
	}
	return nc, nil
}

// Addr is the address of the listener as a client writes it, nats://127.0.0.1:4222; empty where there is none.
func (s *Server) Addr() string {
	if !s.listens || s.nats.Addr() == nil {
		return ""
	}
	return "nats://" + s.nats.Addr().String()
}

// Health is nil while the server runs.
func (s *Server) Health() error {
	if s.nats.Running() {
		return nil
	}
	return &connector.Error{
		Kind: connector.Unavailable, Msg: "the embedded NATS has stopped", Hint: "look at the log and restart todosync",
		Err: s.log.cause(),
	}
}

// Close stops the server, waits until JetStream has written what it has, and unlocks the folder. Connections must be
// drained before. It may be called twice.
func (s *Server) Close() {
	s.close.Do(func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
		_ = s.lock.Close() // the kernel unlocks with it
	})
}
