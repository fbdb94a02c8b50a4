package intake

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"todosync/connector"
)

// A DialConfig says which NATS is used and how it is entered.
type DialConfig struct {
	URLs       string // nats://host:4222, several with commas. Required.
	Creds      string // file with credentials, optional
	CA         string // file with the certificates that sign the server's, optional
	User       string // optional; its Password never stands in URLs
	Password   string
	ClientName string       // shows in NATS's monitoring; todosync by default
	Log        *slog.Logger // required
}

// Dial opens a connection that comes back for ever. It does not wait for the first one: where NATS is away, Dial returns all the
// same and the connection comes up when NATS does; Reader.Health says so meanwhile. Errors are of kind Invalid: an address or a file is wrong.
func Dial(cfg DialConfig) (*nats.Conn, error) {
	if cfg.URLs == "" || cfg.Log == nil {
		return nil, errors.New("dial NATS: URLs and Log are needed")
	}
	name := cfg.ClientName
	if name == "" {
		name = "todosync"
	}
	options := append(Options(cfg.Log), nats.Name(name), nats.RetryOnFailedConnect(true))
	if cfg.Creds != "" {
		options = append(options, nats.UserCredentials(cfg.Creds))
	}
	if cfg.CA != "" {
		options = append(options, nats.RootCAs(cfg.CA))
	}
	if cfg.User != "" {
		options = append(options, nats.UserInfo(cfg.User, cfg.Password))
	}
	nc, err := nats.Connect(cfg.URLs, options...)
	if err != nil {
		return nil, &connector.Error{
			Kind: connector.Invalid, Op: "connect to NATS", Msg: "the settings for NATS at " + hosts(cfg.URLs) + " are not right",
			Hint: "check --nats, --nats-creds and --nats-tls-ca", Err: err,
		}
	}
	return nc, nil
}

// Options are the settings for any connection that a Reader uses, also for one within the process: reconnect for ever,
// notice a dead peer within half a minute, and log each loss once.
func Options(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), // what cannot be sent fails at once, and is tried again by who knows what it was
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("nats connection is back", "server", nc.ConnectedServerName()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("nats error", "error", err) }),
	}
}

// whileConnected ends the wait for an answer when the connection is lost: the answer is, too. The function must be called in the end.
func whileConnected(ctx context.Context, nc *nats.Conn) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	lost := nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	go func() {
		select {
		case <-lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		nc.RemoveStatusListener(lost)
	}
}

// hosts takes what is secret out of a list of addresses.
func hosts(urls string) string {
	list := strings.Split(urls, ",")
	for i, u := range list {
		if at := strings.LastIndexByte(u, '@'); at >= 0 {
			u = u[at+1:]
		}
		list[i] = strings.TrimSpace(u)
	}
	return strings.Join(list, ", ")
}
