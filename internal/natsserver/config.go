package natsserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"todosync/connector"
)

// The values that the zero of a Config's member stands for.
const (
	DefaultListen   = "127.0.0.1:4222"
	DefaultMaxStore = 8 << 30 // bytes; the stream's own limit is lower

	// NoListen as Config.Listen opens no port: only this process can connect.
	NoListen = "none"

	// maxPayload lets through what is larger than an event may be, so that it is rejected with a record (01-events).
	maxPayload = 2 << 20
)

// A Config says how the server runs.
type Config struct {
	// StoreDir is the folder of JetStream; it is made where it is missing. Required.
	StoreDir string
	// Listen is the address for clients: DefaultListen where it is empty (and no ConfigFile names one), NoListen for none;
	// port 0 takes any free port. Another than a loopback address needs a ConfigFile, since nothing else asks
	// clients who they are.
	Listen string
	// ConfigFile is a file in NATS's own format, for users, TLS and clusters; optional.
	ConfigFile string
	// MaxStore bounds what JetStream keeps on disk, in bytes; DefaultMaxStore where 0.
	MaxStore int64
	// SyncInterval is how long an acknowledged message may be only in the machine's memory. 0: each one is synced
	// before its acknowledgement, and a power cut loses none.
	SyncInterval time.Duration
	// User and Password are what Connect uses where the ConfigFile has users and the worker shall be one of them;
	// optional.
	User, Password string
	// Planned gives the sequence up to which a stream's events are in the store; optional. What is stored before it is not needed any
	// more, so that its blocks need no check at the start.
	Planned func(s connector.Stream) uint64
	// Found is told where each stream ends on the disk before a client can add to it; optional.
	Found func(s connector.Stream, end uint64)
	// Log is required. What the server notices goes there at level Debug, its warnings and errors at theirs.
	Log *slog.Logger
}

func (c Config) validate() error {
	var problems []error
	if c.StoreDir == "" {
		problems = append(problems, errors.New("StoreDir: a folder is needed"))
	}
	if c.Log == nil {
		problems = append(problems, errors.New("Log: a logger is needed"))
	}
	if c.MaxStore < 0 {
		problems = append(problems, errors.New("MaxStore: want 0 or more bytes"))
	}
	if c.SyncInterval < 0 {
		problems = append(problems, errors.New("SyncInterval: want 0 or more"))
	}
	return errors.Join(problems...)
}

// options reads the file, where there is one, and lays the Config over it.
func (c Config) options() (*server.Options, error) {
	o := &server.Options{}
	if c.ConfigFile != "" {
		var err error
		if o, err = c.file(); err != nil {
			return nil, err
		}
	}
	if err := c.listen(o); err != nil {
		return nil, err
	}
	store, err := filepath.Abs(c.StoreDir)
	if err != nil {
		return nil, fmt.Errorf("resolve the NATS folder: %w", err)
	}
	o.JetStream, o.StoreDir = true, store
	o.NoSigs = true // signals are the program's
	if o.ServerName == "" {
		o.ServerName = "todosync"
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = maxPayload
	}
	if o.JetStreamMaxMemory <= 0 {
		o.JetStreamMaxMemory = 16 << 20 // nothing of ours lives in memory only
	}
	if o.JetStreamMaxStore <= 0 {
		o.JetStreamMaxStore = DefaultMaxStore
		if c.MaxStore > 0 {
			o.JetStreamMaxStore = c.MaxStore
		}
	}
	o.SyncAlways = c.SyncInterval == 0
	if !o.SyncAlways {
		o.SyncInterval = c.SyncInterval
	}
	return o, nil
}

// file reads ConfigFile.
func (c Config) file() (*server.Options, error) {
	if _, err := os.Stat(c.ConfigFile); err != nil {
		return nil, &connector.Error{
			Kind: connector.Invalid, Op: "read the NATS configuration", Msg: "cannot read " + c.ConfigFile,
			Hint: "check the path given as --nats-config", Err: err,
		}
	}
	o, err := server.ProcessConfigFile(c.ConfigFile)
	if err != nil {
		return nil, &connector.Error{
			Kind: connector.Invalid, Op: "read the NATS configuration", Msg: c.ConfigFile + " is not right: " + err.Error(),
			Hint: "it is a file in NATS's own format; nats-server -t -c FILE checks it, too",
		}
	}
	if o.StoreDir != "" {
		return nil, &connector.Error{
			Kind: connector.Invalid, Op: "read the NATS configuration",
			Msg:  c.ConfigFile + " names a store_dir, but the embedded NATS keeps its data in " + c.StoreDir,
			Hint: "take store_dir out of the file, or run that NATS on its own and give its address as --nats",
		}
	}
	return o, nil
}

// listen puts Listen into the options, and refuses an open door.
func (c Config) listen(o *server.Options) error {
	address := c.Listen
	switch {
	case address == NoListen:
		o.DontListen = true
		return nil
	case address == "" && c.ConfigFile != "" && (o.Port != 0 || o.Host != ""):
		return c.guard(o, o.Host, net.JoinHostPort(o.Host, strconv.Itoa(o.Port)))
	case address == "":
		address = DefaultListen
	}
	host, port, err := net.SplitHostPort(address)
	number, convErr := strconv.ParseUint(port, 10, 16)
	if err != nil || convErr != nil {
		return &connector.Error{
			Kind: connector.Invalid, Op: "start NATS", Msg: fmt.Sprintf("%q is not an address to listen on", address),
			Hint: "write --nats-listen as HOST:PORT, such as " + DefaultListen,
		}
	}
	if err := c.guard(o, host, address); err != nil {
		return err
	}
	o.Host, o.Port = host, int(number)
	if number == 0 {
		o.Port = server.RANDOM_PORT
	}
	return nil
}

// loopback reports whether only this machine reaches host. An empty host is all addresses.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
